"""`connectors.config`: its keys, what each may hold, and what holds where a key is not set."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError, ValidationInfo
from pydantic import field_validator as validator

from coppermind_pipeline import crm
from coppermind_pipeline.catalog import RecordSettings
from coppermind_pipeline.connectors.errors import InvalidConfigValue, UnknownConfigKey
from coppermind_pipeline.wording import did_you_mean_part

BACKFILL_SINCE = "hubspot_backfill_since"
POLL_INTERVAL_MINUTES = 15


class Cadence(StrEnum):
    """How often synthesis is refreshed."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"


def _instant(value: Any) -> datetime:
    # pydantic would take numbers too, and a bare date as midnight of a zone that nobody named.
    instant = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    if instant.tzinfo is None:
        msg = "needs a time zone, such as 2024-01-01T00:00:00Z"
        raise ValueError(msg)
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        msg = "lies outside of the calendar"
        raise ValueError(msg) from None


def _zone(value: Any) -> str:
    name = str(value).strip()
    if crm.time_zone(name) is None:
        msg = "is not a time zone such as Europe/Berlin"
        raise ValueError(msg)
    return name


def _entries(value: Any) -> Any:
    return tuple(entry.strip() for entry in value.split(",") if entry.strip()) if isinstance(value, str) else value


_Instant = Annotated[datetime, BeforeValidator(_instant)]
_Zone = Annotated[str, BeforeValidator(_zone)]
_Share = Annotated[Decimal, Field(ge=0, le=1), PlainSerializer(str, when_used="json")]
_PropertyName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,200}$")]
_Status = Annotated[str, Field(min_length=1, max_length=200)]


class ConnectorConfig(BaseModel):
    """A connector's configuration; a key that is not set has the default of its field.

    The filter keys hold lists and maps in the form that `crm.check_filter_setting` returns.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    hubspot_backfill_since: _Instant | None = Field(
        default=None, description="start of the historical window, ISO 8601 with zone; default: two years back"
    )
    hubspot_synthesis_cadence: Cadence = Field(default=Cadence.WEEKLY, description="weekly or monthly")
    hubspot_excluded_emails: Any = Field(default=None, description="contacts with these e-mail addresses are left out")
    excluded_emails: Any = Field(default=None, description="the same, added to hubspot_excluded_emails")
    hubspot_excluded_email_domains: Any = Field(
        default=None, description="contacts with e-mail addresses in these domains or their subdomains are left out"
    )
    hubspot_excluded_domains: Any = Field(default=None, description="the same, added up")
    excluded_email_domains: Any = Field(default=None, description="the same, added up")
    hubspot_property_filters: Any = Field(
        default=None, description="records must match: {property: value or [values]}, flat or by object type"
    )
    hubspot_filters: Any = Field(default=None, description="a second map of the same kind; both must match")
    poll_interval_minutes: int = Field(
        default=POLL_INTERVAL_MINUTES, ge=1, le=1440, description="time between two polls"
    )
    late_stage_probability: _Share = Field(
        default=crm.LATE_STAGE_PROBABILITY, description="an open deal's stage is late from this probability on, 0 to 1"
    )
    hubspot_disqualified_statuses: Annotated[tuple[_Status, ...], BeforeValidator(_entries)] = Field(
        default=("UNQUALIFIED",), description="lead statuses, by internal value, that mean disqualified"
    )
    hubspot_loss_reason_property: _PropertyName = Field(
        default=crm.LOSS_REASON_PROPERTY, description="deal property that holds the reason of a lost deal"
    )
    report_timezone: _Zone | None = Field(default=None, description="zone of reports; default: the portal's")
    fiscal_year_start_month: int = Field(default=1, ge=1, le=12, description="month in which the fiscal year starts")

    @validator(*crm.FILTER_KEYS)
    @classmethod
    def _filter(cls, value: Any, info: ValidationInfo) -> Any:
        return value if value is None else crm.check_filter_setting(str(info.field_name), value)

    @property
    def of_records(self) -> RecordSettings:
        """What records mean depends on these: a change takes effect as a sync interprets the records again."""
        return RecordSettings(
            filters=self.model_dump(mode="json", include=set(crm.FILTER_KEYS), exclude_none=True),
            late_stage_probability=self.late_stage_probability,
            loss_reason_property=self.hubspot_loss_reason_property,
        )

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> Self:
        """Return the configuration that is stored, whoever wrote it: a value that can't be used counts as not set.

        An unusable filter is kept as it is, because `crm.compile_filters` turns it into a problem that holds its
        records back: leaving it out would let through what somebody wanted filtered.
        """
        try:
            return cls.model_validate(dict(stored))
        except (ValidationError, crm.FilterConfigError):
            usable = {key: value for key, value in stored.items() if not config_faults({key: value})}
            unusable_filters = {k: v for k, v in stored.items() if k in crm.FILTER_KEYS and k not in usable}
            return cls.model_validate(usable).model_copy(update=unusable_filters)


def merged(stored: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored configuration with the changes merged in, each value in its stored form; None removes a key.

    Raises:
        UnknownConfigKey: names the nearest known key.
        InvalidConfigValue, crm.FilterConfigError: names the key, what is wrong and what is expected.
    """
    for key in changes:
        if key not in ConnectorConfig.model_fields:
            raise _unknown(key)
    result = dict(stored)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
            continue
        try:
            checked = ConnectorConfig.model_validate({key: value})
        except ValidationError as error:
            raise InvalidConfigValue(_fault(key, value, error), hint=_expectation(key)) from error
        result[key] = checked.model_dump(mode="json", include={key})[key]
    return result


def config_faults(stored: Mapping[str, Any]) -> dict[str, str]:
    """Return, by key, what is wrong with values that were stored without `merged`."""
    faults: dict[str, str] = {}
    for key, value in stored.items():
        try:
            merged({}, {key: value})
        except (UnknownConfigKey, InvalidConfigValue, crm.FilterConfigError) as error:
            faults[key] = error.message
    return faults


def _unknown(key: str) -> UnknownConfigKey:
    return UnknownConfigKey(
        f"There is no configuration key {key!r}.",
        hint=did_you_mean_part(key, _known_keys(), otherwise=f"The keys are {', '.join(_known_keys())}."),
    )


def _fault(key: str, value: Any, error: ValidationError) -> str:
    said = error.errors()[0]["msg"].removeprefix("Value error, ")
    return f"{key}: {value!r} can't be used: {said}."


def _expectation(key: str) -> str:
    return f"{key}: {ConnectorConfig.model_fields[key].description}."


@cache
def _known_keys() -> tuple[str, ...]:
    return tuple(ConnectorConfig.model_fields)

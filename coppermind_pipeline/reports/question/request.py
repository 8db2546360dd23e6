"""What a report can be asked for."""

from collections.abc import Mapping
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from coppermind_pipeline.crm import Outcome, time_zone
from coppermind_pipeline.memories import Audience
from coppermind_pipeline.reports.errors import ReportArgumentError
from coppermind_pipeline.reports.question.period_names import period_name
from coppermind_pipeline.reports.question.periods import CompareTo
from coppermind_pipeline.wording import did_you_mean

PAGE_MAX = 1_000_000
PAGE_ROWS_MAX = 1_000
GROUPS_MAX = 1_000
OUTCOMES: tuple[Outcome, ...] = ("won", "lost", "open")
ENTERED_STAGE_PROPERTY = "hs_v2_date_entered_{stage}"

# What a client is not to read group by group, and what to ask for instead.
_NOT_FOR_CLIENTS = {
    "owner": "Owners' figures are not for a client; group by source, country or month instead.",
    "loss_reason": "Reasons are quotes from single deals, which are not for a client; group by loss_theme instead.",
}

_YEARS = range(1900, 3000)


class DateBasis(StrEnum):
    """Which of a deal's dates decides the period that it is counted in."""

    CLOSEDATE = "closedate"
    CLOSED_WON_DATE = "hs_closed_won_date"
    ENTERED_CLOSED_WON = "date_entered_closed_won"
    ENTERED_CURRENT_STAGE = "date_entered_current_stage"
    LAST_MODIFIED = "hs_lastmodifieddate"

    @property
    def label(self) -> str:
        """The basis in words."""
        return _BASES[self][0]

    @property
    def hubspot_property(self) -> str:
        """The property that has the date; of entry into a won stage, each stage has its own."""
        return _PROPERTIES[self]

    @property
    def column(self) -> str:
        """The column of the reporting store that holds the date of won and open deals."""
        return _BASES[self][1]

    @property
    def lost_column(self) -> str:
        """The same for lost deals, which the two won-only bases date by their close date."""
        return "close_at" if self in {DateBasis.CLOSED_WON_DATE, DateBasis.ENTERED_CLOSED_WON} else self.column


_BASES = {
    DateBasis.CLOSEDATE: ("close date", "close_at"),
    DateBasis.CLOSED_WON_DATE: ("closed-won date (lost deals by close date)", "closed_won_at"),
    DateBasis.ENTERED_CLOSED_WON: (
        "date of entry into a closed-won stage (lost deals by close date)",
        "entered_closed_won_at",
    ),
    DateBasis.ENTERED_CURRENT_STAGE: ("date of entry into the current stage", "entered_stage_at"),
    DateBasis.LAST_MODIFIED: ("last modified date", "modified_at"),
}

_PROPERTIES = {
    DateBasis.CLOSEDATE: "closedate",
    DateBasis.CLOSED_WON_DATE: "hs_closed_won_date",
    DateBasis.ENTERED_CLOSED_WON: ENTERED_STAGE_PROPERTY,
    DateBasis.ENTERED_CURRENT_STAGE: "hs_v2_date_entered_current_stage",
    DateBasis.LAST_MODIFIED: "hs_lastmodifieddate",
}


class GroupBy(StrEnum):
    """What a report's figures are broken down by."""

    SOURCE = "source"
    OWNER = "owner"
    PIPELINE = "pipeline"
    STAGE = "stage"
    COUNTRY = "country"
    REGION = "region"
    MONTH = "month"
    COMPANY = "company"
    LOSS_THEME = "loss_theme"
    LOSS_REASON = "loss_reason"

    @property
    def of_losses(self) -> bool:
        """Whether the groups hold lost deals alone."""
        return self in {GroupBy.LOSS_THEME, GroupBy.LOSS_REASON}


class RangeRequest(BaseModel):
    """What every report of a range takes.

    Times without a zone are in the report's zone. Build it by `from_arguments` where the arguments come from outside.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    period: str | None = Field(default=None, description="e.g. this_quarter, last_month, 2026-11, 2026-Q3, FY2026")
    start: datetime | None = Field(default=None, description="first moment of the range; a bare date is midnight")
    end: datetime | None = Field(default=None, description="first moment after the range")
    connector_id: str | None = None
    compare_to: CompareTo | None = None
    as_of: datetime | None = Field(default=None, description="state of the CRM at that time; a bare date is its end")
    include_filtered: bool = Field(default=False, description="count what the connector's filters leave out")
    timezone: str | None = Field(default=None, description="IANA name, e.g. America/Phoenix")
    audience: Audience = Field(
        default=Audience.INTERNAL, description="client leaves out people, single deals' names, quoted reasons and ids"
    )
    groups_max: int = Field(default=100, ge=1, le=GROUPS_MAX, description="groups beyond that are added up as `other`")

    @property
    def for_client(self) -> bool:
        """Whether a client will read the report."""
        return self.audience is Audience.CLIENT

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any]) -> Self:
        """Check arguments from outside; None counts as not given.

        Raises:
            ReportArgumentError: names the argument and says what it takes.
        """
        given = {name: value for name, value in arguments.items() if value is not None}
        for name in given.keys() - cls.model_fields.keys():
            raise ReportArgumentError(
                f"The report has no argument {name!r}.",
                hint=did_you_mean(
                    name, cls.model_fields, otherwise=f"It takes {', '.join(cls.model_fields)}.", quoted=True
                ),
            )
        try:
            return cls(**given)
        except ValidationError as error:
            first = error.errors()[0]
            name = f"{first['loc'][0]}: " if first["loc"] else ""
            raise ReportArgumentError(f"{name}{first['msg'].removeprefix('Value error, ')}.") from error

    @field_validator("period", mode="before")
    @classmethod
    def _is_a_period(cls, value: Any) -> str | None:
        return value if value is None else period_name(str(value))

    @field_validator("start", "end", mode="before")
    @classmethod
    def _start_of_day(cls, value: Any) -> datetime | None:
        return value if value is None else _read_time(value, of_day=time.min)

    @field_validator("as_of", mode="before")
    @classmethod
    def _end_of_day(cls, value: Any) -> datetime | None:
        return value if value is None else _read_time(value, of_day=time.max)

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, value: str | None) -> str | None:
        zone = time_zone(value) if value is not None else None
        if value is not None and zone is None:
            msg = f"{value!r} is not a time zone such as America/Phoenix"
            raise ValueError(msg)
        return None if zone is None else zone.key

    @model_validator(mode="after")
    def _one_range(self) -> Self:
        if (self.start is None) != (self.end is None):
            msg = "start and end: a range takes both, end being the first day after it"
            raise ValueError(msg)
        if self.start is not None and self.period is not None:
            msg = "start and end: give either them or period"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _is_for_its_reader(self) -> Self:
        why = _NOT_FOR_CLIENTS.get(getattr(self, "group_by", None) or "") if self.for_client else None
        if why is not None:
            raise ValueError(why.rstrip("."))
        return self


class ReportRequest(RangeRequest):
    """The arguments of a CRM report."""

    date_basis: DateBasis = DateBasis.CLOSEDATE
    group_by: GroupBy | None = None
    outcome: tuple[Outcome, ...] | None = Field(
        default=None, description="count and list deals of these outcomes alone: won, lost, open; several by commas"
    )
    detail: bool = Field(default=False, description="list the deals, too")
    live_fallback: bool = Field(default=False, description="pull the changed deals first where the store is stale")
    page: int = Field(default=1, ge=1, le=PAGE_MAX, description="of the rows")
    page_rows: int = Field(default=16, ge=1, le=PAGE_ROWS_MAX)

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The outcomes that count: all, where none is named."""
        return self.outcome or OUTCOMES

    @property
    def group_outcomes(self) -> tuple[Outcome, ...]:
        """Those of the deals in its groups."""
        return ("lost",) if self.group_by is not None and self.group_by.of_losses else self.outcomes

    @field_validator("outcome", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        wanted = value.split(",") if isinstance(value, str) else value
        if not isinstance(wanted, list | tuple):
            return wanted
        words = [each.strip().lower() if isinstance(each, str) else each for each in wanted]
        # None of them is no condition, as is leaving the argument out.
        return tuple(dict.fromkeys(word for word in words if word != "")) or None

    @model_validator(mode="after")
    def _losses_are_counted(self) -> Self:
        if self.group_by is not None and self.group_by.of_losses and "lost" not in self.outcomes:
            msg = f"group_by={self.group_by} is of lost deals, which outcome={','.join(self.outcomes)} leaves out"
            raise ValueError(msg)
        return self


def _read_time(value: Any, *, of_day: time) -> datetime:
    moment = value
    if isinstance(value, str):
        try:
            text = value.strip()
            moment = date.fromisoformat(text) if len(text) <= len("2026-11-01") else datetime.fromisoformat(text)
        except ValueError:
            moment = None
    if isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime.combine(moment, of_day)
    if not isinstance(moment, datetime) or moment.year not in _YEARS:
        msg = f"{value!r} is not a date such as 2026-11-01 or a time such as 2026-11-01T09:00:00Z"
        raise ValueError(msg)
    return moment

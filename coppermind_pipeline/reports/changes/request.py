"""What can be asked about changes: from when to when, of which pipeline, and which of the deals are listed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from coppermind_pipeline.crm import day_of, start_of, time_zone
from coppermind_pipeline.memories import Audience
from coppermind_pipeline.reports.changes.steps import LISTED
from coppermind_pipeline.reports.errors import ReportArgumentError
from coppermind_pipeline.reports.figures.history import require_history
from coppermind_pipeline.reports.question.frame import zone_of
from coppermind_pipeline.reports.question.period_names import period_name
from coppermind_pipeline.reports.question.periods import is_fiscal, named_range
from coppermind_pipeline.reports.question.request import PAGE_MAX, PAGE_ROWS_MAX
from coppermind_pipeline.reports.trust.portals import SyncedPortal
from coppermind_pipeline.wording import did_you_mean

DEFAULT_FROM = "this_month"

_YEARS = range(1900, 3000)
_DAY_CHARS = len("2026-11-01")
_DAYS_AGO = {"today": 0, "yesterday": 1}


class ChangesRequest(BaseModel):
    """The arguments of the changes. Build it by `from_arguments` where they come from outside.

    `from_` and `to` are dates, times, or periods as people write them; a time without zone is in the report's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    from_: str | None = Field(default=None, alias="from", description="from when, the end of last month by default")
    to: str | None = Field(default=None, description="until when, now by default")
    pipeline: str | None = Field(default=None, description="one pipeline alone, by its name or HubSpot id")
    connector_id: str | None = None
    period_end: date | None = Field(
        default=None, description="first day after the period that close dates leave or enter"
    )
    timezone: str | None = Field(default=None, description="IANA name, e.g. America/Phoenix")
    audience: Audience = Field(
        default=Audience.INTERNAL, description="client leaves out single deals' names, owners and ids"
    )
    step: str | None = Field(default=None, description=f"list the deals of this step alone: {', '.join(LISTED)}")
    page: int = Field(default=1, ge=1, le=PAGE_MAX, description="of the deals")
    page_rows: int = Field(default=16, ge=1, le=PAGE_ROWS_MAX)

    @field_validator("period_end", mode="before")
    @classmethod
    def _read_day(cls, value: Any) -> Any:
        try:
            return datetime.fromisoformat(value.strip()).date() if isinstance(value, str) else value
        except ValueError:
            msg = f"{value!r} is not a day such as 2027-01-01"
            raise ValueError(msg) from None

    @property
    def for_client(self) -> bool:
        """Whether a client will read the answer."""
        return self.audience is Audience.CLIENT

    @classmethod
    def arguments(cls) -> tuple[str, ...]:
        """Return the names of the arguments, as callers write them."""
        return tuple(about.alias or name for name, about in cls.model_fields.items())

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any]) -> Self:
        """Check arguments from outside; None counts as not given.

        Raises:
            ReportArgumentError: names the argument and says what it takes.
        """
        given = {name: value for name, value in arguments.items() if value is not None}
        for name in given.keys() - set(cls.arguments()):
            otherwise = f"It takes {', '.join(cls.arguments())}."
            raise ReportArgumentError(
                f"The changes have no argument {name!r}.",
                hint=did_you_mean(name, cls.arguments(), otherwise=otherwise, quoted=True),
            )
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            name = f"{first['loc'][0]}: " if first["loc"] else ""
            raise ReportArgumentError(f"{name}{first['msg'].removeprefix('Value error, ')}.") from error

    @field_validator("from_", "to", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return value.isoformat() if isinstance(value, date) else value

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, value: str | None) -> str | None:
        zone = time_zone(value) if value is not None else None
        if value is not None and zone is None:
            msg = f"{value!r} is not a time zone such as America/Phoenix"
            raise ValueError(msg)
        return None if zone is None else zone.key

    @field_validator("step")
    @classmethod
    def _is_listed(cls, value: str | None) -> str | None:
        if value is not None and value not in LISTED:
            msg = f"{value!r} is none of {', '.join(LISTED)}"
            raise ValueError(msg)
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesFrame:
    """From when to when, in UTC, and the day that close dates move across.

    Attributes:
        shortened: nobody said from when, and the portals have been followed only since then.
        period_end: the first day after the period; None where the portals' fiscal years differ and nobody named it.
    """

    zone: ZoneInfo
    zone_assumed: bool
    start: datetime
    end: datetime
    shortened: bool
    period_end: date | None


def frame_of(request: ChangesRequest, portals: Sequence[SyncedPortal], *, now: datetime) -> ChangesFrame:
    """Return the frame of the changes in these portals.

    Raises:
        ReportArgumentError: the range is empty or lies ahead, or one of its ends is no time.
        BeforeHistory: it starts before a portal had been read completely.
    """
    zone, zone_assumed = zone_of(request.timezone, portals)
    starts_in = {portal.config.fiscal_year_start_month for portal in portals} or {1}
    start = _Edge("from", zone, now, starts_in, at_end=False).moment(request.from_ or DEFAULT_FROM)
    end = now if request.to is None else min(_Edge("to", zone, now, starts_in, at_end=True).moment(request.to), now)
    followed = [portal.history_since for portal in portals if portal.history_since is not None]
    shortened = request.from_ is None and bool(followed) and start < max(followed) <= end
    if shortened:
        start = max(followed)
    require_history(portals, start, argument="from")
    if start >= end:
        raise ReportArgumentError(
            f"Nothing lies between {start.isoformat()} and {end.isoformat()}.",
            hint="from is the earlier time, to the later one; a bare date is its first moment.",
        )
    return ChangesFrame(
        zone=zone,
        zone_assumed=zone_assumed,
        start=start,
        end=end,
        shortened=shortened,
        period_end=request.period_end or _end_of_quarter(day_of(start, zone), starts_in),
    )


def _end_of_quarter(day: date, starts_in: set[int]) -> date | None:
    if len(starts_in) > 1:
        return None
    return named_range("this_fiscal_quarter", today=day, fiscal_year_start_month=min(starts_in)).end.date()


@dataclass(frozen=True, slots=True)
class _Edge:
    """One end of the range, as somebody wrote it."""

    argument: str
    zone: ZoneInfo
    now: datetime
    starts_in: set[int]
    at_end: bool

    def moment(self, written: str) -> datetime:
        said = written.strip().lower()
        today = day_of(self.now, self.zone)
        if said == "now":
            return self.now
        if said in _DAYS_AGO:
            return start_of(today - timedelta(days=_DAYS_AGO[said]), self.zone)
        return self._time(written.strip()) or self._edge_of_period(written, today)

    def _time(self, written: str) -> datetime | None:
        try:
            is_day = len(written) == _DAY_CHARS
            moment = (
                datetime.combine(date.fromisoformat(written), time.min) if is_day else datetime.fromisoformat(written)
            )
        except ValueError:
            return None
        if moment.year not in _YEARS:
            return None
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=self.zone)).astimezone(UTC)

    def _edge_of_period(self, written: str, today: date) -> datetime:
        try:
            name = period_name(written)
        except ReportArgumentError:
            raise ReportArgumentError(
                f"{self.argument}: {written!r} is no time.",
                hint="Write a date such as 2026-11-01, a time such as 2026-11-01T09:00:00Z, today, yesterday, or a "
                "period such as last_month: from is its start, to its end.",
            ) from None
        if is_fiscal(name) and len(self.starts_in) > 1:
            raise ReportArgumentError(
                f"The fiscal years of this mind's portals start in different months, so that {name} has no single "
                "start.",
                hint="Name one portal with connector_id, or a date.",
            )
        local = named_range(name, today=today, fiscal_year_start_month=min(self.starts_in))
        return local.moments(self.zone)[1 if self.at_end else 0]

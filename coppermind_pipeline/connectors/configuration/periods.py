"""Periods of synthesis: ISO weeks and calendar months in the zone of reports, and when the next one is due."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from coppermind_pipeline.connectors.configuration.config import Cadence
from coppermind_pipeline.crm import day_of, start_of
from coppermind_pipeline.errors import UsageError

# A period that begins for all at once is published in its first hours, each connector's by its phase.
SPREAD_OVER = timedelta(hours=4)

_WEEK = re.compile(r"([0-9]{4})-W([0-9]{2})")
_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")


class PeriodKeyError(UsageError):
    """That is not the key of a period that can be synthesized."""

    code = "period_key"
    hint = "Give an ISO week such as 2026-W47 or a month such as 2026-11, not later than the current one."


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A week or month.

    Attributes:
        key: `2026-W47` (ISO year and week) or `2026-11`.
        cadence: of which it is one.
        first_day: the first day of it.
        end_day: the first day after it.
    """

    key: str
    cadence: Cadence
    first_day: date
    end_day: date

    def start(self, zone: tzinfo) -> datetime:
        """Return its first moment in the zone, in UTC."""
        return start_of(self.first_day, zone)

    def end(self, zone: tzinfo) -> datetime:
        """Return the first moment after it, in UTC."""
        return start_of(self.end_day, zone)


def period_key_for(now: datetime, cadence: Cadence, zone: tzinfo) -> str:
    """Return the key of the period that a moment is in: `2026-W47` (ISO year and week) or `2026-11`."""
    day = day_of(now, zone)
    if cadence == Cadence.MONTHLY:
        return f"{day.year:04d}-{day.month:02d}"
    year, week, _ = day.isocalendar()
    return f"{year:04d}-W{week:02d}"


def parse_period_key(key: str) -> Period:
    """Return the period of a key, whose form tells its cadence.

    Raises:
        PeriodKeyError: the key names no week and no month.
    """
    try:
        if week := _WEEK.fullmatch(key):
            first = date.fromisocalendar(int(week[1]), int(week[2]), 1)
            return Period(key=key, cadence=Cadence.WEEKLY, first_day=first, end_day=first + timedelta(weeks=1))
        if month := _MONTH.fullmatch(key):
            first = date(int(month[1]), int(month[2]), 1)
            following = (first + timedelta(days=31)).replace(day=1)
            return Period(key=key, cadence=Cadence.MONTHLY, first_day=first, end_day=following)
    except (ValueError, OverflowError):  # week 60, month 13, year 0 or 9999
        pass
    raise PeriodKeyError(f"{key!r} is not the key of a week or month.")


def next_due(
    now: datetime,
    cadence: Cadence,
    zone: tzinfo,
    *,
    first_completed_at: datetime,
    is_first: bool,
    published_key: str | None,
    phase: float,
) -> datetime:
    """Return when synthesis is next due: in the current period's first hours, or the next one's if it is published.

    Args:
        first_completed_at: when the connector's backfill was complete for the first time.
        is_first: none was made yet, and somebody may be waiting for it: it is due at once.
        published_key: the key of the period that was published last, whatever its cadence.
        phase: the connector's share of the hours over which all syntheses are spread, from 0 to below 1.
    """
    if is_first:
        return first_completed_at
    current = parse_period_key(period_key_for(now, cadence, zone))
    begins_at = current.end(zone) if published_key == current.key else current.start(zone)
    return max(begins_at + phase * SPREAD_OVER, first_completed_at)

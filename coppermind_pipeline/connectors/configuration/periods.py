"""Periods of synthesis: ISO weeks and calendar months in the zone of reports, and when the next one is due."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from coppermind_pipeline.connectors.configuration.config import Cadence
from coppermind_pipeline.crm import day_of, start_of
from coppermind_pipeline.errors import UsageError

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


def next_due(now: datetime, cadence: Cadence, zone: tzinfo, *, published_key: str | None) -> datetime:
    """Return when synthesis is next due: not later than `now` while the current period is unpublished, else its end.

    Args:
        published_key: the key of the period that was published last, whatever its cadence; None before the first.
    """
    current = parse_period_key(period_key_for(now, cadence, zone))
    return current.end(zone) if published_key == current.key else current.start(zone)

"""The period that a moment is in, by a connector's cadence: an ISO week or a calendar month of the report zone."""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from coppermind_pipeline.connectors.configuration.config import Cadence
from coppermind_pipeline.crm import day_of, start_of


@dataclass(frozen=True, slots=True)
class Period:
    """A week (`2026-W47`, ISO year and week) or month (`2026-11`); `end` is excluded."""

    key: str
    start: datetime
    end: datetime


def period_at(moment: datetime, *, cadence: Cadence, zone: tzinfo) -> Period:
    """Return the period that an aware moment is in, as people in the zone see it; its bounds are in UTC."""
    day = day_of(moment, zone)
    if cadence is Cadence.MONTHLY:
        first = day.replace(day=1)
        following = (first + timedelta(days=31)).replace(day=1)
        return Period(f"{day:%Y-%m}", start_of(first, zone), start_of(following, zone))
    first = day - timedelta(days=day.weekday())
    year, week, _ = day.isocalendar()
    return Period(f"{year:04d}-W{week:02d}", start_of(first, zone), start_of(first + timedelta(weeks=1), zone))

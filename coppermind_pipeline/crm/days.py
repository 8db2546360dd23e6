"""Days and time zones: a datetime has a day only within a zone; a `date` property has a day and no zone."""

from datetime import UTC, date, datetime, time, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones


def day_of(moment: datetime, zone: tzinfo) -> date:
    """Return the calendar day of an aware datetime as people in the zone see it.

    A deal closed on 31 March at 20:00 in Phoenix is 1 April in UTC; only one of them is in the first quarter.
    """
    if moment.tzinfo is None:
        msg = "a moment without a zone has no day"
        raise ValueError(msg)
    return moment.astimezone(zone).date()


def start_of(day: date, zone: tzinfo) -> datetime:
    """Return the first moment of a day in the zone, in UTC."""
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def is_midnight_utc(moment: datetime) -> bool:
    """Say whether a datetime is midnight UTC: then it most likely was entered as a bare date, by an import."""
    return moment.astimezone(UTC).time() == time.min


def time_zone(name: str) -> ZoneInfo | None:
    """Return the zone of a name such as HubSpot's "US/Eastern"; None where there is no such zone."""
    key = name.strip()
    return ZoneInfo(key) if key in _zone_names() else None


@cache
def _zone_names() -> frozenset[str]:
    # The zone database's directory holds more files that can be read as zones, which PostgreSQL does not know.
    return frozenset(available_timezones() - {"localtime"})

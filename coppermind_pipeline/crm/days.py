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


def close_day(moment: datetime, zone: tzinfo) -> date:
    """Return the day on which a deal closes, as people mean it: of `closedate` and `hs_closed_won_date` alone.

    HubSpot's screens store the day that was picked with a time of day. Exactly midnight UTC comes from an import or
    through the API, and is a bare day: that one, in every zone. `close_moment` of the database says the same.
    """
    in_utc = moment.astimezone(UTC)
    return in_utc.date() if in_utc.time() == time.min else day_of(moment, zone)


def time_zone(name: str) -> ZoneInfo | None:
    """Return the zone of a name such as HubSpot's "US/Eastern"; None where there is no such zone."""
    key = name.strip()
    return ZoneInfo(key) if key in _zone_names() else None


@cache
def _zone_names() -> frozenset[str]:
    # The zone database's directory holds more files that can be read as zones, which PostgreSQL does not know.
    return frozenset(available_timezones() - {"localtime"})

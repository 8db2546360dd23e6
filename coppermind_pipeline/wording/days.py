"""Days and moments: "18 November 2026" in texts, "2026-11-18 12:00" where states and logs are told."""

from datetime import UTC, date, datetime, tzinfo
from zoneinfo import ZoneInfo

# Not strftime's, which are the process's locale's.
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December")  # fmt: skip


def day(value: date) -> str:
    """Return "1 October 2026"."""
    return f"{value.day} {month(value)}"


def day_range(first: date, last: date) -> str:
    """Return "1 July 2026 to 30 September 2026", and "1 July 2026" of a single day."""
    return day(first) if first == last else f"{day(first)} to {day(last)}"


def month(value: date) -> str:
    """Return "October 2026"."""
    return f"{_MONTHS[value.month - 1]} {value.year}"


def clock(moment: datetime, zone: tzinfo) -> str:
    """Return "18 November 2026, 07:00", for texts that name the zone beside it."""
    local = moment.astimezone(zone)
    return f"{day(local)}, {local:%H:%M}"


def clock_with_zone(moment: datetime, zone: ZoneInfo) -> str:
    """Return "18 November 2026, 07:00 (America/New_York)"."""
    return f"{clock(moment, zone)} ({zone.key})"


def iso_day(value: date) -> str:
    """Return "2026-11-18", the day in the zone that the value has."""
    return f"{value:%Y-%m-%d}"


def utc_minute(moment: datetime) -> str:
    """Return "2026-11-18 12:00", for texts and columns that say that it is UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def utc_second(moment: datetime) -> str:
    """Return "2026-11-18 12:00:07", for texts and columns that say that it is UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"

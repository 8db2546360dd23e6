"""Days as a zone has them, and the SQL that says on which one a moment is."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from coppermind_pipeline.crm import day_of, start_of

# Of a longer time, the last ones are looked up.
_DAYS_MAX = 4_000
_DAYS_BEFORE = 31
# Days whose first moment is a datetime in every zone.
_FIRST, _LAST = date(2, 1, 1).toordinal(), date(9998, 12, 31).toordinal()


def day(moment: str) -> str:
    """Return the SQL that says on which date a moment is; it binds `:zone` and `day_values`.

    To look a moment up among the days about the range takes a third of the time of working out its day in the zone,
    which is left for the few that are far from it.
    """
    return _DAY.format(moment)


@lru_cache(maxsize=64)
def day_values(zone: str, start: datetime, end: datetime) -> Mapping[str, Any]:
    """Return the days about a range in a zone, ascending, and their first moments with that of the day after."""
    first, last = (day_of(moment, ZoneInfo(zone)).toordinal() for moment in (start, end))
    last = min(last, _LAST)
    first = max(min(first - _DAYS_BEFORE, last), last - _DAYS_MAX, _FIRST)
    days = [date.fromordinal(number) for number in range(first, last + 2)]
    return {"day_starts": [start_of(each, ZoneInfo(zone)) for each in days], "days": days[:-1]}


# Beyond the last of the days, and before the first, there is none.
_DAY = """coalesce(
    (CAST(:days AS date[]))[width_bucket({0}, CAST(:day_starts AS timestamptz[]))],
    CAST({0} AT TIME ZONE CAST(:zone AS text) AS date))"""

"""Months as a zone has them, and the SQL that says in which one a moment is."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from coppermind_pipeline.crm import day_of, start_of

_MONTHS_BEFORE = 36
_MONTHS_AFTER = 24
# Months whose first moment is a datetime in every zone.
_FIRST, _LAST = 12 * 2, 12 * 9998


def month_key(moment: str) -> str:
    """Return the SQL that names the month of a moment, as in `2026-03`; it binds `:zone` and `month_values`.

    To look a moment up among the months about the range takes a tenth of the time of working out its day in the zone,
    which is left for the few that are far from it.
    """
    return _KEY.format(moment)


def month_number(moment: str) -> str:
    """Return the SQL that numbers the month of a moment from that of the year 0; it binds what `month_key` does.

    What is put together by months is put together by their numbers in less time than by their names.
    """
    return _NUMBER.format(moment)


def month_number_of_date(stored: str) -> str:
    """Return the SQL that numbers the month of a date as it is stored, of which midnight in UTC is a bare day.

    It binds what `month_key` does. A bare day is midnight in the zone: whether it is one is not worked out for each,
    but looked up among the months, too.
    """
    return _NUMBER_OF_DATE.format(stored, month_number(f"close_moment({stored}, CAST(:zone AS text))"))


def month_named(number: str) -> str:
    """Return the SQL that names the month of a number, as `month_key` does."""
    return _NAME.format(number)


@lru_cache(maxsize=64)
def month_values(zone: str, start: datetime, end: datetime) -> Mapping[str, Any]:
    """Return the first moments of the months about a range in a zone, ascending, and what these months are called.

    `month_bare_days` are their first days as a date without a time is stored: midnight in UTC. `month_steps` are the
    moments from which on dates as they are stored are in a month, `month_step_numbers` in which. Moments are written as
    PostgreSQL writes arrays, once for all statements, since to bind hundreds of them takes milliseconds.
    """
    first, last = (day_of(moment, ZoneInfo(zone)) for moment in (start, end))
    from_month = min(max(_number(first) - _MONTHS_BEFORE, _FIRST), _LAST)
    until_month = min(max(_number(last) + _MONTHS_AFTER, from_month), _LAST)
    days = [date(number // 12, number % 12 + 1, 1) for number in range(from_month, until_month + 1)]
    starts = [start_of(day, ZoneInfo(zone)) for day in days]
    bare_days = [datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days]
    steps = [
        step
        for day, start, bare in zip(days, starts, bare_days, strict=True)
        for step in _steps(_number(day), start, bare)
    ]
    until = next(place for place, (_, number) in enumerate(steps) if number == until_month)
    return {
        "month_starts": _array(starts),
        "month_bare_days": _array(bare_days),
        "first_bare_day": bare_days[0],
        "last_bare_day": bare_days[-1],
        "month_steps": _array(moment for moment, _ in steps[: until + 1]),
        "month_step_numbers": [number for _, number in steps[:until]],
        "month_names": [day.isoformat()[:7] for day in days[:-1]],
        "month_numbers": [_number(day) for day in days[:-1]],
        "first_month_number": from_month,
    }


def _array(moments: Iterable[datetime]) -> str:
    return f"{{{','.join(moment.isoformat() for moment in moments)}}}"


def _steps(number: int, start: datetime, bare_day: datetime) -> list[tuple[datetime, int]]:
    # West of UTC the first day, where it is bare, is stored as a moment at which the month before is not over.
    if bare_day >= start:
        return [(start, number)]
    return [(bare_day, number), (bare_day + timedelta.resolution, number - 1), (start, number)]


def _number(day: date) -> int:
    return 12 * day.year + day.month - 1


# Beyond the last of the names, and before the first, there is none.
_KEY = """coalesce(
    (CAST(:month_names AS text[]))[width_bucket({0}, CAST(:month_starts AS timestamptz[]))],
    to_char({0} AT TIME ZONE CAST(:zone AS text), 'YYYY-MM'))"""

_NUMBER = """coalesce(
    (CAST(:month_numbers AS integer[]))[width_bucket({0}, CAST(:month_starts AS timestamptz[]))],
    CAST(12 * extract(year FROM {0} AT TIME ZONE CAST(:zone AS text))
         + extract(month FROM {0} AT TIME ZONE CAST(:zone AS text)) - 1 AS integer))"""

_NUMBER_OF_DATE = """coalesce(
    (CAST(:month_step_numbers AS integer[]))[width_bucket({0}, CAST(:month_steps AS timestamptz[]))], {1})"""

_NAME = """coalesce(
    (CAST(:month_names AS text[]))[{0} - :first_month_number + 1],
    to_char(make_date({0} / 12, {0} % 12 + 1, 1), 'YYYY-MM'))"""

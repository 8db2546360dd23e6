"""Periods of a report: names to calendar ranges, and the earlier range that one is compared with.

A range is a pair of wall-clock times in the report's zone; it becomes moments at the very end, so that a day of 23 or
25 hours is still one day.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from coppermind_pipeline.reports.errors import ReportArgumentError

DEFAULT_PERIOD = "this_quarter"

_MONTHS = {"month": 1, "quarter": 3, "year": 12, "fiscal_quarter": 3, "fiscal_year": 12}
_DAYS_BACK = {"today": 0, "yesterday": 1}
_ROLLING = re.compile(r"last_(\d+)_(day|week|month|quarter|year)s")
_RELATIVE = re.compile(r"(this|last)_(\w+)")
_ABSOLUTE = re.compile(r"(FY)?(\d{4})(?:-(?:H(\d)|Q(\d)|W(\d\d)|(\d\d)))?")


class CompareTo(StrEnum):
    """The earlier range that a period is compared with."""

    PREVIOUS_PERIOD = "previous_period"
    PREVIOUS_YEAR = "previous_year"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRange:
    """Wall-clock times without zone, `start` included and `end` excluded; `months` where it is made of whole ones."""

    start: datetime
    end: datetime
    months: int = 0

    def moments(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Return both ends in UTC; a midnight that the zone skips is the moment at which it does."""
        return _moment(self.start, zone), _moment(self.end, zone)

    @property
    def first_day(self) -> date:
        """The first day of which any part is in the range."""
        return self.start.date()

    @property
    def last_day(self) -> date:
        """The last day of which any part is in the range."""
        return (self.end - timedelta(microseconds=1)).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """An earlier range; `elapsed_days` where it was cut to as many days as the unfinished period has seen."""

    range: LocalRange
    elapsed_days: int | None


def is_fiscal(name: str) -> bool:
    """Say whether a period's name depends on where the fiscal year starts."""
    return "fiscal" in name or name.startswith("FY")


def named_range(name: str, *, today: date, fiscal_year_start_month: int = 1) -> LocalRange:
    """Return the range of a period's name.

    Args:
        name: as `period_name` returns it. A fiscal year has the name of the calendar year in which it ends.
        today: in the report's zone; what `this_` and `last_` refer to.
        fiscal_year_start_month: 1 to 12.
    """
    if name in _DAYS_BACK:
        return _days_until(today - timedelta(days=_DAYS_BACK[name] - 1), 1)
    if (rolling := _ROLLING.fullmatch(name)) is not None:
        return _units_before(today, count=int(rolling[1]), unit=rolling[2])
    relative = _RELATIVE.fullmatch(name)
    if relative is not None:
        return _relative_range(relative[2], steps_back=int(relative[1] == "last"), today=today,
                               fiscal_year_start_month=fiscal_year_start_month)  # fmt: skip
    fiscal, year, half, quarter, week, month = _ABSOLUTE.fullmatch(name).groups()  # type: ignore[union-attr]
    if week:
        return _week(date.fromisocalendar(int(year), int(week), 1))
    first = date(int(year), 1, 1)
    if fiscal and fiscal_year_start_month > 1:
        first = date(int(year) - 1, fiscal_year_start_month, 1)
    if half:
        return _months(_add_months(first, 6 * (int(half) - 1)), 6)
    if quarter:
        return _months(_add_months(first, 3 * (int(quarter) - 1)), 3)
    return _months(first.replace(month=int(month)), 1) if month else _months(first, 12)


def range_between(start: datetime, end: datetime, zone: ZoneInfo) -> LocalRange:
    """Return the range of two given times; those without a zone are in the report's.

    Raises:
        ReportArgumentError: the range is empty.
    """
    local = LocalRange(start=_local(start, zone), end=_local(end, zone))
    if _moment(local.start, zone) >= _moment(local.end, zone):
        raise ReportArgumentError(
            f"The range from {start.isoformat()} to {end.isoformat()} is empty.",
            hint="start is the first day of the range, end the first day after it.",
        )
    return local


def compared_range(period: LocalRange, compare_to: CompareTo, *, now: datetime, zone: ZoneInfo) -> Comparison:
    """Return the range before, or the same one a year before.

    Where the period is unfinished, the earlier one is cut to as many days as have elapsed, today being one of them. A
    week goes back by 52 weeks for a year, so that it keeps its weekdays.
    """
    earlier = _year_before(period) if compare_to is CompareTo.PREVIOUS_YEAR else _range_before(period)
    today = now.astimezone(zone).date()
    if not period.first_day <= today <= period.last_day or now >= _moment(period.end, zone):
        return Comparison(range=earlier, elapsed_days=None)
    elapsed_days = (today - period.first_day).days + 1
    end = min(earlier.end, datetime.combine(earlier.first_day + timedelta(days=elapsed_days), time.min))
    return Comparison(range=LocalRange(start=earlier.start, end=end), elapsed_days=elapsed_days)


def _relative_range(unit: str, *, steps_back: int, today: date, fiscal_year_start_month: int) -> LocalRange:
    if unit == "week":
        return _week(today - timedelta(days=today.weekday() + 7 * steps_back))
    length = _MONTHS[unit]
    starts_in = fiscal_year_start_month if unit.startswith("fiscal") else 1
    into_unit = (today.month - starts_in) % length
    return _months(_add_months(today.replace(day=1), -into_unit - length * steps_back), length)


def _units_before(today: date, *, count: int, unit: str) -> LocalRange:
    """Return the whole days, weeks, months, quarters or years before the one that today is in: all of them are over."""
    if unit == "day":
        return _days_until(today, count)
    if unit == "week":
        return _days_until(today - timedelta(days=today.weekday()), 7 * count)
    length = _MONTHS[unit]
    this = today.replace(day=1, month=today.month - (today.month - 1) % length)
    return _months(_add_months(this, -length * count), length * count)


def _week(monday: date) -> LocalRange:
    return _days_until(monday + timedelta(days=7), 7)


def _days_until(end: date, days: int) -> LocalRange:
    return LocalRange(start=_midnight(end - timedelta(days=days)), end=_midnight(end))


def _range_before(period: LocalRange) -> LocalRange:
    if period.months:
        return _months(_add_months(period.first_day, -period.months), period.months)
    return LocalRange(start=period.start - (period.end - period.start), end=period.start)


def _year_before(period: LocalRange) -> LocalRange:
    if period.months:
        return _months(_add_months(period.first_day, -12), period.months)
    if period.end - period.start == timedelta(days=7):
        weeks = timedelta(weeks=52)
        return LocalRange(start=period.start - weeks, end=period.end - weeks)
    end = _a_year_earlier(period.end)
    if (period.end.month, period.end.day, period.end.time()) == (2, 29, time.min):
        end += timedelta(days=1)  # the last day is the 28th, then as now
    return LocalRange(start=_a_year_earlier(period.start), end=end)


def _months(first: date, months: int) -> LocalRange:
    return LocalRange(start=_midnight(first), end=_midnight(_add_months(first, months)), months=months)


def _add_months(first: date, months: int) -> date:
    years, month = divmod(first.month - 1 + months, 12)
    return first.replace(year=first.year + years, month=month + 1)


def _a_year_earlier(moment: datetime) -> datetime:
    days = calendar.monthrange(moment.year - 1, moment.month)[1]
    return moment.replace(year=moment.year - 1, day=min(moment.day, days))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min)


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    return (moment if moment.tzinfo is None else moment.astimezone(zone)).replace(tzinfo=None)


def _moment(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone).astimezone(UTC)

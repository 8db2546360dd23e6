"""Periods: names to days, days to moments, and the earlier range."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coppermind_pipeline.interfaces.cli import completion
from coppermind_pipeline.interfaces.web import reports_page
from coppermind_pipeline.reports.errors import ReportArgumentError
from coppermind_pipeline.reports.question.period_names import period_name
from coppermind_pipeline.reports.question.periods import CompareTo, compared_range, named_range, range_between

_TODAY = date(2026, 11, 18)
_NEW_YORK = ZoneInfo("America/New_York")
_NAMES = tuple(
    f"{which}_{unit}"
    for which in ("this", "last")
    for unit in ("week", "month", "quarter", "year", "fiscal_quarter", "fiscal_year")
)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("this_week", "2026-11-16", "2026-11-22"),
        ("last_week", "2026-11-09", "2026-11-15"),
        ("this_month", "2026-11-01", "2026-11-30"),
        ("last_month", "2026-10-01", "2026-10-31"),
        ("this_quarter", "2026-10-01", "2026-12-31"),
        ("last_quarter", "2026-07-01", "2026-09-30"),
        ("this_year", "2026-01-01", "2026-12-31"),
        ("last_year", "2025-01-01", "2025-12-31"),
        ("2026", "2026-01-01", "2026-12-31"),
        ("2026-11", "2026-11-01", "2026-11-30"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2026-Q3", "2026-07-01", "2026-09-30"),
        # A fiscal year that starts in February has the name of the year in which it ends.
        ("this_fiscal_year", "2026-02-01", "2027-01-31"),
        ("last_fiscal_year", "2025-02-01", "2026-01-31"),
        ("this_fiscal_quarter", "2026-11-01", "2027-01-31"),
        ("last_fiscal_quarter", "2026-08-01", "2026-10-31"),
        ("FY2026", "2025-02-01", "2026-01-31"),
        ("FY2026-Q3", "2025-08-01", "2025-10-31"),
        ("FY2026-Q4", "2025-11-01", "2026-01-31"),
        ("2026-W47", "2026-11-16", "2026-11-22"),
        ("2026-W01", "2025-12-29", "2026-01-04"),
        ("2020-W53", "2020-12-28", "2021-01-03"),
        ("2026-H1", "2026-01-01", "2026-06-30"),
        ("FY2026-H2", "2025-08-01", "2026-01-31"),
        # It is Wednesday, 18 November 2026. What rolls is over: it ends before the day, week or month that it is.
        ("today", "2026-11-18", "2026-11-18"),
        ("yesterday", "2026-11-17", "2026-11-17"),
        ("last_30_days", "2026-10-19", "2026-11-17"),
        ("last_2_weeks", "2026-11-02", "2026-11-15"),
        ("last_12_months", "2025-11-01", "2026-10-31"),
        ("last_2_quarters", "2026-04-01", "2026-09-30"),
        ("last_3_years", "2023-01-01", "2025-12-31"),
    ],
)
def test_names_are_ranges_of_days(name: str, first: str, last: str) -> None:
    named = named_range(name, today=_TODAY, fiscal_year_start_month=2)
    assert (str(named.first_day), str(named.last_day)) == (first, last)


def test_a_fiscal_year_from_january_is_the_calendar_year() -> None:
    assert named_range("FY2026-Q2", today=_TODAY) == named_range("2026-Q2", today=_TODAY)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        *((name, name) for name in (*_NAMES, "2026", "2026-11", "2026-Q3", "2026-W47", "FY2026", "FY2026-Q3")),
        ("Last Quarter", "last_quarter"),
        (" the last quarter ", "last_quarter"),
        ("previous month", "last_month"),
        ("CURRENT YEAR", "this_year"),
        ("last fiscal year", "last_fiscal_year"),
        ("this financial quarter", "this_fiscal_quarter"),
        ("Q3 2026", "2026-Q3"),
        ("2026q3", "2026-Q3"),
        ("quarter 3 of 2026", "2026-Q3"),
        ("fy2026-q4", "FY2026-Q4"),
        ("Q4 FY 2026", "FY2026-Q4"),
        ("fiscal year 2026", "FY2026"),
        ("November 2026", "2026-11"),
        ("nov. 2026", "2026-11"),
        ("Sept 2026", "2026-09"),
        ("2026 May", "2026-05"),
        ("11/2026", "2026-11"),
        ("2026-w47", "2026-W47"),
        ("Week 7 of 2026", "2026-W07"),
        ("H1 2026", "2026-H1"),
        ("FY2026 H2", "FY2026-H2"),
        ("Today", "today"),
        ("the last 30 days", "last_30_days"),
        ("Past 7 days", "last_7_days"),
        ("trailing 12 months", "last_12_months"),
        ("last_1_quarter", "last_1_quarters"),
        ("YTD", "this_year"),
        ("month-to-date", "this_month"),
        ("fiscal year to date", "this_fiscal_year"),
    ],
)
def test_a_period_has_one_name_however_it_is_written(written: str, name: str) -> None:
    assert period_name(written) == name


@pytest.mark.parametrize("offered", sorted({*completion.PERIODS, *reports_page.PERIODS}))
def test_what_a_face_offers_is_the_name_of_a_period(offered: str) -> None:
    assert period_name(offered) == offered


@pytest.mark.parametrize(
    "written",
    [
        "next_week", "2026-13", "2026-Q5", "FY2026-11", "FY2026-W07", "26", "1899", "this_decade", "", "the", "Q3",
        "2026-11-18", "2026-1", "2026-H3", "last 0 days", "last 1000 days", "next 7 days", "fiscal month to date",
        "last fiscal week", "last 2026", "2026-W123", "Q3 2026 Q3", "2026!", "2026年",
    ],
)  # fmt: skip
def test_what_names_no_period_is_refused_with_those_that_do(written: str) -> None:
    with pytest.raises(ReportArgumentError) as refused:
        period_name(written)
    assert "this_" in refused.value.hint


@pytest.mark.parametrize(("name", "weeks"), [("2026-W54", 53), ("2025-W53", 52), ("2026-W00", 53)])
def test_a_week_that_its_year_lacks_is_refused_with_those_that_it_has(name: str, weeks: int) -> None:
    with pytest.raises(ReportArgumentError) as refused:
        period_name(name)
    assert f"1 to {weeks}" in refused.value.hint


@given(
    name=st.sampled_from(_NAMES),
    today=st.dates(date(1950, 1, 1), date(2900, 1, 1)),
    fiscal=st.integers(1, 12),
)
def test_this_period_holds_today_and_follows_the_last_one(name: str, today: date, fiscal: int) -> None:
    this = named_range(f"this_{name.partition('_')[2]}", today=today, fiscal_year_start_month=fiscal)
    last = named_range(f"last_{name.partition('_')[2]}", today=today, fiscal_year_start_month=fiscal)
    assert this.first_day <= today <= this.last_day
    assert last.end == this.start


@given(
    count=st.integers(1, 999),
    unit=st.sampled_from(["day", "week", "month", "quarter", "year"]),
    today=st.dates(date(1999, 1, 1), date(2900, 1, 1)),
    compare_to=st.sampled_from(CompareTo),
)
def test_what_rolls_ends_where_this_unit_begins_and_is_as_long_as_its_units(
    count: int, unit: str, today: date, compare_to: CompareTo
) -> None:
    rolling = named_range(f"last_{count}_{unit}s", today=today)
    begins = today if unit == "day" else named_range(f"this_{unit}", today=today).first_day
    assert rolling.end.date() == begins
    assert named_range(f"last_1_{unit}s", today=today).end == rolling.end
    if count > 1:
        assert rolling.start < named_range(f"last_{count - 1}_{unit}s", today=today).start
    compared = compared_range(rolling, compare_to, now=datetime.combine(today, time(12), UTC), zone=ZoneInfo("UTC"))
    assert compared.elapsed_days is None
    assert compared.range.end <= rolling.end
    if compare_to is CompareTo.PREVIOUS_PERIOD:
        assert compared.range.end == rolling.start


def test_days_of_23_and_25_hours_are_days() -> None:
    start, end = named_range("2026-11", today=_TODAY).moments(_NEW_YORK)
    assert (start, end) == (datetime(2026, 11, 1, 4, tzinfo=UTC), datetime(2026, 12, 1, 5, tzinfo=UTC))
    march = named_range("2026-03", today=_TODAY).moments(_NEW_YORK)
    assert march[1] - march[0] == timedelta(days=31) - timedelta(hours=1)


def test_a_midnight_that_the_zone_skips_is_the_moment_at_which_it_does() -> None:
    beirut = ZoneInfo("Asia/Beirut")
    day = range_between(datetime(2026, 3, 29), datetime(2026, 3, 30), beirut)  # noqa: DTZ001 - in the report's zone
    start, end = day.moments(beirut)
    assert start == datetime(2026, 3, 28, 22, tzinfo=UTC)
    assert end - start == timedelta(hours=23)


def test_given_times_keep_their_own_zone() -> None:
    start, end = datetime(2026, 3, 31, 23, tzinfo=UTC), datetime(2026, 4, 1, 2, tzinfo=UTC)
    assert range_between(start, end, _NEW_YORK).moments(_NEW_YORK) == (start, end)


def test_an_empty_range_is_refused() -> None:
    day = datetime(2026, 3, 29, tzinfo=UTC)
    with pytest.raises(ReportArgumentError, match="empty"):
        range_between(day, day, _NEW_YORK)


@pytest.mark.parametrize(
    ("name", "compare_to", "first", "last", "elapsed_days"),
    [
        ("this_quarter", CompareTo.PREVIOUS_PERIOD, "2026-07-01", "2026-08-18", 49),
        ("this_quarter", CompareTo.PREVIOUS_YEAR, "2025-10-01", "2025-11-18", 49),
        ("last_quarter", CompareTo.PREVIOUS_PERIOD, "2026-04-01", "2026-06-30", None),
        ("2024-02", CompareTo.PREVIOUS_YEAR, "2023-02-01", "2023-02-28", None),
        ("this_week", CompareTo.PREVIOUS_PERIOD, "2026-11-09", "2026-11-11", 3),
        ("last_week", CompareTo.PREVIOUS_YEAR, "2025-11-10", "2025-11-16", None),
    ],
)
def test_the_earlier_range(name: str, compare_to: CompareTo, first: str, last: str, elapsed_days: int | None) -> None:
    now = datetime(2026, 11, 18, 12, tzinfo=UTC)
    compared = compared_range(named_range(name, today=_TODAY), compare_to, now=now, zone=_NEW_YORK)
    assert (str(compared.range.first_day), str(compared.range.last_day)) == (first, last)
    assert compared.elapsed_days == elapsed_days


def test_the_earlier_range_never_reaches_into_the_period() -> None:
    march = named_range("2026-03", today=date(2026, 3, 31))
    now = datetime(2026, 3, 31, 12, tzinfo=UTC)
    compared = compared_range(march, CompareTo.PREVIOUS_PERIOD, now=now, zone=_NEW_YORK)
    assert compared.range.last_day == date(2026, 2, 28)


def test_a_range_of_own_days_is_compared_with_those_before() -> None:
    days = range_between(datetime(2024, 2, 29, tzinfo=UTC), datetime(2024, 3, 5, tzinfo=UTC), ZoneInfo("UTC"))
    now = datetime(2026, 11, 18, tzinfo=UTC)
    before = compared_range(days, CompareTo.PREVIOUS_PERIOD, now=now, zone=ZoneInfo("UTC")).range
    assert (before.first_day, before.last_day) == (date(2024, 2, 24), date(2024, 2, 28))
    year = compared_range(days, CompareTo.PREVIOUS_YEAR, now=now, zone=ZoneInfo("UTC")).range
    assert (year.first_day, year.last_day) == (date(2023, 2, 28), date(2023, 3, 4))


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        ("2024-02-28", "2024-02-29", "2023-02-28", "2023-02-28"),
        ("2024-02-29", "2024-03-01", "2023-02-28", "2023-02-28"),
        ("2024-02-01", "2024-02-29", "2023-02-01", "2023-02-28"),
        ("2024-02-20", "2024-03-01", "2023-02-20", "2023-02-28"),
        ("2025-02-01", "2025-03-01", "2024-02-01", "2024-02-29"),
        ("2025-02-20", "2025-02-28", "2024-02-20", "2024-02-27"),
        ("2024-02-29T08:00", "2024-02-29T12:00", "2023-02-28", "2023-02-28"),
    ],
)
def test_a_year_before_the_end_of_february(start: str, end: str, first: str, last: str) -> None:
    days = range_between(datetime.fromisoformat(start), datetime.fromisoformat(end), ZoneInfo("UTC"))
    now = datetime(2026, 11, 18, tzinfo=UTC)
    year = compared_range(days, CompareTo.PREVIOUS_YEAR, now=now, zone=ZoneInfo("UTC")).range
    assert (str(year.first_day), str(year.last_day)) == (first, last)


@given(st.dates(date(2019, 1, 1), date(2029, 1, 1)), st.integers(1, 400))
def test_a_year_before_any_range_of_days_is_a_range(first: date, days: int) -> None:
    start = datetime.combine(first, time.min)
    own = range_between(start, start + timedelta(days=days), ZoneInfo("UTC"))
    now = datetime(2040, 1, 1, tzinfo=UTC)
    year = compared_range(own, CompareTo.PREVIOUS_YEAR, now=now, zone=ZoneInfo("UTC")).range
    assert year.first_day <= year.last_day
    assert abs((year.end - year.start) - (own.end - own.start)) <= timedelta(days=1)

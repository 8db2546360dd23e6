from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from babel.dates import format_date
from hypothesis import given
from hypothesis import strategies as st

from coppermind_pipeline.wording import clock, clock_with_zone, day, day_range, iso_day, month, utc_minute, utc_second

MORNING = datetime(2026, 11, 18, 3, 7, 9, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


def test_days_and_moments_as_texts_have_them():
    assert (day(date(2026, 10, 1)), month(date(2026, 10, 1))) == ("1 October 2026", "October 2026")
    assert day_range(date(2026, 7, 1), date(2026, 9, 30)) == "1 July 2026 to 30 September 2026"
    assert day_range(date(2026, 7, 1), date(2026, 7, 1)) == "1 July 2026"
    assert clock(MORNING, NEW_YORK) == "17 November 2026, 22:07"
    assert clock_with_zone(MORNING, NEW_YORK) == "17 November 2026, 22:07 (America/New_York)"


def test_moments_as_states_and_logs_have_them_are_utc_wherever_they_come_from():
    elsewhere = MORNING.astimezone(timezone(timedelta(hours=9)))
    assert (utc_minute(elsewhere), utc_second(elsewhere)) == ("2026-11-18 03:07", "2026-11-18 03:07:09")
    assert (iso_day(MORNING), iso_day(elsewhere)) == ("2026-11-18", "2026-11-18")


@given(st.dates())
def test_days_are_spelt_as_the_locale_data_of_english_has_them(value: date):
    assert day(value) == format_date(value, "d MMMM y", locale="en")

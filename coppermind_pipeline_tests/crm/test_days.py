from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coppermind_pipeline.crm import day_of, is_midnight_utc, start_of, time_zone

PHOENIX = ZoneInfo("America/Phoenix")


def test_a_deal_closed_in_the_evening_in_arizona_belongs_to_that_day():
    closed = datetime(2026, 4, 1, 3, 0, tzinfo=UTC)
    assert day_of(closed, PHOENIX) == date(2026, 3, 31)
    assert day_of(closed, UTC) == date(2026, 4, 1)


def test_a_moment_without_zone_has_no_day():
    with pytest.raises(ValueError, match="without a zone"):
        day_of(datetime(2026, 4, 1), UTC)  # noqa: DTZ001  # the very mistake that is refused


@given(st.dates(date(1900, 1, 2), date(2999, 12, 30)), st.timezones())
def test_the_start_of_a_day_is_on_that_day(day, zone):
    # A few zones once skipped a whole day, and then its "start" is the next one.
    assert day_of(start_of(day, zone), zone).toordinal() - day.toordinal() in {0, 1}
    assert day_of(start_of(day, UTC), UTC) == day


def test_a_bare_date_of_an_import_shows_as_midnight_utc():
    assert is_midnight_utc(datetime(2026, 4, 1, tzinfo=UTC))
    assert is_midnight_utc(datetime(2026, 3, 31, 17, 0, tzinfo=PHOENIX))
    assert not is_midnight_utc(datetime(2026, 4, 1, 0, 0, 1, tzinfo=UTC))


def test_hubspots_zone_names_are_known():
    assert time_zone("US/Eastern") == ZoneInfo("US/Eastern")


@pytest.mark.parametrize(
    "name",
    ["", "Mars/Olympus", "../etc/passwd", "/etc", "a\0b", "\ud800", "America", "posixrules", "localtime", "x" * 5000],
)
def test_an_unknown_zone_is_none(name):
    assert time_zone(name) is None

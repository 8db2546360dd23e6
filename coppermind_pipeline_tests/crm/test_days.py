from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coppermind_pipeline.crm import close_day, day_of, start_of, time_zone

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


@pytest.mark.parametrize(
    ("closed", "zone", "day"),
    [
        ("2026-10-01T00:00:00Z", "US/Eastern", date(2026, 10, 1)),  # a bare day, west
        ("2026-10-01T00:00:00Z", "Asia/Tokyo", date(2026, 10, 1)),  # and east
        ("2026-09-30T20:00:00-04:00", "US/Eastern", date(2026, 10, 1)),  # the same moment
        ("2026-10-01T00:00:00.001Z", "US/Eastern", date(2026, 9, 30)),  # a time of day
        ("2026-10-01T03:59:59Z", "US/Eastern", date(2026, 9, 30)),
        ("2026-09-30T15:00:00Z", "Asia/Tokyo", date(2026, 10, 1)),
        ("2027-01-01T00:00:00Z", "America/Los_Angeles", date(2027, 1, 1)),  # ends of years
        ("2026-12-31T23:00:00Z", "Europe/Berlin", date(2027, 1, 1)),
        ("2026-03-08T00:00:00Z", "US/Eastern", date(2026, 3, 8)),  # days on which clocks change
        ("2026-11-01T00:00:00Z", "US/Eastern", date(2026, 11, 1)),
        ("2026-03-29T00:00:00Z", "Europe/London", date(2026, 3, 29)),
        ("2026-04-24T00:00:00Z", "Africa/Cairo", date(2026, 4, 24)),  # a midnight that there is not
    ],
)
def test_midnight_utc_is_a_bare_day_and_other_moments_are_the_zones(closed, zone, day):
    assert close_day(datetime.fromisoformat(closed), ZoneInfo(zone)) == day


def test_hubspots_zone_names_are_known():
    assert time_zone("US/Eastern") == ZoneInfo("US/Eastern")


@pytest.mark.parametrize(
    "name",
    ["", "Mars/Olympus", "../etc/passwd", "/etc", "a\0b", "\ud800", "America", "posixrules", "localtime", "x" * 5000],
)
def test_an_unknown_zone_is_none(name):
    assert time_zone(name) is None

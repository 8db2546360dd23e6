from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coppermind_pipeline.connectors import Cadence, PeriodKeyError, parse_period_key, period_key_for
from coppermind_pipeline.connectors.configuration.periods import SPREAD_OVER, next_due

NEW_YORK = ZoneInfo("America/New_York")
ZONES = st.sampled_from([NEW_YORK, ZoneInfo("UTC"), ZoneInfo("Pacific/Auckland"), ZoneInfo("America/Phoenix")])
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2199, 12, 1), timezones=st.just(UTC))  # noqa: DTZ001 -- hypothesis wants naive bounds


@pytest.mark.parametrize(
    ("now", "cadence", "key"),
    [
        (datetime(2026, 11, 18, 12, tzinfo=UTC), Cadence.WEEKLY, "2026-W47"),
        (datetime(2026, 11, 18, 12, tzinfo=UTC), Cadence.MONTHLY, "2026-11"),
        (datetime(2026, 11, 23, 3, tzinfo=UTC), Cadence.WEEKLY, "2026-W47"),  # still Sunday in New York
        (datetime(2026, 12, 1, 4, 59, tzinfo=UTC), Cadence.MONTHLY, "2026-11"),
        (datetime(2027, 1, 2, 12, tzinfo=UTC), Cadence.WEEKLY, "2026-W53"),  # a Saturday of the ISO year before
        (datetime(2024, 12, 30, 12, tzinfo=UTC), Cadence.WEEKLY, "2025-W01"),
    ],
)
def test_a_moment_is_in_the_week_or_month_of_the_report_zone(now, cadence, key):
    assert period_key_for(now, cadence, NEW_YORK) == key


@given(now=MOMENTS, cadence=st.sampled_from(Cadence), zone=ZONES)
def test_each_moment_is_inside_the_period_of_its_key_and_periods_follow_on_each_other(now, cadence, zone):
    period = parse_period_key(period_key_for(now, cadence, zone))
    assert period.cadence is cadence
    assert period.start(zone) <= now < period.end(zone)
    assert parse_period_key(period_key_for(period.end(zone), cadence, zone)).first_day == period.end_day


def test_a_key_tells_its_days():
    week, month = parse_period_key("2026-W47"), parse_period_key("2026-12")
    assert (week.first_day, week.end_day) == (date(2026, 11, 16), date(2026, 11, 23))
    assert (month.first_day, month.end_day) == (date(2026, 12, 1), date(2027, 1, 1))


@pytest.mark.parametrize(
    "key", ["", "2026", "2026-W54", "2026-W00", "2026-13", "2026-1", "2026-W7", "2026-W47 ", "0000-01", "9999-12"]
)
def test_what_names_no_period_is_refused(key):
    with pytest.raises(PeriodKeyError):
        parse_period_key(key)


@given(now=MOMENTS, cadence=st.sampled_from(Cadence), zone=ZONES)
def test_synthesis_is_due_now_until_the_period_is_published_and_then_at_its_end(now, cadence, zone):
    current = period_key_for(now, cadence, zone)
    before = period_key_for(now - timedelta(days=32), cadence, zone)
    begun, ends_at = parse_period_key(current).start(zone), parse_period_key(current).end(zone)
    completed_at = now - timedelta(days=100)

    def due(published_key: str | None, phase: float = 0.0, *, is_first: bool = False) -> datetime:
        return next_due(
            now,
            cadence,
            zone,
            first_completed_at=completed_at,
            is_first=is_first,
            published_key=published_key,
            phase=phase,
        )

    assert due(None, 0.9, is_first=True) == completed_at
    assert due(before) == due(None) == begun <= now
    assert due(before, 0.5) == begun + SPREAD_OVER / 2
    assert due(current) == ends_at > now
    assert due(current, 0.5) == ends_at + SPREAD_OVER / 2

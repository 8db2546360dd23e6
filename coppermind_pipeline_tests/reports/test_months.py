"""Day and month that a moment is in, as statements tell them, are those of the zone, however far from the range."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from coppermind_pipeline.crm import day_of
from coppermind_pipeline.reports.question.days import day, day_values
from coppermind_pipeline.reports.question.months import (
    month_key,
    month_named,
    month_number,
    month_number_of_date,
    month_values,
)
from coppermind_pipeline.store import Database

_FIRST = datetime(1990, 1, 1, tzinfo=UTC)
_MOMENTS = st.timedeltas(timedelta(), timedelta(days=70 * 365)).map(lambda after: _FIRST + after)
_STARTS = _MOMENTS | st.sampled_from([datetime(1, 1, 2, tzinfo=UTC), datetime(9997, 9, 1, tzinfo=UTC)])
_ZONES = st.sampled_from(
    ["UTC", "America/New_York", "Pacific/Apia", "Asia/Kathmandu", "America/Sao_Paulo", "Europe/Berlin"]
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=_STARTS, days=st.integers(1, 800), zone=_ZONES, others=st.lists(_MOMENTS, max_size=20))
def test_a_moments_month_is_that_of_its_day_in_the_zone(
    database: Database, start: datetime, days: int, zone: str, others: list[datetime]
):
    end = start + timedelta(days=days)
    values, number = month_values(zone, start, end), f"({month_number('at')})"
    edges = [edge + timedelta(microseconds=by) for edge in _moments(values["month_starts"]) for by in (-1, 0)]
    moments = [*edges, start, end, *others]
    with database.reader() as connection:
        told = connection.execute(
            text(f"SELECT {month_key('at')}, {month_named(number)} {_IN_ORDER}"),
            {**values, "zone": zone, "moments": moments},
        ).all()
    months = [day_of(moment, ZoneInfo(zone)).isoformat()[:7] for moment in moments]
    assert told == list(zip(months, months, strict=True))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=_STARTS, days=st.integers(1, 800), zone=_ZONES, others=st.lists(_MOMENTS, max_size=20))
def test_a_bare_day_is_in_its_own_month_and_a_moment_in_that_of_the_zone(
    database: Database, start: datetime, days: int, zone: str, others: list[datetime]
):
    values = month_values(zone, start, start + timedelta(days=days))
    firsts = _moments(values["month_bare_days"])
    bare = [*firsts, *(day - timedelta(days=1) for day in firsts[1:]), *map(_midnight, (start, *others))]
    edges = _moments(values["month_steps"]) + _moments(values["month_starts"])
    moments = [edge + timedelta(microseconds=by) for edge in (*edges, *bare) for by in (-1, 0, 1)] + others
    number = f"({month_number_of_date('at')})"
    with database.reader() as connection:
        told = connection.scalars(
            text(f"SELECT {month_named(number)} {_IN_ORDER}"), {**values, "zone": zone, "moments": moments}
        ).all()
    assert told == [(at if at == _midnight(at) else day_of(at, ZoneInfo(zone))).isoformat()[:7] for at in moments]


def _moments(written: str) -> list[datetime]:
    return [datetime.fromisoformat(moment) for moment in written.strip("{}").split(",")]


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=_STARTS, days=st.integers(1, 800), zone=_ZONES, others=st.lists(_MOMENTS, max_size=20))
def test_a_moments_day_is_that_of_the_zone(
    database: Database, start: datetime, days: int, zone: str, others: list[datetime]
):
    end = start + timedelta(days=days)
    values = day_values(zone, start, end)
    edges = [edge + timedelta(microseconds=by) for edge in values["day_starts"] for by in (-1, 0)]
    moments = [*edges, start, end, *others]
    with database.reader() as connection:
        told = connection.scalars(
            text(f"SELECT {day('at')} {_IN_ORDER}"), {**values, "zone": zone, "moments": moments}
        ).all()
    assert told == [day_of(moment, ZoneInfo(zone)) for moment in moments]


_IN_ORDER = "FROM unnest(CAST(:moments AS timestamptz[])) WITH ORDINALITY AS each (at, place) ORDER BY place"

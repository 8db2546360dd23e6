"""When a synthesis is due: the first one at once, those of a new period spread over its first hours."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from coppermind_pipeline.accounts import local_caller
from coppermind_pipeline.connectors import status
from coppermind_pipeline.connectors.configuration.periods import SPREAD_OVER
from coppermind_pipeline.store import Database
from coppermind_pipeline.synthesis.due import DueSynthesis, syntheses_due
from coppermind_pipeline_tests.stored_portal import StoredPortal

_MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
_PORTALS = 24


@pytest.fixture
def portals(database: Database, local_customer: UUID) -> list[StoredPortal]:
    """Return portals that have published last week."""
    portals = [
        StoredPortal.create(database, local_customer, mind=f"client{n}", hub_id=n, time_zone="UTC")
        for n in range(1, _PORTALS + 1)
    ]
    for portal in portals:
        portal.execute(
            """INSERT INTO syntheses (connector_id, mind_id, period_key, cadence, published_at)
               SELECT id, mind_id, '2026-W47', 'weekly', :at FROM connectors WHERE id = :connector""",
            at=_MONDAY - timedelta(days=3),
        )
    return portals


def _due(database: Database, after: timedelta) -> list[DueSynthesis]:
    return syntheses_due(database, now=_MONDAY + after)


def test_mondays_syntheses_come_due_one_after_the_other(database: Database, portals: list[StoredPortal]):
    assert _due(database, -timedelta(minutes=1)) == []
    hourly = [len(_due(database, hour * SPREAD_OVER / 4)) for hour in range(5)]
    assert hourly == sorted(hourly)
    assert hourly[0] <= 2
    assert hourly[-1] == _PORTALS
    assert all(later - earlier <= _PORTALS / 2 for earlier, later in pairwise(hourly))
    due = _due(database, SPREAD_OVER)
    assert [one.due_at for one in due] == sorted(one.due_at for one in due), "who is due longest is first"


def test_a_first_synthesis_is_due_at_once_and_before_all_others(database: Database, portals: list[StoredPortal]):
    portals[-1].execute("DELETE FROM syntheses WHERE connector_id = :connector")
    assert [one.connector_id for one in _due(database, timedelta(seconds=1))][:1] == [portals[-1].connector_id]
    first, *others = _due(database, SPREAD_OVER)
    assert (first.connector_id, first.is_first) == (portals[-1].connector_id, True)
    assert not any(one.is_first for one in others)


def test_status_says_when_each_is_due(database: Database, portals: list[StoredPortal]):
    """Within the hours over which they are spread, and by the same reckoning as that by which they begin."""
    later = _MONDAY + SPREAD_OVER
    begun = {one.connector_id: one.due_at for one in syntheses_due(database, now=later)}
    listed = status(database, local_caller(database), all_minds=True, now=later).connectors
    shown = {one.connector_id: one.hubspot_diagnostics.aggregate_recompute_at for one in listed}
    assert shown == begun
    assert len(set(shown.values())) == _PORTALS

"""Many connectors due at once: all are probed, or carried over, within the time, whatever hangs."""

from collections.abc import AsyncIterator
from pathlib import Path
from socket import create_server
from time import monotonic

import pytest
from sqlalchemy import text

from coppermind_pipeline.defs.installation import Installation
from coppermind_pipeline.store import CONNECTIONS_MAX, Database
from coppermind_pipeline.sync import due_polls
from coppermind_pipeline.sync.polling import probing
from coppermind_pipeline.sync.polling.probing import PROBES_AT_ONCE_MAX, PollsToRun, polls_to_run
from coppermind_pipeline_tests.crowd import Crowd


def _probe(crowd: Crowd, time_s: float = probing.PROBING_MAX_S) -> PollsToRun:
    with crowd.installation.database.scheduler() as connection:
        due = [poll for poll in due_polls(connection) if poll.way != "run"]
    return polls_to_run(crowd.installation.database, crowd.installation.settings, due, time_s=time_s)


@pytest.fixture
async def crowd(database: Database, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Crowd]:
    portals, idle = request.param
    with Crowd.of_size(portals, database, tmp_path) as crowd:
        await crowd.connect(portals, idle=idle)
        yield crowd


@pytest.mark.slow
@pytest.mark.parametrize("crowd", [(CONNECTIONS_MAX + PROBES_AT_ONCE_MAX, CONNECTIONS_MAX + 1)], indirect=True)
async def test_more_connectors_than_connections_are_all_probed(crowd: Crowd):
    crowd.sleep("1 day")
    began = monotonic()
    probed = _probe(crowd)
    assert monotonic() - began < probing.PROBING_MAX_S / 2
    assert probed == PollsToRun()
    assert not crowd.idle & set(crowd.due())


@pytest.mark.slow
@pytest.mark.parametrize("crowd", [(2, 2)], indirect=True)
async def test_a_database_that_hangs_costs_the_time_and_nothing_else(crowd: Crowd, database: Database):
    crowd.sleep("1 day")
    due = crowd.due()
    with database.owner() as connection:
        connection.execute(text("LOCK TABLE rate_limit_states, hubspot_cursors"))
        began = monotonic()
        probed = _probe(crowd, time_s=0.5)
        assert monotonic() - began < 2
    assert probed == PollsToRun(carried_over=frozenset(due))
    for member in crowd.members:
        with database.connector_lock(member.connector_id, wait_s=10) as granted:
            assert granted
    assert _probe(crowd) == PollsToRun()
    assert crowd.due() == []


@pytest.mark.slow
@pytest.mark.parametrize("crowd", [(2, 2)], indirect=True)
async def test_a_hubspot_that_hangs_is_a_failed_poll(crowd: Crowd, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(probing, "PROBE_MAX_S", 3.0)
    monkeypatch.setattr(probing, "REQUEST_MAX_S", 1.6)
    crowd.sleep("1 day")
    settings = crowd.installation.settings
    with create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        crowd.installation = Installation(
            settings.model_copy(update={"hubspot_api_url": url}), crowd.members[0].database
        )
        assert _probe(crowd) == PollsToRun()
    assert crowd.due() == []
    for member in crowd.members:
        noted = member.rows(
            """SELECT failures, last_error FROM hubspot_polls JOIN connectors ON connectors.id = connector_id
                WHERE connector_id = :connector"""
        )[0]
        assert noted.failures == 1
        assert noted.last_error is not None

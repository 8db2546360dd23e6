"""A poll that finds nothing costs a handful of requests, and no run."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from coppermind_pipeline.connectors import open_portal
from coppermind_pipeline.hubspot import SentRequest
from coppermind_pipeline.memories import map_records
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import SyncContext, found_nothing
from coppermind_pipeline_tests.connected import Connected, settings_for

_WATERMARKS = "SELECT object_type, watermark FROM hubspot_cursors WHERE scan = 'incremental' ORDER BY object_type"
_POLL = "SELECT last_started_at, last_succeeded_at FROM hubspot_polls"


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=300, companies=50, deals=80, limits=False)) as running:
        yield running


@pytest.fixture
async def synced(database: Database, sandbox: RunningSandbox, tmp_path: Path) -> Connected:
    connected = await Connected.create(database, settings_for(sandbox, tmp_path))
    await connected.sync()
    map_records(database, connector_id=connected.connector_id, mind_id=connected.connector.mind_id)
    return connected


async def _probe(connected: Connected, on_request: Callable[[SentRequest], None] = lambda _: None) -> bool:
    async with open_portal(
        connected.database, connected.settings, connected.connector, on_request=on_request
    ) as client:
        return await found_nothing(SyncContext(connected.database, connected.connector, client))


async def test_an_idle_poll_takes_nine_requests_and_moves_watermarks_and_clock(synced: Connected):
    sent: list[SentRequest] = []
    watermarks, poll = synced.rows(_WATERMARKS), synced.rows(_POLL)
    assert await _probe(synced, sent.append)
    assert len(sent) <= 9
    moved = zip(watermarks, synced.rows(_WATERMARKS), strict=True)
    assert all(after.watermark > before.watermark for before, after in moved)
    assert synced.rows(_POLL) > poll
    assert await _probe(synced)


@pytest.mark.slow
@pytest.mark.parametrize("object_type", ["contacts", "companies", "deals"])
async def test_a_changed_record_is_left_to_a_sync(synced: Connected, sandbox: RunningSandbox, object_type):
    watermarks, poll = synced.rows(_WATERMARKS), synced.rows(_POLL)
    sandbox.control.edit(
        object_type, [next(iter(sandbox.control.export().live(object_type)))], {"hs_object_source": "X"}
    )
    assert not await _probe(synced)
    assert (synced.rows(_WATERMARKS), synced.rows(_POLL)) == (watermarks, poll)


@pytest.mark.slow
async def test_a_changed_definition_is_left_to_a_sync(synced: Connected, sandbox: RunningSandbox):
    sandbox.control.set_stage("default", "closedwon", label="Signed", probability=1, closed=True)
    assert not await _probe(synced)


async def test_a_connector_that_was_never_synced_has_no_idle_poll(
    database: Database, sandbox: RunningSandbox, tmp_path: Path
):
    connected = await Connected.create(database, settings_for(sandbox, tmp_path))
    assert not await _probe(connected)


@pytest.mark.slow
async def test_what_an_interrupted_sync_left_undone_is_left_to_a_sync(synced: Connected, sandbox: RunningSandbox):
    sandbox.control.edit("deals", [next(iter(sandbox.control.export().live("deals")))], {"amount": "5"})
    await synced.pull()
    assert not await _probe(synced)

"""`coppermind sync`, killed in the middle of a backfill and started again, ends as if nothing had happened."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from coppermind_pipeline.sandbox import Fault, RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.end_to_end.syncing import end_well, start_sync, stored


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=1_500, companies=250, deals=400, limits=False)) as running:
        yield running


@pytest.fixture
def undisturbed(database: Database, sandbox: RunningSandbox, tmp_path: Path, database_url: str) -> Connected:
    connected = asyncio.run(Connected.create(database, settings_for(sandbox, tmp_path), mind="Undisturbed"))
    end_well(start_sync(connected, database_url))
    return connected


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["deals", "contacts", "memories"])
def test_a_killed_sync_ends_in_the_same_store(undisturbed: Connected, database_url: str, stage: str):
    connected = asyncio.run(Connected.create(undisturbed.database, undisturbed.settings, mind="Disturbed"))
    killed = start_sync(connected, database_url)
    assert killed.stderr is not None
    assert any(line.startswith(f"{stage}:") for line in killed.stderr), "the stage never came"
    killed.kill()
    killed.communicate()
    end_well(start_sync(connected, database_url))
    assert stored(connected) == stored(undisturbed)


@pytest.mark.slow
def test_a_sync_killed_while_it_maps_and_drains_beside_its_pull_ends_in_the_same_store(
    undisturbed: Connected, database_url: str, sandbox: RunningSandbox
):
    connected = asyncio.run(Connected.create(undisturbed.database, undisturbed.settings, mind="Disturbed"))
    sandbox.control.add_fault(Fault(path="contacts/search", delay_ms=5_000, count=None))
    for begun in (_QUEUED, _PUBLISHED):
        killed = start_sync(connected, database_url, following=True)
        while not connected.rows(begun):
            assert killed.poll() is None
        killed.kill()
        killed.communicate()
        assert connected.rows(_STILL_TO_READ)
    sandbox.control.clear_faults()
    end_well(start_sync(connected, database_url, following=True))
    assert stored(connected) == stored(undisturbed)


_QUEUED = "SELECT FROM pipeline_stages WHERE stage = 'queue'"
_PUBLISHED = "SELECT FROM memories LIMIT 1"
_STILL_TO_READ = """
SELECT FROM hubspot_cursors WHERE scan = 'backfill' AND object_type = 'contacts' AND completed_at IS NULL
"""

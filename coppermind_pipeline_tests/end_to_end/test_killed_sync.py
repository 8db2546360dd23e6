"""`coppermind sync`, killed in the middle of a backfill and started again, ends as if nothing had happened."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
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

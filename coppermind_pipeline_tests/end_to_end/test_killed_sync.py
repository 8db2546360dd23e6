"""`coppermind sync`, killed in the middle of a backfill and started again, ends as if nothing had happened."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import Connected, settings_for

_STORED = """
    SELECT (SELECT count(*) FROM hubspot_raw_records), (SELECT count(*) FROM hubspot_raw_associations),
           (SELECT count(*) FROM hubspot_crm_objects), (SELECT count(*) FROM hubspot_associations),
           (SELECT count(*) FROM memories), (SELECT count(*) FROM memory_queue),
           (SELECT md5(string_agg(content, '|' ORDER BY split_part(source_ref, ':', 3), hubspot_id)) FROM memories
             WHERE aggregate_scope IS NULL)"""


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=1_500, companies=250, deals=400, limits=False)) as running:
        yield running


@pytest.fixture
def undisturbed(database: Database, sandbox: RunningSandbox, tmp_path: Path, database_url: str) -> Connected:
    connected = asyncio.run(Connected.create(database, settings_for(sandbox, tmp_path), mind="Undisturbed"))
    _finish(_sync(connected, database_url))
    return connected


@pytest.mark.parametrize(
    "stage",
    [pytest.param("deals", marks=pytest.mark.slow), pytest.param("contacts", marks=pytest.mark.slow), "memories"],
)
def test_a_killed_sync_ends_in_the_same_store(undisturbed: Connected, database_url: str, stage: str):
    connected = asyncio.run(Connected.create(undisturbed.database, undisturbed.settings, mind="Disturbed"))
    killed = _sync(connected, database_url)
    assert killed.stderr is not None
    assert any(line.startswith(f"{stage}:") for line in killed.stderr), "the stage never came"
    killed.kill()
    killed.communicate()
    _finish(_sync(connected, database_url))
    assert connected.rows(_STORED) == undisturbed.rows(_STORED)


def _finish(process: subprocess.Popen[str]) -> None:
    _, said = process.communicate()
    assert process.returncode == 0, said


def _sync(connected: Connected, database_url: str) -> subprocess.Popen[str]:
    settings = connected.settings
    return subprocess.Popen(
        [Path(sys.executable).parent / "coppermind", "sync", connected.connector_id, "--until-complete"],
        env=os.environ
        | {
            "COPPERMIND_HOME": str(settings.home),
            "COPPERMIND_DATABASE_URL": database_url,
            "COPPERMIND_HUBSPOT_CLIENT_ID": settings.hubspot_client_id,
            "COPPERMIND_HUBSPOT_CLIENT_SECRET": settings.hubspot_client_secret.get_secret_value(),
            "COPPERMIND_HUBSPOT_API_URL": settings.hubspot_api_url,
        },
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )

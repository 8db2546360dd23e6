"""A disk that is full in the middle of a sync is told as what it is, and leaves nothing behind once there is room."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from coppermind_pipeline.defs.sync_now import sync_connector
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database, embedded, upgrade
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.end_to_end.syncing import end_well, report_of, start_sync, status_of, stored
from coppermind_pipeline_tests.small_disks import fill, mounted

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=1_000, companies=150, deals=250, limits=False)) as running:
        yield running


@pytest.fixture
def undisturbed(database: Database, sandbox: RunningSandbox, tmp_path: Path) -> Connected:
    connected = asyncio.run(Connected.create(database, settings_for(sandbox, tmp_path)))
    assert sync_connector(database, connected.settings, connected.connector_id, until_complete=True).complete
    return connected


@pytest.fixture
def disturbed(sandbox: RunningSandbox) -> Iterator[Connected]:
    """A connector of an installation whose home, with the embedded server, is a small disk."""
    home = Path(tempfile.mkdtemp(prefix="coppermind-tests-"))
    settings = settings_for(sandbox, home, database_url=None)
    with mounted(home, "size=400m"):
        database = Database.open(settings)
        upgrade(database)
        _prepare_log(embedded.start(home))
        yield asyncio.run(Connected.create(database, settings))
        database.dispose()
        embedded.stop(home)
    shutil.rmtree(home)


def _prepare_log(url: str) -> None:
    """Let the server set files of its write-ahead log aside, so that the disk is full for tables first."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET min_wal_size = '160MB'")
        connection.execute("SELECT pg_reload_conf()")
        for _ in range(9):
            connection.execute("SELECT pg_logical_emit_message(false, 'coppermind', 'on to the next file')")
            connection.execute("SELECT pg_switch_wal()")
        connection.execute("CHECKPOINT")


def test_a_full_disk_is_told_and_the_store_is_exact_once_there_is_room(undisturbed: Connected, disturbed: Connected):
    filler = fill(disturbed.settings.home, but_bytes=3 << 20)
    process = start_sync(disturbed, "", "--json")
    answer, said = process.communicate()
    assert process.returncode == 1, answer
    assert "Traceback" not in said
    assert "free space of the disk" in json.loads(answer)["reason"]
    shown = status_of(disturbed)
    assert shown.last_error is not None
    assert shown.last_error.code == "unexpected"
    assert "DiskFull" in shown.last_error.message
    assert "free space of the disk" in shown.next_step
    assert shown.hubspot_diagnostics.last_successful_hubspot_pull is None
    report = report_of(disturbed)
    assert report.trust.freshness == "never_synced"
    assert any(shown.last_error.message.rstrip(".") in caveat for caveat in report.audit.caveats[:3])

    filler.unlink()
    end_well(start_sync(disturbed, ""))
    shown = status_of(disturbed)
    assert shown.hubspot_diagnostics.operational_state == "active"
    assert shown.last_error is None
    assert stored(disturbed) == stored(undisturbed)

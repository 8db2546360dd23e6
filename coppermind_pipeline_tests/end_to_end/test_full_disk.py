"""A disk that is full in the middle of a sync is told as what it is, and leaves nothing behind once there is room."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from coppermind_pipeline.accounts import local_caller, resolve_mind
from coppermind_pipeline.connectors import ConnectorStatus, status
from coppermind_pipeline.defs.sync_now import sync_connector
from coppermind_pipeline.reports import ReportRequest, crm_report
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database, embedded, upgrade
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.small_disks import fill, mounted

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

_STORED = """
    SELECT (SELECT count(*) FROM hubspot_raw_records), (SELECT count(*) FROM hubspot_raw_associations),
           (SELECT count(*) FROM hubspot_crm_objects), (SELECT count(*) FROM hubspot_associations),
           (SELECT count(*) FROM memories), (SELECT count(*) FROM memory_queue),
           (SELECT md5(string_agg(content, '|' ORDER BY split_part(source_ref, ':', 3), hubspot_id)) FROM memories
             WHERE aggregate_scope IS NULL)"""


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


def _sync(connected: Connected) -> subprocess.CompletedProcess[str]:
    settings = connected.settings
    return subprocess.run(
        [Path(sys.executable).parent / "coppermind", "sync", connected.connector_id, "--until-complete", "--json"],
        env=os.environ
        | {
            "COPPERMIND_HOME": str(settings.home),
            "COPPERMIND_DATABASE_URL": "",
            "COPPERMIND_HUBSPOT_CLIENT_ID": settings.hubspot_client_id,
            "COPPERMIND_HUBSPOT_CLIENT_SECRET": settings.hubspot_client_secret.get_secret_value(),
            "COPPERMIND_HUBSPOT_API_URL": settings.hubspot_api_url,
        },
        check=False, text=True, capture_output=True,
    )  # fmt: skip


def _status(connected: Connected) -> ConnectorStatus:
    (shown,) = status(connected.database, local_caller(connected.database), now=datetime.now(UTC)).connectors
    return shown


def _caveats(connected: Connected) -> list[str]:
    mind = resolve_mind(connected.database, local_caller(connected.database), None)
    request = ReportRequest.from_arguments({"period": "this_year"})
    report = crm_report(connected.database, mind=mind, request=request, now=datetime.now(UTC))
    assert report.trust.freshness == "never_synced"
    return report.audit.caveats


def test_a_full_disk_is_told_and_the_store_is_exact_once_there_is_room(undisturbed: Connected, disturbed: Connected):
    filler = fill(disturbed.settings.home, but_bytes=3 << 20)
    done = _sync(disturbed)
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    assert "free space of the disk" in json.loads(done.stdout)["reason"]
    shown = _status(disturbed)
    assert shown.last_error is not None
    assert shown.last_error.code == "unexpected"
    assert "DiskFull" in shown.last_error.message
    assert "free space of the disk" in shown.next_step
    assert shown.hubspot_diagnostics.last_successful_hubspot_pull is None
    assert any(shown.last_error.message.rstrip(".") in caveat for caveat in _caveats(disturbed)[:3])

    filler.unlink()
    done = _sync(disturbed)
    assert done.returncode == 0, done.stderr
    shown = _status(disturbed)
    assert shown.hubspot_diagnostics.operational_state == "active"
    assert shown.last_error is None
    assert disturbed.rows(_STORED) == undisturbed.rows(_STORED)

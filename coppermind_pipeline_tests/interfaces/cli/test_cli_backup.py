"""An installation moves to a new home, by the commands that an operator uses."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from coppermind_pipeline.connectors import key_file
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database, embedded, resume
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.interfaces.conftest import CommandLine


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=100, companies=30, deals=60, limits=False)) as running:
        yield running


@pytest.fixture
def connected(database: Database, sandbox: RunningSandbox, tmp_path: Path) -> Connected:
    return asyncio.run(Connected.create(database, settings_for(sandbox, tmp_path / "home")))


@pytest.fixture
def new_home() -> Iterator[Path]:
    """A home of its own, with a server of its own, which runs as another user."""
    directory = Path(tempfile.mkdtemp(prefix="coppermind-tests-"))
    yield directory
    embedded.stop(directory)
    shutil.rmtree(directory)


def _row_counts(database: Database) -> dict[str, int]:
    with database.administrator() as connection:
        tables = connection.scalars(
            text("SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname IN ('coppermind', 'dagster')")
        ).all()
        return {table: connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() for table in tables}


@pytest.mark.slow
def test_an_installation_moves_to_a_new_home_by_the_command_line(
    connected: Connected,
    sandbox: RunningSandbox,
    coppermind: CommandLine,
    new_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("COPPERMIND_HOME", str(connected.settings.home))
    monkeypatch.setenv("COPPERMIND_HUBSPOT_CLIENT_ID", sandbox.client_id)
    monkeypatch.setenv("COPPERMIND_HUBSPOT_CLIENT_SECRET", sandbox.client_secret)
    monkeypatch.setenv("COPPERMIND_HUBSPOT_API_URL", sandbox.url)
    assert coppermind("sync", connected.connector_id, "--until-complete").exit_code == 0
    file = tmp_path / "backup"
    saved = json.loads(coppermind("db", "backup", str(file), "--json").stdout)
    assert saved["keys_included"] is False
    assert saved["keys"] == str(key_file(connected.settings))
    assert coppermind("db", "backup", str(file)).exit_code == 2
    report = ("memory", "report", "--mind", "Acme", "--start", "2000-01-01", "--end", "2100-01-01")
    before, rows_before = coppermind(*report).stdout, _row_counts(connected.database)

    monkeypatch.setenv("COPPERMIND_HOME", str(new_home))
    monkeypatch.delenv("COPPERMIND_DATABASE_URL")
    restored = json.loads(coppermind("db", "restore", str(file), "--json").stdout)
    assert restored["paused"] is True
    assert len(restored["missing_keys"]) == 1
    assert coppermind("db", "restore", str(file)).exit_code == 2
    moved = Database(embedded.start(new_home), new_home)
    assert _row_counts(moved) == rows_before
    assert rows_before["dagster.runs"] > 0
    assert coppermind(*report).stdout == before

    shown = coppermind("connectors", "status", "--all").stdout
    assert "paused" in shown
    assert "coppermind up --resume" in shown
    for refused in (("sync", connected.connector_id), ("connectors", "sync", connected.connector_id)):
        result = coppermind(*refused)
        assert result.exit_code == 1
        assert "paused" in result.stderr
        assert "coppermind up --resume" in result.stderr

    resume(moved)
    moved.dispose()
    without_key = coppermind("sync", connected.connector_id)
    assert without_key.exit_code == 1
    assert "key" in without_key.stdout
    assert "COPPERMIND_ENCRYPTION_KEYS" in without_key.stdout
    (stuck,) = json.loads(coppermind("connectors", "status", "--all", "--json").stdout)["connectors"]
    assert stuck["hubspot_diagnostics"]["operational_state"] == "auth_error"
    shutil.copyfile(key_file(connected.settings), new_home / key_file(connected.settings).name)
    assert coppermind("sync", connected.connector_id).exit_code == 0

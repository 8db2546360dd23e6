"""One Dagster daemon per database, whatever started it and wherever."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from pydantic import SecretStr

from coppermind_pipeline.defs.home import prepare_dagster_home
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database

DAEMON_MAX_S = 120


@pytest.fixture
def environment(database: Database, database_url: str, server_home: Path, tmp_path: Path) -> dict[str, str]:
    """What a daemon of another machine is given, which shares nothing but the database."""
    settings = Settings(home=tmp_path, database_url=SecretStr(database_url))
    for_passwords = tmp_path / "database-logins.key"
    for_passwords.write_bytes((server_home / "database-logins.key").read_bytes())
    for_passwords.chmod(0o600)
    return os.environ | prepare_dagster_home(settings, database) | {"COPPERMIND_DATABASE_URL": database_url}


@pytest.fixture
def instance(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    for name in ("COPPERMIND_DAGSTER_DATABASE_URL", "DAGSTER_HOME"):
        monkeypatch.setenv(name, environment[name])
    with dg.DagsterInstance.get() as instance:
        yield instance


def _daemon(environment: dict[str, str], directory: Path) -> subprocess.Popen[str]:
    workspace = directory / "workspace.yaml"
    workspace.write_text("load_from: []")
    return subprocess.Popen(
        [sys.executable, "-m", "dagster._daemon", "run", "--workspace", workspace],
        env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(2 * DAEMON_MAX_S)
def test_a_second_daemon_says_so_and_ends_before_it_does_anything(database, environment, instance, tmp_path):
    with database.daemon_lock() as place:
        assert place is not None
        said, _ = _daemon(environment, tmp_path).communicate(timeout=DAEMON_MAX_S)
    assert said.count("Another Dagster daemon works on this database") == 1
    assert "`dagster dev`" in said
    assert "Traceback" not in said
    assert not instance.get_daemon_heartbeats()


@pytest.mark.slow
@pytest.mark.timeout(2 * DAEMON_MAX_S)
def test_a_daemon_has_the_place_until_it_ends_however_it_does(database, environment, instance, tmp_path):
    with _daemon(environment, tmp_path) as daemon:
        assert daemon.stdout is not None
        while not instance.get_daemon_heartbeats():
            assert daemon.poll() is None, daemon.stdout.read()
        with database.daemon_lock() as place:
            assert place is None
        daemon.kill()
    with database.daemon_lock(wait_s=30) as place:
        assert place is not None

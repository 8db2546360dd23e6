"""A process has one pool of connections to Dagster's tables and one installation, however often either is asked for."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import dagster as dg
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from coppermind_pipeline.defs import installation
from coppermind_pipeline.defs.home import prepare_dagster_home
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database


def _open(database: Database, login: str) -> int:
    """Return how many connections of a login the database has open."""
    counted = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename LIKE :login")
    with database.administrator() as connection:
        return connection.execute(counted, {"login": f"{login}%"}).scalar_one()


def test_instances_that_nobody_closed_hold_no_connections_of_their_own(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settings = Settings(home=tmp_path, database_url=SecretStr(database_url))
    for name, value in prepare_dagster_home(settings, database).items():
        monkeypatch.setenv(name, value)
    made = []
    for _ in range(8):
        instance = dg.DagsterInstance.get()
        made.append(instance)
        assert instance.get_runs_count() == 0
        assert not instance.all_asset_keys()
        assert not instance.all_instigator_state()
    assert _open(database, "coppermind_dagster") == 1


def test_sensors_that_begin_at_once_open_one_installation(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COPPERMIND_HOME", str(tmp_path))
    monkeypatch.setenv("COPPERMIND_DATABASE_URL", database_url)
    installation._opened.cache_clear()
    at_once = Barrier(6)

    def ask() -> installation.Installation:
        at_once.wait(10)
        return installation.this_installation()

    with ThreadPoolExecutor(6) as sensors:
        asked = [sensors.submit(ask) for _ in range(6)]
        (found,) = {id(each.result()): each.result() for each in asked}.values()
    found.database.dispose()
    installation._opened.cache_clear()

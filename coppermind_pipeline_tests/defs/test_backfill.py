"""A backfill of many partitions, started in Dagster's pages, ends with all of them done."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import dagster as dg
import pytest

from coppermind_pipeline.accounts import create_mind, local_caller
from coppermind_pipeline.connectors import connect
from coppermind_pipeline.defs.home import prepare_dagster_home
from coppermind_pipeline.defs.partitions import PARTITIONS
from coppermind_pipeline.interfaces.processes import free_port
from coppermind_pipeline.interfaces.up import settings_as_environment
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.dagster_pages import START_MAX_S, DagsterPages, eventually

# Of each run, most is the start of its process: four to six seconds of a core.
_SECONDS_EACH = 8

_STATUS = "query($id: String!) {partitionBackfillOrError(backfillId: $id) {... on PartitionBackfill {status}}}"


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings.model_validate(
        {
            "home": tmp_path,
            "database_url": database_url,
            "hubspot_client_id": "app",
            "hubspot_client_secret": "secret",
        }
    )


@pytest.fixture
def pages(database: Database, settings: Settings, tmp_path: Path) -> Iterator[DagsterPages]:
    """Dagster's web server and daemon, as an installation's are set up."""
    environment = os.environ | settings_as_environment(settings) | prepare_dagster_home(settings, database)
    (tmp_path / "workspace.yaml").write_text("load_from: [{python_module: coppermind_pipeline.definitions}]\n")
    port = free_port(0)
    workspace = ("-w", str(tmp_path / "workspace.yaml"))
    commands = (
        (sys.executable, "-m", "dagster_webserver", "--port", str(port), *workspace),
        (sys.executable, "-m", "dagster._daemon", "run", *workspace),
    )
    with ExitStack() as running, (tmp_path / "output").open("wb") as output:
        for command in commands:
            process = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=output, stderr=output)
            running.callback(process.wait, 60)
            running.callback(process.terminate)
        yield DagsterPages(port)


@pytest.mark.soak
@pytest.mark.parametrize("partitions", [8, 200])
def test_a_backfill_of_many_partitions_succeeds(
    partitions: int,
    database: Database,
    settings: Settings,
    pages: DagsterPages,
    monkeypatch: pytest.MonkeyPatch,
):
    connectors = [_waiting_for_approval(database, settings, f"Client {number}") for number in range(partitions)]
    for name, value in prepare_dagster_home(settings, database).items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions(PARTITIONS, connectors)
        eventually(lambda: bool(pages.ask("{version}")), START_MAX_S)
        backfill_id = pages.start_backfill("memories", connectors)

        def status() -> str:
            return pages.ask(_STATUS, id=backfill_id)["partitionBackfillOrError"]["status"]

        eventually(lambda: status() != "REQUESTED", START_MAX_S + partitions * _SECONDS_EACH)
        runs = instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": backfill_id}))
        assert status() == "COMPLETED_SUCCESS"
        assert {run.tags["dagster/partition"]: run.status for run in runs} == dict.fromkeys(
            connectors, dg.DagsterRunStatus.SUCCESS
        )
        assert instance.get_materialized_partitions(dg.AssetKey("memories")) == set(connectors)


def _waiting_for_approval(database: Database, settings: Settings, mind: str) -> str:
    """Return a connector that nobody has approved yet: no sensor has anything to do for it."""
    caller = local_caller(database)
    create_mind(database, caller, mind, kind="client")
    return connect(database, settings, caller, mind=mind, callback_listening=True).connector_id

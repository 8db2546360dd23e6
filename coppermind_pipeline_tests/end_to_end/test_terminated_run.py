"""A run, terminated in Dagster's UI, stops in seconds, and what it has stored stays."""

import asyncio
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit

import dagster as dg
import psutil
import pytest
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import GrpcServerTarget
from dagster_graphql.test.utils import execute_dagster_graphql
from sqlalchemy import text

from coppermind_pipeline.defs.home import prepare_dagster_home
from coppermind_pipeline.defs.partitions import PARTITIONS
from coppermind_pipeline.defs.runs import STOPPED
from coppermind_pipeline.defs.sync_now import sync_connector
from coppermind_pipeline.ending import has_ended
from coppermind_pipeline.interfaces.processes import Processes
from coppermind_pipeline.interfaces.up import settings_as_environment
from coppermind_pipeline.interfaces.up.dagster_processes import dagster_children
from coppermind_pipeline.sandbox import Fault, RunningSandbox, SandboxConfig
from coppermind_pipeline.stopping import Stop
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import Connected, settings_for

pytestmark = pytest.mark.timeout(300)

STOPS_WITHIN_S = 10
_LAUNCH = """
    mutation ($connector: String!) {
      launchRun(executionParams: {
        selector: {repositoryLocationName: "coppermind", repositoryName: "__repository__", jobName: "sync"},
        executionMetadata: {tags: [{key: "dagster/partition", value: $connector}]}}) {
        __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }}}"""
_TERMINATE = "mutation ($run: String!) { terminateRun(runId: $run) { __typename ... on PythonError { message } } }"


class Dagster:
    """Dagster's UI and daemon as far as they start and stop a run: in a worker that `up`'s code server starts."""

    def __init__(self, instance: dg.DagsterInstance, process: WorkspaceProcessContext) -> None:
        self.instance, self._process = instance, process

    def launch(self, connector_id: str) -> str:
        self.instance.add_dynamic_partitions(PARTITIONS, [connector_id])
        run_id = self._ask(_LAUNCH, connector=connector_id)["launchRun"]["run"]["runId"]
        self.instance.launch_run(run_id, self._process.create_request_context())  # as the daemon does, from the queue
        return run_id

    def terminate(self, run_id: str) -> None:
        assert self._ask(_TERMINATE, run=run_id)["terminateRun"]["__typename"] == "TerminateRunSuccess"

    def status(self, run_id: str) -> dg.DagsterRunStatus:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run.status

    def messages(self, run_id: str) -> str:
        return "\n".join(entry.message for entry in self.instance.all_logs(run_id))

    def worker(self, run_id: str) -> psutil.Process | None:
        """Return the process that the run is worked on in, once it has said so."""
        said = re.search(r"Started process for run \(pid: (\d+)\)", self.messages(run_id))
        return psutil.Process(int(said[1])) if said else None

    def _ask(self, query: str, **variables: Any) -> Any:
        return execute_dagster_graphql(self._process.create_request_context(), query, variables).data


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=150, companies=25, deals=40, limits=False)) as running:
        yield running


@pytest.fixture
def connected(database: Database, sandbox: RunningSandbox, tmp_path: Path) -> Connected:
    return asyncio.run(Connected.create(database, settings_for(sandbox, tmp_path)))


@pytest.fixture
def dagster(
    connected: Connected, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Dagster]:
    environment = settings_as_environment(connected.settings) | prepare_dagster_home(
        connected.settings, connected.database
    )
    for name, value in {**environment, "COPPERMIND_DATABASE_URL": database_url}.items():
        monkeypatch.setenv(name, value)
    with TemporaryDirectory(prefix="coppermind-tests-") as near:  # a socket's path is short
        socket = Path(near) / "code-server.sock"
        code_server, *_ = dagster_children(
            connected.database, workspace=Path(near), code_location="coppermind", code_socket=socket, port=0
        )
        target = GrpcServerTarget(host="localhost", port=None, socket=str(socket), location_name="coppermind")
        with Processes(record=tmp_path / "processes.json", logs=tmp_path / "logs", tell=pytest.fail) as processes:
            processes.start(code_server, os.environ)
            assert processes.wait_for_socket(socket, deadline_s=60, stop=Stop())
            with dg.DagsterInstance.get() as instance, WorkspaceProcessContext(instance, target) as process:
                yield Dagster(instance, process)


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(delay_ms=60_000, count=None), id="slow"),
        pytest.param(Fault(status=503, count=None), id="down"),
        pytest.param(Fault(action="drop", count=None), id="dropped"),
    ],
)
def test_a_run_is_terminated_while_hubspot_is_slow_or_down(
    connected: Connected, sandbox: RunningSandbox, dagster: Dagster, fault: Fault
):
    sandbox.control.add_fault(fault.model_copy(update={"path": "/crm/v3/objects/deals/search"}))
    run_id = dagster.launch(connected.connector_id)
    _until(lambda: 'step "raw"' in dagster.messages(run_id) and _talks_to(sandbox, dagster.worker(run_id)))
    _terminate(dagster, run_id)
    sandbox.control.clear_faults()
    assert sync_connector(connected.database, connected.settings, connected.connector_id, until_complete=True).complete


@pytest.mark.slow
def test_a_run_is_terminated_in_the_middle_of_a_statement(connected: Connected, dagster: Dagster):
    with connected.database.owner() as holder:
        holder.execute(text("LOCK TABLE hubspot_crm_objects IN ACCESS EXCLUSIVE MODE"))
        run_id = dagster.launch(connected.connector_id)
        _until(lambda: _somebody_waits(connected.database))
        _terminate(dagster, run_id)
        _until(lambda: not _somebody_waits(connected.database), within_s=5)
    assert sync_connector(connected.database, connected.settings, connected.connector_id, until_complete=True).complete


def _terminate(dagster: Dagster, run_id: str) -> None:
    worker = dagster.worker(run_id)
    assert worker is not None
    assert _begins_with_the_code_loaded(worker)
    dagster.terminate(run_id)
    _until(lambda: has_ended(worker), within_s=STOPS_WITHIN_S)
    assert dagster.status(run_id) is dg.DagsterRunStatus.CANCELED
    assert STOPPED in dagster.messages(run_id)


def _begins_with_the_code_loaded(worker: psutil.Process) -> bool:
    """Say whether a run was forked off the process that does nothing else, where no thread could be cut in two."""
    origin = worker.parent()
    return origin is not None and "forkserver" in " ".join(origin.cmdline()) and origin.num_threads() == 1


def _until(holds: Callable[[], bool], *, within_s: float = 120) -> None:
    until = monotonic() + within_s
    while not holds():
        assert monotonic() < until
        sleep(0.05)


def _talks_to(sandbox: RunningSandbox, worker: psutil.Process | None) -> bool:
    port = urlsplit(sandbox.url).port
    return worker is not None and any(c.raddr and c.raddr.port == port for c in worker.net_connections("tcp"))


def _somebody_waits(database: Database) -> bool:
    with database.administrator() as connection:
        return bool(connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))

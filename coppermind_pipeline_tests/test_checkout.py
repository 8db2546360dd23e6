"""A checkout is a Dagster project: Dagster's own commands work in it with nothing set."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from coppermind_pipeline.interfaces.processes import free_port
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database, embedded, upgrade
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.fresh_environments import PROJECT, FreshEnvironment
from coppermind_pipeline_tests.left_behind import new_home

pytestmark = pytest.mark.slow

START_MAX_S = 180
RUN_MAX_S = 180


@dataclass(frozen=True, slots=True)
class Checkout:
    """A clone of the project with an environment of its own, whose PostgreSQL ends with the test."""

    directory: Path
    environment: FreshEnvironment

    @property
    def home(self) -> Path:
        return self.directory / ".coppermind"

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=self.directory, env=self.environment.variables(self.directory.parent),
                              capture_output=True, text=True, check=False, timeout=START_MAX_S)  # fmt: skip

    @contextmanager
    def running(self, *command: str) -> Iterator[None]:
        with (self.directory / "output").open("ab") as output:
            process = subprocess.Popen(command, cwd=self.directory, stdout=output, stderr=output,
                                       env=self.environment.variables(self.directory.parent))  # fmt: skip
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)


@pytest.fixture
def checkout() -> Iterator[Checkout]:
    parent = new_home()
    directory = parent / "coppermind-pipeline"
    directory.mkdir()
    shutil.copytree(PROJECT / "coppermind_pipeline", directory / "coppermind_pipeline",
                    ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    for name in ("pyproject.toml", "setup.cfg", "workspace.yaml", "dagster.yaml"):
        shutil.copy(PROJECT / name, directory / name, follow_symlinks=False)
    environment = FreshEnvironment(directory / ".venv")
    environment.add_packages(directory)
    for program in ("dagster", "dg"):
        environment.add_program(program)
    yield Checkout(directory, environment)
    embedded.stop(directory / ".coppermind")
    shutil.rmtree(parent)


@pytest.mark.parametrize("command", ["dg check defs", "dagster definitions validate -w workspace.yaml"])
def test_definitions_are_validated_without_a_database(checkout: Checkout, command: str):
    done = checkout.run(*command.split())
    assert done.returncode == 0, done.stdout + done.stderr
    assert not checkout.home.exists()
    definitions = checkout.directory / "coppermind_pipeline" / "definitions.py"
    definitions.write_text(f"{definitions.read_text()}\nraise RuntimeError\n")
    assert checkout.run(*command.split()).returncode == 1


def test_definitions_are_listed(checkout: Checkout):
    done = checkout.run("dg", "list", "defs")
    assert done.returncode == 0, done.stderr
    assert "hubspot_crm_objects" in done.stdout
    assert "due_polls" in done.stdout


@pytest.mark.parametrize("command", ["dagster dev", "dg dev"])
def test_a_run_that_is_started_in_its_pages_syncs_a_portal(checkout: Checkout, command: str):
    port = free_port(0)
    with RunningSandbox(SandboxConfig(contacts=60, companies=20, deals=30, limits=False)) as sandbox:
        settings = settings_for(sandbox, checkout.home)
        # What Dagster's commands take from their directory.
        (checkout.directory / ".env").write_text(
            f"COPPERMIND_HUBSPOT_CLIENT_ID={sandbox.client_id}\n"
            f"COPPERMIND_HUBSPOT_CLIENT_SECRET={sandbox.client_secret}\n"
            f"COPPERMIND_HUBSPOT_API_URL={sandbox.url}\n"
        )
        with checkout.running(*command.split(), "--port", str(port)):
            dagster = DagsterPages(f"http://127.0.0.1:{port}/graphql")
            database = Database.open(settings)
            upgrade(database)
            connected = asyncio.run(Connected.create(database, settings))
            dagster.wait_for_partition(connected.connector_id)
            run_id = dagster.start("sync", connected.connector_id)
            assert dagster.end_of(run_id) == "SUCCESS", (checkout.directory / "output").read_text()[-5_000:]
            ((memories,),) = connected.rows("SELECT count(*) FROM memories")
            assert memories > 0
            database.dispose()
            embedded.leave_all()
    assert not embedded.is_running(checkout.home)


class DagsterPages:
    """Dagster's own pages, as a person's browser asks them."""

    def __init__(self, url: str) -> None:
        self._url = url

    def wait_for_partition(self, connector_id: str) -> None:
        query = """{assetNodes(assetKeys: [{path: ["raw_deals"]}]) {partitionKeys}}"""
        self._eventually(lambda: connector_id in self._ask(query)["assetNodes"][0]["partitionKeys"], START_MAX_S)

    def start(self, job: str, connector_id: str) -> str:
        (location,) = self._ask("{workspaceOrError {... on Workspace {locationEntries {name}}}}")["workspaceOrError"][
            "locationEntries"
        ]
        selector = {"repositoryLocationName": location["name"], "repositoryName": "__repository__", "jobName": job}
        tags = [{"key": "dagster/partition", "value": connector_id}]
        started = self._ask(
            """mutation($parameters: ExecutionParams!) {
                launchRun(executionParams: $parameters) {__typename ... on LaunchRunSuccess {run {runId}}}}""",
            parameters={"selector": selector, "runConfigData": {}, "executionMetadata": {"tags": tags}},
        )
        return started["launchRun"]["run"]["runId"]

    def end_of(self, run_id: str) -> str:
        query = "query($id: ID!) {runOrError(runId: $id) {... on Run {status}}}"
        ended = {"SUCCESS", "FAILURE", "CANCELED"}
        self._eventually(lambda: self._ask(query, id=run_id)["runOrError"]["status"] in ended, RUN_MAX_S)
        return self._ask(query, id=run_id)["runOrError"]["status"]

    def _ask(self, query: str, **variables: Any) -> dict[str, Any]:
        answer = httpx.post(self._url, json={"query": query, "variables": variables}, timeout=60).json()
        assert "errors" not in answer, answer
        return answer["data"]

    @staticmethod
    def _eventually(holds: Any, deadline_s: float) -> None:
        until = time.monotonic() + deadline_s
        while True:
            try:
                if holds():
                    return
            except httpx.TransportError:  # it starts
                pass
            assert time.monotonic() < until
            time.sleep(0.2)

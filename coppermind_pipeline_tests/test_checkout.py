"""A checkout is a Dagster project: Dagster's own commands work in it with nothing set."""

import asyncio
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from coppermind_pipeline.interfaces.processes import free_port
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database, embedded, upgrade
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.dagster_pages import DagsterPages
from coppermind_pipeline_tests.fresh_environments import PROJECT, FreshEnvironment
from coppermind_pipeline_tests.left_behind import new_home

pytestmark = pytest.mark.slow

START_MAX_S = 180


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
        # Dagster hears SIGTERM as it hears SIGINT, which whoever runs these tests in the background ignores.
        before = signal.signal(signal.SIGINT, signal.SIG_DFL)
        with (self.directory / "output").open("ab") as output:
            process = subprocess.Popen(command, cwd=self.directory, stdout=output, stderr=output,
                                       env=self.environment.variables(self.directory.parent))  # fmt: skip
        signal.signal(signal.SIGINT, before)
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
            dagster = DagsterPages(port)
            database = Database.open(settings)
            upgrade(database)
            connected = asyncio.run(Connected.create(database, settings))
            dagster.wait_for_partition(connected.connector_id)
            said = checkout.directory / "output"
            assert dagster.run(connected.connector_id, job="sync") == "SUCCESS", said.read_text()[-5_000:]
            ((memories,),) = connected.rows("SELECT count(*) FROM memories")
            assert memories > 0
            _past_period(dagster, connected)
            _one_asset_again(dagster, connected)
            database.dispose()
            embedded.leave_all()
    assert not embedded.is_running(checkout.home)


def _past_period(dagster: DagsterPages, connected: Connected) -> None:
    config = {"ops": {"marketing_synthesis": {"config": {"period_key": "2025-W20"}}}}
    assert dagster.run(connected.connector_id, job="synthesis", config=config) == "SUCCESS"
    ((published,),) = connected.rows("SELECT published_at FROM syntheses WHERE period_key = '2025-W20'")
    assert published is not None


def _one_asset_again(dagster: DagsterPages, connected: Connected) -> None:
    """It is no poll: neither the next one nor what counts as fresh is moved by it."""
    book = "SELECT last_started_at, last_ended_at, last_succeeded_at FROM hubspot_polls"
    before = connected.rows(book)
    assert dagster.run(connected.connector_id, job="__ASSET_JOB", assets=["hubspot_crm_objects"]) == "SUCCESS"
    assert connected.rows(book) == before

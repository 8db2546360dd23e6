"""Two workers that share nothing but the database and the broker; one is killed in the middle of a backfill.

The daemon is a third machine: `coppermind up`, whose runs are launched by Celery.
"""

import asyncio
import base64
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep

import dagster as dg
import psutil
import pytest
from pydantic import SecretStr

from coppermind_pipeline.defs.home import SHIPPED, prepare_dagster_home
from coppermind_pipeline.defs.runs import ORPHANED
from coppermind_pipeline.interfaces.processes import free_port, port_answers
from coppermind_pipeline.interfaces.up import settings_as_environment
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.end_to_end.everything import everything
from coppermind_pipeline_tests.portal_comparison import assert_store_equals_portal

_LAUNCHER = Path(__file__).parents[2] / "deploy" / "celery-launcher.yaml"
_MAX_S = 300


@pytest.fixture
def broker() -> Iterator[str]:
    server, port = shutil.which("redis-server"), free_port(0)
    if server is None:
        pytest.skip("there is no redis-server on this machine, which hands out runs between machines")
    command = [server, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, cwd="/", stdout=subprocess.DEVNULL) as process:
        _until(lambda: port_answers(port))
        yield f"redis://127.0.0.1:{port}/0"
        process.terminate()


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    config = SandboxConfig(contacts=1_500, companies=250, deals=400, limits=False, latency_ms=400)
    with RunningSandbox(config, process=True) as running:
        yield running


@pytest.fixture
def settings(sandbox: RunningSandbox, broker: str, database_url: str, tmp_path: Path) -> Settings:
    """Return the settings of the machine of `up`; on the others the home alone is another."""
    home = tmp_path / "up"
    (home / "dagster").mkdir(parents=True)
    (home / "dagster" / "dagster.yaml").write_text(SHIPPED.read_text() + _LAUNCHER.read_text())
    return settings_for(
        sandbox,
        home,
        database_url=SecretStr(database_url),
        broker_url=SecretStr(broker),
        database_logins_key=SecretStr(base64.b64encode(secrets.token_bytes(32)).decode()),
        encryption_keys=SecretStr(base64.b64encode(secrets.token_bytes(32)).decode()),
        public_url=f"http://localhost:{free_port(0)}",
        dagster_port=free_port(0),
    )


@pytest.mark.slow
def test_a_worker_that_is_killed_in_a_backfill_leaves_it_to_the_other(
    settings: Settings, sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    database = Database.open(settings)
    connected = [asyncio.run(Connected.create(database, settings, mind=mind)) for mind in ("Acme", "Globex")]
    for name, value in prepare_dagster_home(settings, database).items():
        monkeypatch.setenv(name, value)
    with ExitStack() as stack:
        workers = {
            stack.enter_context(_worker(settings.model_copy(update={"home": tmp_path / name}))).pid
            for name in ("one", "two")
        }
        instance = stack.enter_context(dg.DagsterInstance.get())
        stack.enter_context(everything(settings))
        _until(lambda: len(_at_work(instance)) == 2 and all(_is_reading(each) for each in connected))
        at_work = _at_work(instance)
        assert set(at_work.values()) == workers
        lost, killed = at_work.popitem()
        os.killpg(killed, signal.SIGKILL)

        _until(lambda: all(_is_settled(each) for each in connected))
        assert _status(instance, lost) == dg.DagsterRunStatus.FAILURE
        assert ORPHANED in _messages(instance, lost)
        for each in connected:
            assert_store_equals_portal(each, sandbox)
    database.dispose()


@contextmanager
def _worker(settings: Settings) -> Iterator["subprocess.Popen[str]"]:
    """Run a worker inside the block, in a process group of its own, which is ended by force."""
    settings.home.mkdir()
    with (settings.home / "worker.log").open("w") as log:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("coppermind"), "worker", "--slots", "1"],
            env=os.environ | settings_as_environment(settings),
            stdout=log,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _at_work(instance: dg.DagsterInstance) -> dict[str, int]:
    """Return the worker of each run under way."""
    runs = instance.get_runs(dg.RunsFilter(job_name="sync", statuses=[dg.DagsterRunStatus.STARTED]))
    said = {
        run.run_id: re.search(r"Started process for run \(pid: (\d+)\)", _messages(instance, run.run_id))
        for run in runs
    }
    return {
        run_id: os.getpgid(int(found[1]))
        for run_id, found in said.items()
        if found and psutil.pid_exists(int(found[1]))
    }


def _messages(instance: dg.DagsterInstance, run_id: str) -> str:
    return "\n".join(entry.message for entry in instance.all_logs(run_id))


def _status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus | None:
    run = instance.get_run_by_id(run_id)
    return run.status if run else None


def _is_reading(connected: Connected) -> bool:
    """Say whether the backfill is in its middle."""
    (row,) = connected.rows(
        """SELECT (SELECT count(*) FROM hubspot_raw_records) AS records,
                  (SELECT completed_at FROM hubspot_backfills) AS completed"""
    )
    return row.records > 300 and row.completed is None


def _is_settled(connected: Connected) -> bool:
    (row,) = connected.rows(
        """SELECT (SELECT completed_at FROM hubspot_backfills) AS completed,
                  (SELECT count(*) FROM memory_queue) AS waiting"""
    )
    return row.completed is not None and row.waiting == 0


def _until(holds: Callable[[], object]) -> None:
    until = monotonic() + _MAX_S
    while not holds():
        assert monotonic() < until
        sleep(0.2)

"""`coppermind sync`, told to stop at any moment of a slow sync, stops in seconds; run again, it goes on to the end."""

import asyncio
import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import urlsplit

import psutil
import pytest
from sqlalchemy import text

from coppermind_pipeline.interfaces.cli.sync import STOPPING
from coppermind_pipeline.sandbox import Fault, RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.end_to_end.syncing import end_well, start_sync
from coppermind_pipeline_tests.portal_comparison import assert_store_equals_portal

pytestmark = pytest.mark.timeout(300)

STOPS_WITHIN_S = 10
PYTHON_STARTS_WITHIN_S = 0.3  # before that, no line of ours has run
slow = partial(pytest.param, marks=pytest.mark.slow)


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=300, companies=80, deals=120, limits=False)) as running:
        yield running


@pytest.fixture
def connected(database: Database, sandbox: RunningSandbox, tmp_path: Path) -> Connected:
    return asyncio.run(Connected.create(database, settings_for(sandbox, tmp_path)))


# Ten instants for either signal: in the time that the sync takes for one to a dozen lines of its progress.
@pytest.mark.parametrize("seed", [slow(0), slow(1), *(pytest.param(n, marks=pytest.mark.soak) for n in range(2, 20))])
def test_a_sync_stopped_at_a_random_instant_goes_on_to_the_whole_portal(
    connected: Connected, sandbox: RunningSandbox, database_url: str, seed: int
):
    sandbox.control.set_latency(30)
    chance = random.Random(seed)
    process = start_sync(connected, database_url)
    with suppress(subprocess.TimeoutExpired):
        process.wait(chance.uniform(PYTHON_STARTS_WITHIN_S, 2))
    assert process.stderr is not None
    lines = [process.stderr.readline() for _ in range(chance.randrange(12))]
    if "" in lines:  # it has come to its end, and may be about to leave
        assert process.wait(STOPS_WITHIN_S) == 0
    if process.poll() is None:
        said = _stop(process, (signal.SIGINT, signal.SIGTERM)[seed % 2])
        assert STOPPING in said or not said, "it says what is kept, where it has begun"
    process.communicate()
    end_well(start_sync(connected, database_url))
    assert_store_equals_portal(connected, sandbox)
    assert connected.rows("SELECT last_error FROM connectors") == [(None,)]


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/crm/v3/objects/deals/search", slow("/crm/v3/owners"), slow("/oauth/v1/token")])
@pytest.mark.parametrize(
    "fault", [Fault(delay_ms=60_000, count=None), Fault(status=503, count=None), Fault(action="drop", count=None)],
    ids=["slow", "down", "dropped"],
)  # fmt: skip
def test_a_sync_stops_while_hubspot_is_slow_or_down(
    connected: Connected, sandbox: RunningSandbox, database_url: str, path: str, fault: Fault
):
    if "oauth" in path:
        with connected.database.owner() as connection:  # an authorization that has to be refreshed first
            connection.execute(text("UPDATE connector_credentials SET expires_at = now()"))
    sandbox.control.add_fault(fault.model_copy(update={"path": path}))
    process = start_sync(connected, database_url)
    _until(lambda: _talks_to(sandbox, process) or sandbox.control.requests(path=path), process)
    assert STOPPING in _stop(process, signal.SIGINT)


@pytest.mark.slow
@pytest.mark.parametrize("locked", ["hubspot_raw_records", slow("hubspot_crm_objects"), "memories", slow("syntheses")])
def test_a_sync_stops_in_the_middle_of_a_statement(connected: Connected, database_url: str, locked: str):
    with connected.database.owner() as holder:
        holder.execute(text(f"LOCK TABLE {locked} IN ACCESS EXCLUSIVE MODE"))
        process = start_sync(connected, database_url)
        _until(lambda: _somebody_waits(connected.database), process)
        assert STOPPING in _stop(process, signal.SIGTERM)
        _until(lambda: not _somebody_waits(connected.database), within_s=5)
    with connected.database.connector_lock(connected.connector_id, wait_s=5) as granted:
        assert granted


@pytest.mark.slow
def test_a_sync_stops_while_another_process_writes(connected: Connected, database_url: str):
    with connected.database.connector_lock(connected.connector_id):
        process = start_sync(connected, database_url)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(5)
        assert STOPPING in _stop(process, signal.SIGINT)


def _stop(process: subprocess.Popen[str], number: signal.Signals) -> str:
    """Send a signal, and return what was said once the process has ended as it should."""
    begun = monotonic()
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert monotonic() - begun < STOPS_WITHIN_S, said
    assert process.returncode == 128 + number, said
    assert "Traceback" not in said
    return said


def _until(holds: Callable[[], object], process: subprocess.Popen[str] | None = None, *, within_s: float = 120) -> None:
    until = monotonic() + within_s
    while not holds():
        assert monotonic() < until
        assert process is None or process.poll() is None, "the sync has ended before it came there"
        sleep(0.05)


def _talks_to(sandbox: RunningSandbox, process: subprocess.Popen[str]) -> bool:
    port = urlsplit(sandbox.url).port
    return any(c.raddr and c.raddr.port == port for c in psutil.Process(process.pid).net_connections("tcp"))


def _somebody_waits(database: Database) -> bool:
    with database.administrator() as connection:
        return bool(connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))

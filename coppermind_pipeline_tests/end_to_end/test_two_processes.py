"""Two processes that sync two connectors of one portal stay inside its limits together, and both end complete."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.end_to_end.syncing import environment
from coppermind_pipeline_tests.sync.reconciled import Reconciling

_PULL = """
import asyncio, sys
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import Connected

settings = Settings()
connected = Connected(Database.open(settings), settings, sys.argv[1])
assert asyncio.run(connected.sync()).complete
"""


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    config = SandboxConfig(contacts=1_500, companies=300, deals=600, definitions_per_type=60, latency_ms=20)
    with RunningSandbox(config, process=True) as running:
        yield running


@pytest.mark.slow
def test_two_processes_on_one_portal_are_never_refused(
    database: Database, database_url: str, sandbox: RunningSandbox, tmp_path: Path
):
    settings = settings_for(sandbox, tmp_path)
    portals = [
        Reconciling(asyncio.run(Connected.create(database, settings, mind=mind)), sandbox) for mind in ("One", "Two")
    ]
    sandbox.control.clear_log()
    processes = [_pull(portal.connected, database_url) for portal in portals]
    said = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said

    seen = sandbox.control.limits()
    for name, budget in seen.items():
        assert budget.enforced
        assert budget.refused == 0, name
        assert budget.most_in_window <= budget.calls_max, name
    # Both took part, and the search budget was what they waited for.
    assert seen["search"].calls >= 20
    assert seen["search"].most_in_window >= 4
    for portal in portals:
        portal.assert_equal()


def _pull(connected: Connected, database_url: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", _PULL, connected.connector_id],
        env=environment(connected, database_url),
        cwd=Path(__file__).parents[2],
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import orjson
import psutil
import pytest

from coppermind_pipeline.ending import wait_for_ends
from coppermind_pipeline_tests.left_behind import new_home, remove_homes_of_the_dead

HANGING = Path(__file__).with_name("hanging.py")
DEADLINE_S = 60
WITH_AND_WITHOUT_WORKERS = pytest.mark.parametrize("workers", [1, pytest.param(0, marks=pytest.mark.slow)])


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What a session of its own runs with, not as a worker of this one."""
    told = tmp_path / "told"
    os.mkfifo(told)
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | {
        "COPPERMIND_TEST_TOLD": str(told)
    }


def _session(test: str, *options: str) -> list[str]:
    return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, f"{HANGING}::{test}"]


@pytest.mark.slow
@WITH_AND_WITHOUT_WORKERS
def test_a_killed_session_leaves_no_process_and_no_database(environment, workers):
    command = _session("test_uses_servers_and_hangs", "-n", str(workers))
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as session:
        told = orjson.loads(Path(environment["COPPERMIND_TEST_TOLD"]).read_bytes())
        started = {psutil.Process(process) for process in told["processes"]}
        started |= set(psutil.Process(session.pid).children(recursive=True))
        assert Path(told["home"]).exists()
        session.kill()
    assert not wait_for_ends(list(started), DEADLINE_S)
    until = time.monotonic() + DEADLINE_S
    while Path(told["home"]).exists():  # the watch removes it last
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.slow
@WITH_AND_WITHOUT_WORKERS
def test_a_test_that_hangs_fails_with_the_stacks_of_all_threads(environment, workers):
    command = _session("test_waits_for_a_thread", "-n", str(workers), "--timeout", "5")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "Timeout (>5.0s)" in done.stdout
    assert "Stack of the one that hangs" in done.stdout
    assert "_waits_for_ever" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 0])
def test_a_test_that_hangs_on_is_ended_with_its_stack(environment, workers):
    command = _session("test_cleans_up_for_ever", "-n", str(workers), "--timeout", "1")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert re.search(r"Timeout \(0:00:02", done.stderr)
    assert re.search(r'hanging.py", line \d+ in _waits_for_ever', done.stderr)


def test_databases_of_dead_processes_alone_are_removed_at_the_next_start():
    ours = new_home()
    program = "from coppermind_pipeline_tests.left_behind import new_home; print(new_home())"
    theirs = Path(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout[:-1]
    )
    assert theirs.exists()
    remove_homes_of_the_dead()
    assert ours.exists()
    assert not theirs.exists()
    ours.rmdir()

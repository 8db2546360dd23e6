import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from coppermind_pipeline.ending import has_ended, wait_for_ends

# Starts a child that it never reaps, as a container's first process does that is no init.
_PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def never_reaped() -> Iterator[psutil.Process]:
    with subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        yield psutil.Process(int(parent.stdout.readline()))
        parent.kill()


def test_one_that_nobody_reaps_has_ended(never_reaped):
    assert not has_ended(never_reaped)
    assert wait_for_ends([never_reaped], 0.1) == [never_reaped]
    never_reaped.kill()
    assert wait_for_ends([never_reaped], 60) == []
    assert never_reaped.status() == psutil.STATUS_ZOMBIE
    assert has_ended(never_reaped)


def test_ones_own_children_are_reaped():
    child = psutil.Popen([sys.executable, "-c", ""])
    assert wait_for_ends([child], 60) == []
    assert child.returncode == 0
    assert not psutil.pid_exists(child.pid)


def test_nothing_is_waited_for_where_there_is_nothing():
    at = time.monotonic()
    assert wait_for_ends([], 60) == []
    assert time.monotonic() - at < 30

"""Ends the processes and databases that a test session leaves behind, however it ended; runs beside each session."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import psutil

from coppermind_pipeline.ending import has_ended, wait_for_ends

# In the environment of everything that a session starts. A PostgreSQL server keeps it, whichever user it runs as.
_MARKER = "COPPERMIND_TEST_SESSION"

# Each test makes a database, hundreds of files: that takes a sixth of the time in memory, where there is plenty of it.
_MEMORY = Path("/dev/shm")
_PLENTY_BYTES = 4 << 30
_HOME = re.compile(r"coppermind-tests-(?P<process>\d+)-")

_LEAVE_S = 5
_TRIES = 20


def watch_over_this_session() -> subprocess.Popen[bytes]:
    """Mark what this process starts from here on; what is left of it when this process ends is ended, too.

    Return the watch, for as long as this process lives.
    """
    # Not in this session, or what ends it by signals would end the watch; not marked itself by one that runs this one.
    unmarked = {name: value for name, value in os.environ.items() if name != _MARKER}
    session = uuid4().hex
    watch = subprocess.Popen(
        [sys.executable, "-P", __file__, str(os.getpid()), session], env=unmarked, cwd="/", start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.environ[_MARKER] = session
    return watch


def new_home() -> Path:
    """Return a directory for a database server that says which process it is of."""
    # Not under pytest's own directory, which another session closes to other users, the server's among them.
    in_memory = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _PLENTY_BYTES
    return Path(tempfile.mkdtemp(prefix=f"coppermind-tests-{os.getpid()}-", dir=_MEMORY if in_memory else None))


def remove_homes_of_the_dead() -> None:
    """Remove the directories whose processes are gone."""
    for home in _homes_of_the_dead():
        shutil.rmtree(home, ignore_errors=True)


def _homes_of_the_dead() -> list[Path]:
    return [
        home
        for parent in {_MEMORY, Path(tempfile.gettempdir())}
        for home in parent.glob("coppermind-tests-*")
        if (named := _HOME.match(home.name)) and not _is_alive(int(named["process"]))
    ]


def _is_alive(process: int) -> bool:
    try:
        return not has_ended(psutil.Process(process))
    except psutil.NoSuchProcess:
        return False


def _end_processes_of(session: str) -> None:
    while left := [process for process in psutil.process_iter() if _is_of(process, session)]:
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGQUIT)  # PostgreSQL ends at once, yet frees its shared memory
        for process in wait_for_ends(left, _LEAVE_S):
            with suppress(psutil.NoSuchProcess):
                process.kill()


def _is_of(process: psutil.Process, session: str) -> bool:
    try:
        return process.environ().get(_MARKER) == session
    except psutil.Error:  # it has just ended, or is somebody else's
        return False


if __name__ == "__main__":
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int(sys.argv[1])).wait()
    # What a process wrote while its directory was being removed is left of it, and goes with the next try.
    for _ in range(_TRIES):
        _end_processes_of(sys.argv[2])
        remove_homes_of_the_dead()
        if not _homes_of_the_dead():
            break

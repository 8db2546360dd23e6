"""Tests that hang, for `test_left_behind.py` to run; no others collect them."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import orjson
import pytest
from sqlalchemy import make_url


@pytest.fixture
def told() -> Path:
    return Path(os.environ["COPPERMIND_TEST_TOLD"])


def test_uses_servers_and_hangs(postgres_url: str, told: Path):
    directory = Path(str(make_url(postgres_url).query["host"]))
    server = int((directory / "postmaster.pid").read_text().splitlines()[0])
    program = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
    told.write_bytes(orjson.dumps({"home": str(directory.parent), "processes": [os.getpid(), server, program.pid]}))
    signal.pause()


def test_waits_for_a_thread():
    thread = threading.Thread(target=_waits_for_ever, name="the one that hangs", daemon=True)
    thread.start()
    thread.join()


def test_cleans_up_for_ever():
    try:
        _waits_for_ever()
    finally:
        _waits_for_ever()


def _waits_for_ever() -> None:
    threading.Event().wait()

"""The embedded server lives as long as somebody uses it, or until it is told to stop."""

import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, make_url

from coppermind_pipeline.store import embedded

# Without the question whether a server answers, one start in four was given a dying one.
_KILLS = 12

_START = """
import pathlib, sys
from coppermind_pipeline.store import embedded
print(embedded.start(pathlib.Path(sys.argv[1]), keep_running=sys.argv[2] == "keep"))
"""


@pytest.fixture
def home() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="coppermind-tests-"))
    yield directory
    embedded.stop(directory)
    shutil.rmtree(directory)


def _start_and_end(home: Path, mode: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", _START, home, mode], text=True, check=True, stdout=subprocess.PIPE
    ).stdout.strip()


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def _without_password(url: URL) -> str:
    return str(URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query))


@pytest.mark.slow
def test_it_ends_with_its_last_user(home: Path):
    assert not _answers(_start_and_end(home, "as a user"))


@pytest.mark.slow
def test_once_kept_running_it_outlives_every_user(home: Path):
    url = _start_and_end(home, "keep")
    assert _answers(url)
    assert _start_and_end(home, "as a user") == url
    assert _answers(url)
    assert embedded.stop(home)
    assert not _answers(url)


@pytest.mark.slow
def test_it_lets_nobody_in_without_a_password(home: Path):
    url = make_url(_start_and_end(home, "keep"))
    assert not _answers(_without_password(url))
    assert not _answers(url.set(password="guessed").render_as_string(hide_password=False))
    assert _answers(url.render_as_string(hide_password=False))


@pytest.mark.slow
def test_one_that_let_everybody_in_asks_for_passwords_from_its_next_start_on(home: Path):
    url = _start_and_end(home, "as a user")
    (home / "postgres" / "pg_hba.conf").write_text("local all all trust\n")
    assert _start_and_end(home, "keep") == url
    assert _answers(url)
    assert not _answers(_without_password(make_url(url)))


@pytest.mark.slow
def test_a_lost_key_file_is_replaced_at_the_next_start(home: Path):
    url = _start_and_end(home, "as a user")
    (home / "database-logins.key").unlink()
    renewed = _start_and_end(home, "keep")
    assert renewed != url
    assert _answers(renewed)
    assert not _answers(url)


@pytest.mark.slow
def test_a_user_that_was_killed_does_not_keep_it_running(home: Path):
    killed = subprocess.Popen(
        [sys.executable, "-c", _START + "sys.stdout.flush()\nsys.stdin.read()", home, "as a user"],
        text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    with killed:
        assert killed.stdout is not None
        url = killed.stdout.readline().strip()
        killed.kill()
    assert _answers(url)
    _start_and_end(home, "as a user")
    assert not _answers(url)


def _come_and_go(home: Path, chance: random.Random, until: float) -> int:
    """Run users of the server one after the other, some of them with eight threads; return how many there were."""
    users = 0
    while time.monotonic() < until:
        threads = chance.choice((1, 1, 8))
        done = subprocess.run(
            [sys.executable, "-m", "coppermind_pipeline_tests.store.embedded_users", home, str(threads)],
            text=True, check=False, capture_output=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout == "3\n" * threads
        users += 1
    return users


@pytest.mark.parametrize(
    ("processes", "seconds"),
    [
        pytest.param(4, 12, marks=pytest.mark.slow),
        pytest.param(40, 120, marks=[pytest.mark.soak]),
    ],
)
@pytest.mark.parametrize("kept", [False, True])
def test_it_neither_breaks_nor_stops_under_users_that_come_and_go_at_once(home: Path, processes, seconds, kept):
    kept_url = _start_and_end(home, "keep") if kept else None
    until = time.monotonic() + seconds
    with ThreadPoolExecutor(processes) as pool:
        users = list(pool.map(lambda seed: _come_and_go(home, random.Random(seed), until), range(processes)))
    assert all(users)
    if kept_url is not None:
        assert _answers(kept_url)
    else:  # the last one out has stopped it
        assert not embedded.is_running(home)


@pytest.mark.slow
@pytest.mark.parametrize("torn", ["[12, 3", "", "[1]]"])
def test_a_torn_list_of_users_of_an_earlier_version_is_ignored(home: Path, torn: str):
    url = _start_and_end(home, "as a user")
    (home / "postgres" / ".handle_pids.json").write_text(torn)
    assert _start_and_end(home, "as a user") == url
    assert not embedded.is_running(home)


@pytest.mark.slow
def test_a_server_that_an_earlier_version_was_told_to_keep_running_is_kept(home: Path):
    url = _start_and_end(home, "keep")
    (home / "postgres.keep-running").unlink()
    postmaster = (home / "postgres" / "postmaster.pid").read_text().splitlines()[0]
    (home / "postgres" / ".handle_pids.json").write_text(f"[{postmaster}]")
    _start_and_end(home, "as a user")
    assert _answers(url)


@pytest.mark.slow
def test_a_forked_process_is_a_user_of_its_own(home: Path):
    # The parent ends at once; its child asks the server when it is told to.
    script = (
        _START
        + """
import os, psycopg
sys.stdout.flush()
if os.fork():
    sys.exit()
sys.stdin.readline()
with psycopg.connect(embedded.start(pathlib.Path(sys.argv[1]))) as connection:
    print(connection.execute("SELECT 'still there'").fetchone()[0])
"""
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, home, "as a user"], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.wait(60) == 0
        assert embedded.is_running(home)
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdin.write("go on\n")
        parent.stdin.close()
        assert "still there" in parent.stdout.read()  # ends with the child


@pytest.mark.slow
def test_a_killed_server_is_started_again_by_its_next_user(home: Path):
    url = _start_and_end(home, "keep")
    postmaster = int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    os.kill(postmaster, signal.SIGKILL)
    assert _start_and_end(home, "as a user") == url
    assert _answers(url)


@pytest.mark.slow
def test_a_start_is_never_given_a_server_that_is_being_killed(home: Path):
    """Its file calls it ready to its last, and its processes live on for a moment."""
    url = embedded.start(home)
    for _ in range(_KILLS):
        with psycopg.connect(url) as at_work:
            os.kill(int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0]), signal.SIGKILL)
            assert _answers(embedded.start(home))
            at_work.close()


@pytest.mark.slow
def test_the_home_is_closed_to_others_also_where_it_was_open(home: Path):
    home.chmod(0o755)
    _start_and_end(home, "as a user")
    assert stat.S_IMODE(home.stat().st_mode) == (0o711 if os.geteuid() == 0 else 0o700)

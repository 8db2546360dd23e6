"""The embedded server lives as long as somebody uses it, or until it is told to stop."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, make_url

from coppermind_pipeline.store import embedded

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


def test_it_ends_with_its_last_user(home: Path):
    assert not _answers(_start_and_end(home, "as a user"))


def test_once_kept_running_it_outlives_every_user(home: Path):
    url = _start_and_end(home, "keep")
    assert _answers(url)
    assert _start_and_end(home, "as a user") == url
    assert _answers(url)
    assert embedded.stop(home)
    assert not _answers(url)


def test_it_lets_nobody_in_without_a_password(home: Path):
    url = make_url(_start_and_end(home, "keep"))
    assert not _answers(_without_password(url))
    assert not _answers(url.set(password="guessed").render_as_string(hide_password=False))
    assert _answers(url.render_as_string(hide_password=False))


def test_one_that_let_everybody_in_asks_for_passwords_from_its_next_start_on(home: Path):
    url = _start_and_end(home, "as a user")
    (home / "postgres" / "pg_hba.conf").write_text("local all all trust\n")
    assert _start_and_end(home, "keep") == url
    assert _answers(url)
    assert not _answers(_without_password(make_url(url)))


def test_a_lost_key_file_is_replaced_at_the_next_start(home: Path):
    url = _start_and_end(home, "as a user")
    (home / "database-logins.key").unlink()
    renewed = _start_and_end(home, "keep")
    assert renewed != url
    assert _answers(renewed)
    assert not _answers(url)


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

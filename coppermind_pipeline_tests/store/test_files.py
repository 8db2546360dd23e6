"""Where a Unix socket may lie: its path has a limit, and nobody else may listen in its place. And who passes a home."""

import os
import socket
import stat
from pathlib import Path

import pytest

from coppermind_pipeline.store import directory_of_socket
from coppermind_pipeline.store.files import SocketDirectoryTaken, private_home

NAME = "code-server.sock"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The machine's directory for temporary files."""
    directory = tmp_path / "tmp"
    directory.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(directory))
    return directory


@pytest.fixture
def far(tmp_path: Path) -> Path:
    """A directory whose path is too long for a socket."""
    directory = tmp_path / ("far" * 30) / "away"
    directory.mkdir(parents=True)
    return directory


def test_a_socket_lies_in_its_directory_where_the_path_is_short_enough(temporary):
    assert directory_of_socket(temporary.parent, "s") == temporary.parent


def test_a_long_path_leads_to_a_directory_of_its_own_that_is_the_same_each_time(far, temporary):
    with pytest.raises(OSError, match="too long"), socket.socket(socket.AF_UNIX) as here:
        here.bind(str(far / NAME))
    place = directory_of_socket(far, NAME)
    assert place.parent == temporary
    assert directory_of_socket(far, NAME) == place
    other = far.with_name("nowhere")
    other.mkdir()
    assert directory_of_socket(other, NAME) != place


def test_one_that_lets_others_in_is_closed_to_them(far, temporary):
    directory_of_socket(far, NAME).chmod(0o777)
    assert stat.S_IMODE(directory_of_socket(far, NAME).stat().st_mode) == 0o700


def test_somebody_who_was_there_first_is_not_trusted(far, temporary):
    place = directory_of_socket(far, NAME)
    place.rmdir()
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir(mode=0o777)
    place.symlink_to(elsewhere)
    with pytest.raises(SocketDirectoryTaken):
        directory_of_socket(far, NAME)
    assert not list(elsewhere.iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="files can't be given to another user")
def test_a_home_stays_passable_for_the_server_that_works_in_it(tmp_path: Path):
    (tmp_path / "postgres").mkdir()
    os.chown(tmp_path / "postgres", 12_345, 12_345)
    private_home(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o711


def test_a_home_that_nobody_can_make_is_refused_by_its_name():
    with pytest.raises(PermissionError) as refused:
        private_home(Path("/proc/home/of/coppermind"))
    assert refused.value.filename == "/proc/home"

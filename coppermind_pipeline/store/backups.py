"""Backup and restore of everything that is stored, Dagster's schema included, by PostgreSQL's own programs.

A backup is a file in pg_dump's custom format: one consistent snapshot, made while work goes on. It holds credentials as
they are stored, encrypted, and not the keys. A restore is one transaction: afterwards the database is the backup's,
paused, or what it was before.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from sqlalchemy import Connection, text

from coppermind_pipeline.errors import NeedsPerson, UsageError
from coppermind_pipeline.store.database import Database
from coppermind_pipeline.store.pause import PAUSE
from coppermind_pipeline.store.roles.role_logins import DAGSTER_ROLE
from coppermind_pipeline.store.server.client_programs import ClientPrograms, client_programs, connection_arguments
from coppermind_pipeline.store.upgrade import (
    OLDEST_REVISION,
    SCHEMAS,
    SCHEMAS_AND_USAGE,
    create_roles,
    known_revisions,
    upgrade,
)
from coppermind_pipeline.wording import are, count, number

LOCK_TIMEOUT_S = 10

# Or a restore would let in who has signed out, or used a link, since.
_NOT_SAVED = ("coppermind.web_sessions", "coppermind.sign_in_links")


class FileExists(UsageError):
    """There is a file of that name."""

    code = "file_exists"


class FileUnusable(UsageError):
    """The file can't be read or written."""

    code = "file_unusable"


class NotABackup(UsageError):
    """The file is no backup that can be restored here."""

    code = "not_a_backup"
    hint = "Give a file that `coppermind db backup` wrote, copied completely."


class InstallationNotEmpty(UsageError):
    """The installation holds something already, which a restore would replace."""

    code = "installation_not_empty"
    hint = (
        "Restore into an installation of its own (another COPPERMIND_HOME or database), or replace this one: --force."
    )


class InstallationInUse(UsageError):
    """Other programs are connected to the database."""

    code = "installation_in_use"
    hint = "Stop `coppermind up`, other commands and other tools of this installation, then restore again."


class ProgramFailed(NeedsPerson):
    """A program of PostgreSQL failed."""

    code = "database_program_failed"


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup file.

    Attributes:
        revision: of the schema that it holds.
        size: in bytes.
    """

    file: Path
    revision: str
    size: int


def backup(database: Database, file: Path, *, replace: bool = False) -> Backup:
    """Write everything that is stored to `file`, readable by its owner alone; a failure leaves no file.

    Args:
        database: it may be in use; what commits after this began is not in the backup.
        file: where to.
        replace: take the place of a file that is there.

    Raises:
        FileExists, FileUnusable: there is such a file, or none can be made there.
        ClientProgramsMissing: there is no pg_dump of the server's version.
        ProgramFailed: pg_dump failed.
    """
    if file.exists() and not replace:
        raise FileExists(f"{file} exists already.", hint="Give another name, or overwrite it with --force.")
    programs = _programs_for(database)
    address, environment = connection_arguments(database.address)
    options = [f"--schema={schema}" for schema in SCHEMAS] + [f"--exclude-table-data={table}" for table in _NOT_SAVED]
    with _draft(file) as draft:
        # Not by standard output, to which it appends a second table of contents instead of completing the first.
        _run([programs.path("pg_dump"), "--format=custom", f"--file={draft}", *options, address], environment)
        return Backup(file, _revision(programs, draft), draft.stat().st_size)


def restore(database: Database, file: Path, *, replace: bool = False) -> Backup:
    """Put what a backup holds in the place of the database's content, paused, and bring it to the newest schema.

    Args:
        database: nothing else may be connected to it.
        file: written by `backup`.
        replace: whatever the installation holds now is lost.

    Raises:
        NotABackup, FileUnusable: the file can't be read to its end, is none of ours, or is of a newer version.
        InstallationNotEmpty, InstallationInUse: see there.
        ClientProgramsMissing: there are no programs of the server's version.
        ProgramFailed: the database did not take it; nothing was changed.
    """
    programs = _programs_for(database)
    checked = _check(programs, file)
    database.dispose()
    with database.administrator() as connection:
        _require_alone(connection)
        if not replace:
            _require_empty(connection)
        create_roles(connection)
    _replay(programs, database, file)
    upgrade(database)
    return checked


def _programs_for(database: Database) -> ClientPrograms:
    with database.administrator() as connection:
        version_number = connection.scalar(text("SHOW server_version_num"))
    return client_programs(int(version_number) // 10_000)


@contextmanager
def _draft(file: Path) -> Iterator[Path]:
    """Yield the path of a new file beside `file`, which takes its place, whole and on disk, at the end of the block."""
    draft = file.with_name(f"{file.name}.{os.getpid()}.partial")
    try:
        draft.touch(mode=0o600, exist_ok=False)
    except OSError as error:
        raise FileUnusable(f"{file} can't be written: {error.strerror}.") from error
    try:
        yield draft
        with draft.open("rb") as written:
            os.fsync(written.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def _check(programs: ClientPrograms, file: Path) -> Backup:
    """Read the file to its end, as a restore will, and return what it is."""
    if not file.is_file():
        raise FileUnusable(f"There is no file {file}.")
    newer_server = NotABackup(
        f"{file} was made on a newer PostgreSQL than the server here, which is {programs.major}.",
        hint="Restore into a server that is no older than the one that it was made on.",
    )
    try:
        contents = _run([programs.path("pg_restore"), "--list", file])
        _run([programs.path("pg_restore"), f"--file={os.devnull}", file])
    except ProgramFailed as error:
        if "unsupported version" in error.message:
            raise newer_server from error
        raise NotABackup(f"{file} is not a whole backup: {error.message}") from error
    written_by = re.search(r"Dumped by pg_dump version: (\d+)", contents)
    if written_by and programs.major is not None and int(written_by[1]) > programs.major:
        raise newer_server
    if " TABLE coppermind alembic_version " not in contents:
        raise NotABackup(f"{file} is a dump of another database.")
    revision = _revision(programs, file)
    if revision < OLDEST_REVISION:
        raise NotABackup(
            f"{file} was made by a version that is too old for this one (its schema is {revision}).",
            hint=f"Restore it with a version whose schema is {OLDEST_REVISION}, and back it up anew there.",
        )
    if revision not in known_revisions():
        raise NotABackup(
            f"{file} was made by a newer version of the product (its schema is {revision}).",
            hint="Update the product, then restore.",
        )
    return Backup(file, revision, file.stat().st_size)


def _revision(programs: ClientPrograms, file: Path) -> str:
    only = ("--data-only", "--schema=coppermind", "--table=alembic_version", "--file=-")
    copied = re.search(r"^COPY .*\n(\w+)$", _run([programs.path("pg_restore"), *only, file]), re.MULTILINE)
    return copied[1] if copied else "unknown"


def _require_alone(connection: Connection) -> None:
    others = connection.execute(_OTHERS).scalar_one()
    if others:
        raise InstallationInUse(f"{count(others, 'other connection')} {are(others)} open to the database.")


# What a user who is no superuser may not see of another session is null.
_OTHERS = text(
    """SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
          AND coalesce(backend_type, 'client backend') = 'client backend'"""
)


def _require_empty(connection: Connection) -> None:
    if connection.scalar(text("SELECT to_regclass('coppermind.alembic_version')")) is None:
        return
    customers, minds = connection.execute(text("SELECT customers, minds FROM coppermind.accounts_held()")).one()
    if minds or customers > 1:  # one is there from the first migration
        raise InstallationNotEmpty(
            f"This installation has customers ({number(customers)}) and minds ({number(minds)}) already."
        )


# Around what pg_restore writes. Dagster's tables had another owner where earlier versions saved them.
_BEFORE = f"""
SET client_min_messages = error;
BEGIN;
SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s';
DROP SCHEMA IF EXISTS coppermind, dagster CASCADE;
{SCHEMAS_AND_USAGE}
"""
_PARTS = (("--schema=coppermind",), ("--schema=dagster", "--no-owner", "--no-acl", f"--role={DAGSTER_ROLE}"))
_AFTER = f"""
RESET ROLE;
{PAUSE};
COMMIT;
"""


def _replay(programs: ClientPrograms, database: Database, file: Path) -> None:
    """Run the backup in one transaction, which is over without COMMIT where any part of it fails."""
    address, environment = connection_arguments(database.address)
    options = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--output={os.devnull}")
    psql = [programs.path("psql"), *options, address]
    with TemporaryFile() as said:
        failure: Exception | None = None
        with subprocess.Popen(psql, env=environment, stdin=subprocess.PIPE, stderr=said) as session:  # noqa: S603 - PostgreSQL's own
            assert session.stdin is not None  # noqa: S101  (a pipe was asked for)
            try:
                with session.stdin as script:
                    script.write(_BEFORE.encode())
                    script.flush()
                    for part in _PARTS:
                        _run([programs.path("pg_restore"), *part, "--file=-", file], output=script)
                    script.write(_AFTER.encode())
            except (BrokenPipeError, ProgramFailed) as error:  # mostly because psql has ended, and said why
                failure = error
        if session.returncode or failure:
            said.seek(0)
            words = _first_words(said.read()) or str(failure)
            raise ProgramFailed(f"The database did not take the backup, and is as it was: {words}") from failure


def _run(
    command: Sequence[str | Path], environment: Mapping[str, str] | None = None, *, output: IO[bytes] | None = None
) -> str:
    """Run a program; return what it wrote, unless that goes to `output`; raise ProgramFailed with its first words."""
    ended = subprocess.run(  # noqa: S603 - PostgreSQL's own programs
        command, env=environment, stdout=output or subprocess.PIPE, stderr=subprocess.PIPE, check=False
    )
    if ended.returncode:
        raise ProgramFailed(f"{Path(command[0]).name} failed: {_first_words(ended.stderr)}")
    return (ended.stdout or b"").decode()


def _first_words(output: bytes) -> str:
    lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
    return lines[0].strip() if lines else ""

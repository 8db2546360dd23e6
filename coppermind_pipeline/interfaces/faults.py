"""What a machine, its disks and its database server can refuse, as one sentence and what to do about it."""

import errno
import os
from collections.abc import Iterator

from coppermind_pipeline.errors import CoppermindError, NeedsPerson
from coppermind_pipeline.wording import single_spaced


class DatabaseUnavailable(NeedsPerson):
    """The database can't be reached."""

    code = "database_unavailable"
    hint = (
        "Check COPPERMIND_DATABASE_URL; without it, the embedded server keeps its log in COPPERMIND_HOME/postgres/log."
    )


class DiskFull(NeedsPerson):
    """A disk is full."""

    code = "disk_full"
    hint = "Make room on it and start again; what was stored before is kept."


class FileRefused(NeedsPerson):
    """A file can't be used."""

    code = "file_refused"
    hint = "Let this user write there, or give COPPERMIND_HOME a directory where it may."


_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG,
            errno.ELOOP, errno.EIO, errno.EMFILE, errno.ENFILE}  # fmt: skip

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_SERVER_DISK_FULL = "53100"
# No connection, refused at the door, no such database, too many users, shutting down, a standby that takes no writes.
_SERVER_UNAVAILABLE = ("08", "28", "3D", "53", "57P", "25006")


def known_fault(error: BaseException) -> CoppermindError | None:
    """Return the error, or what caused it, as a person reads it; None where neither we nor the machine know it."""
    for each in _causes(error):
        if isinstance(each, CoppermindError):
            return each
        if (found := _of_a_file(each) or _of_the_database(each)) is not None:
            return found
    return None


def database_fault(error: BaseException) -> CoppermindError:
    """Return what keeps the database from being opened."""
    known = known_fault(error)
    # The driver's own words name host, port and cause; the address with its password is not among them.
    words = single_spaced(str(getattr(error, "orig", error)))
    return known if known is not None else DatabaseUnavailable(f"The database can't be used: {words}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error, those that it gathers, and what each was raised from."""
    yield error
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _causes(each)
    if error.__cause__ is not None:
        yield from _causes(error.__cause__)


def _of_a_file(error: BaseException) -> CoppermindError | None:
    if not isinstance(error, OSError) or error.errno is None:
        return None
    named = error.filename if isinstance(error.filename, (str, bytes)) else None
    reason = os.strerror(error.errno)
    if error.errno in _FULL:
        return DiskFull(f"{os.fsdecode(named)} can't be written: {reason}." if named else f"A disk is full: {reason}.")
    if error.errno in _REFUSED and named:
        return FileRefused(f"{os.fsdecode(named)} can't be used: {reason}.")
    return None


def _of_the_database(error: BaseException) -> CoppermindError | None:
    """Return what a driver's error says; Dagster's storage has another driver than the product."""
    from sqlalchemy.exc import DBAPIError

    refused = error.orig if isinstance(error, DBAPIError) else error
    drivers = {each.__name__ for each in type(refused).__mro__ if each.__module__.startswith("psycopg")}
    state = getattr(refused, "sqlstate", None) or getattr(refused, "pgcode", None)
    words = single_spaced(str(refused))
    if drivers and state == _SERVER_DISK_FULL:
        return DiskFull(f"The database server's disk is full: {words}")
    # Without a state, the server was not reached, or the connection was lost.
    is_away = state.startswith(_SERVER_UNAVAILABLE) if state else drivers & {"OperationalError", "InterfaceError"}
    return DatabaseUnavailable(f"The database can't be reached: {words}") if drivers and is_away else None

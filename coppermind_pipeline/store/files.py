"""Files that several threads and processes use at once: locks, whole replacements, modes, places of sockets, logs."""

import errno
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from coppermind_pipeline.errors import NeedsPerson

LOG_BYTES_MAX = 10 << 20
LOGS_KEPT = 3
# What the names of all that this product keeps in its directory begin with.
_IN_A_HOME = ("dagster", "database-logins.key", "encryption.keys", "logs", "postgres", "up.lock")
# The shortest that a system allows (macOS; Linux has 108) for the path of a Unix socket, with its final NUL.
_SOCKET_PATH_BYTES = 104


class SocketDirectoryTaken(NeedsPerson):
    """The directory for a Unix socket is another user's."""

    code = "socket_directory_taken"
    hint = "Give COPPERMIND_HOME a shorter path, so that its sockets lie in it."


def private_home(home: Path, *, has_server: bool = False) -> None:
    """Make an installation's directory as `private_directory` does, but leave one that holds other things as it is.

    Somebody may have named a directory that others work in, and can't be asked.

    Args:
        home: the directory.
        has_server: another user's server works below it, or is about to; one that is there is seen anyway.

    Raises:
        NotADirectoryError: something else has that name.
    """
    if not home.is_dir() or all(entry.name.startswith(_IN_A_HOME) for entry in home.iterdir()):
        server = home / "postgres"
        has_server = has_server or (server.exists() and server.stat().st_uid != os.geteuid())
        private_directory(home, mode=0o711 if has_server else 0o700)


def private_directory(path: Path, *, mode: int = 0o700) -> None:
    """Make a directory for this user alone, and those above it that are missing; one that is there is closed to others.

    Args:
        path: the directory.
        mode: 0o711 where another user's server works below it.

    Raises:
        NotADirectoryError: something else has that name; it keeps its mode.
        PermissionError: nothing can be made there.
    """
    if not path.exists():
        _make_private(path)
    now = path.stat()
    if not stat.S_ISDIR(now.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    # A shared directory such as /tmp that somebody named as the home stays as it is.
    ours = now.st_uid == os.geteuid() and not now.st_mode & stat.S_ISVTX
    if ours and stat.S_IMODE(now.st_mode) != mode:
        path.chmod(mode)


def _make_private(path: Path) -> None:
    if not path.parent.exists():
        _make_private(path.parent)
    try:
        path.mkdir(exist_ok=True, mode=0o700)
    except FileNotFoundError as error:  # said by file systems of the kernel's own, such as /proc
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path)) from error


def directory_of_socket(directory: Path, socket: str) -> Path:
    """Return where a Unix socket may lie: in `directory`, or in one for this user alone, under a shorter path.

    Raises:
        SocketDirectoryTaken: another user was there first.
    """
    if len(os.fsencode(directory / socket)) < _SOCKET_PATH_BYTES:
        return directory
    there = directory.stat()
    name = hashlib.sha256(f"{directory}-{there.st_ino}".encode()).hexdigest()[:10]
    short = Path(tempfile.gettempdir()) / f"coppermind-{name}"
    with suppress(FileExistsError):
        short.mkdir(mode=0o700)
    found = short.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), there.st_uid}:
        raise SocketDirectoryTaken(f"{short} is another user's.")
    short.chmod(0o700)
    return short


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a file's lock inside the block, alone among all threads of all processes.

    Not a lock of the POSIX kind, as `fcntl.lockf` takes: those belong to the process, and exclude no threads.
    """
    with opened_for_locking(path) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            # By word, not by closing: a process that was forked meanwhile would hold the lock on.
            fcntl.flock(descriptor, fcntl.LOCK_UN)


@contextmanager
def locked_if_free(path: Path) -> Iterator[bool]:
    """Hold a file's lock inside the block where nobody else does; yield whether it is held."""
    with opened_for_locking(path) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        try:
            yield True
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)


@contextmanager
def opened_for_locking(path: Path) -> Iterator[int]:
    """Open a lock file, made where it is missing; programs that are started meanwhile do not inherit it."""
    descriptor = open_for_locking(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def open_for_locking(path: Path) -> int:
    """Return a descriptor of a lock file, which the caller closes."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def replace_text(path: Path, text: str) -> None:
    """Write a file as a whole or not at all, readable by its directory's owner alone; an equal one is left alone."""
    with suppress(FileNotFoundError):
        if path.read_text() == text:
            return
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    owner = path.parent.stat()
    if owner.st_uid != os.geteuid():
        os.chown(draft, owner.st_uid, owner.st_gid)
    draft.replace(path)


def rotate(log: Path, *, bytes_max: int = LOG_BYTES_MAX, kept: int = LOGS_KEPT) -> None:
    """Empty a log that has grown too large into `log.1`, that one's into `log.2`, and so on; the oldest goes.

    Whoever writes it keeps it open and appends to its end, so that it is copied and cut instead of replaced; what is
    written between the two is lost.
    """
    if not log.exists() or (written := log.stat()).st_size <= bytes_max:
        return
    for number in range(kept, 1, -1):
        with suppress(FileNotFoundError):
            _numbered(log, number - 1).replace(_numbered(log, number))
    newest = _numbered(log, 1)
    try:
        shutil.copyfile(log, newest)
        newest.chmod(0o600)
        os.chown(newest, written.st_uid, written.st_gid)
    except OSError:  # the disk is full: the more reason to cut it
        newest.unlink(missing_ok=True)
    os.truncate(log, 0)


def _numbered(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")

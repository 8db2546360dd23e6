"""Disks that are small or read-only: file systems in memory, mounted on a directory for the time of a test."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def mounted(directory: Path, *options: str) -> Iterator[None]:
    """Mount a file system of its own on a directory, for this process and those that it starts."""
    command = ["mount", "-t", "tmpfs", "-o", ",".join(("mode=0700", *options)), "tmpfs", directory]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting is refused here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)


def fill(directory: Path, *, but_bytes: int = 0) -> Path:
    """Fill a directory's disk, but for so many bytes, with one file; return it."""
    filler = directory / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        disk = os.statvfs(directory)
        os.posix_fallocate(file.fileno(), 0, max(1, disk.f_bavail * disk.f_frsize - but_bytes))
        while not but_bytes:
            file.write(bytes(4096))
    return filler

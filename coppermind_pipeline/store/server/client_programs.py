"""PostgreSQL's own client programs: those that came with the embedded server, else those on PATH."""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sqlalchemy import URL

from coppermind_pipeline.errors import NeedsPerson
from coppermind_pipeline.store.server.server_programs import POSTGRES_VERSIONS

_NAMES = ("pg_dump", "pg_restore", "psql")
# Where Debian's packages put each version, which the plain names on PATH choose between.
_DEBIAN = Path("/usr/lib/postgresql")


class ClientProgramsMissing(NeedsPerson):
    """There are no PostgreSQL client programs that fit the server."""

    code = "client_programs_missing"


@dataclass(frozen=True)
class ClientPrograms:
    """pg_dump, pg_restore and psql of one version, in one directory."""

    directory: Path

    @cached_property
    def major(self) -> int | None:
        """Their major version; None where they don't run."""
        try:
            words = subprocess.run(  # noqa: S603 - found on PATH, or beside the embedded server
                [self.path("pg_dump"), "--version"], check=True, text=True, capture_output=True
            ).stdout
        except (OSError, subprocess.CalledProcessError):
            return None
        found = re.search(r"(\d+)", words)
        return int(found[1]) if found else None

    def path(self, name: str) -> Path:
        """Return the path of a program."""
        return self.directory / name


def client_programs(server_major: int) -> ClientPrograms:
    """Return the programs of the server's own major version.

    Older ones refuse the server. Newer ones write scripts that it does not understand: those of 17 and up set
    `transaction_timeout`, which 16 does not know.

    Raises:
        ClientProgramsMissing: there are none; the message says which were found.
    """
    found = list(_found())
    for programs in found:
        if programs.major == server_major:
            return programs
    versions = ", ".join(sorted({str(programs.major) for programs in found if programs.major})) or "none"
    raise ClientProgramsMissing(
        f"The server is PostgreSQL {server_major}, and needs pg_dump, pg_restore and psql of that version; "
        f"here are: {versions}.",
        hint=f"Install the client programs of PostgreSQL {server_major} (Debian: postgresql-client-{server_major}; "
        f"macOS: `brew install postgresql@{server_major}`) and put their directory on PATH.",
    )


def connection_arguments(url: URL) -> tuple[str, Mapping[str, str]]:
    """Return the address without its password for a program's command line, and the environment that holds it.

    Every user of the machine may read a command line.
    """
    address = URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query)
    return str(address), os.environ | ({"PGPASSWORD": str(url.password)} if url.password else {})


def _found() -> Iterator[ClientPrograms]:
    directories = [*POSTGRES_VERSIONS.values(), *map(Path, os.get_exec_path()), *sorted(_DEBIAN.glob("*/bin"))]
    for directory in dict.fromkeys(directories):
        if all((directory / name).is_file() for name in _NAMES):
            yield ClientPrograms(directory)

"""An installation, opened: its settings and its database at the newest schema."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from coppermind_pipeline.errors import NeedsPerson
from coppermind_pipeline.logs import configure_logs
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database


class DatabaseUnavailable(NeedsPerson):
    """The database can't be reached."""

    code = "database_unavailable"
    hint = (
        "Check COPPERMIND_DATABASE_URL; without it, the embedded server keeps its log in COPPERMIND_HOME/postgres/log."
    )


@dataclass(frozen=True, slots=True)
class Installation:
    """What every command and every page works with."""

    settings: Settings
    database: Database


@contextmanager
def open_installation(settings: Settings | None = None, *, log_level: int = logging.WARNING) -> Iterator[Installation]:
    """Open the installation that the environment (or `settings`) describes, and bring its schema up to date.

    Log events from `log_level` up go to standard error from now on.

    Raises:
        SettingsError: an environment variable can't be used.
        DatabaseUnavailable: the database does not answer or refuses us.
    """
    configure_logs(log_level)
    settings = settings or Settings.from_environment()
    database = _reach(settings)
    try:
        yield Installation(settings, database)
    finally:
        database.dispose()


def _reach(settings: Settings) -> Database:
    from sqlalchemy.exc import OperationalError

    from coppermind_pipeline.store import upgrade

    try:
        database = Database.open(settings)
        upgrade(database)
    except OperationalError as error:
        # The driver's own words name host, port and cause; the address with its password is not among them.
        raise DatabaseUnavailable(f"The database can't be reached: {str(error.orig).strip()}") from error
    return database

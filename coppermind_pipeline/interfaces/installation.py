"""An installation, opened: its settings and its database at the newest schema."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from coppermind_pipeline.interfaces.faults import database_fault
from coppermind_pipeline.logs import configure_logs
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.stopping import at_stop
from coppermind_pipeline.store import Database, embedded


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
        CoppermindError: the database does not start, does not answer, refuses us, or is of a newer version.
    """
    configure_logs(log_level)
    settings = settings or Settings.from_environment()
    with at_stop(embedded.leave_all):
        database = _reach(settings)
        try:
            yield Installation(settings, database)
        finally:
            database.dispose()


def _reach(settings: Settings) -> Database:
    from sqlalchemy.exc import DBAPIError

    from coppermind_pipeline.store import upgrade

    try:
        database = Database.open(settings)
        upgrade(database)
    except DBAPIError as error:
        raise database_fault(error) from error
    return database

"""What assets and sensors work with: this installation's settings and database.

A run that has it is heard of for as long as its process lives, so that one that nobody works on can be told.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from threading import Lock

import dagster as dg

from coppermind_pipeline.logs import configure_logs
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database, heard_of, upgrade
from coppermind_pipeline.sync import Progress, unheard


@dataclass(frozen=True, slots=True)
class Installation:
    """Settings and database, and who wants to hear of progress."""

    settings: Settings
    database: Database
    on_progress: Callable[[Progress], None] = unheard


def this_installation() -> Installation:
    """Return the installation that the environment describes, opened once per process and brought up to date.

    Once, also where several sensors ask for it at once: each further one would keep connections of its own.
    """
    with _opening:
        return _opened()


_opening = Lock()


@cache
def _opened() -> Installation:
    configure_logs(logging.INFO)
    settings = Settings.from_environment()
    database = Database.open(settings)
    upgrade(database)
    return Installation(settings, database)


def as_resource(installed: Callable[[], Installation]) -> dg.ResourceDefinition:
    """Return an installation as Dagster hands it to runs, and to sensors, which are none."""

    @dg.resource(description="Settings and database.")
    def resource(context: dg.InitResourceContext) -> Iterator[Installation]:
        found = installed()
        if context.run is None:
            yield found
            return
        with heard_of(found.database, context.run.run_id):
            yield found

    return resource


installation = as_resource(this_installation)

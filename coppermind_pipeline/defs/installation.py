"""What assets and sensors work with: this installation's settings and database."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import dagster as dg

from coppermind_pipeline.logs import configure_logs
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database, upgrade
from coppermind_pipeline.sync import Progress, unheard


@dataclass(frozen=True, slots=True)
class Installation:
    """Settings and database, and who wants to hear of progress."""

    settings: Settings
    database: Database
    on_progress: Callable[[Progress], None] = unheard


@cache
def this_installation() -> Installation:
    """Return the installation that the environment describes, opened once per process and brought up to date."""
    configure_logs(logging.INFO)
    settings = Settings.from_environment()
    database = Database.open(settings)
    upgrade(database)
    return Installation(settings, database)


installation = dg.ResourceDefinition(lambda _: this_installation(), description="Settings and database.")

"""What assets and sensors work with: this installation's settings and database."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from time import monotonic

import dagster as dg

from coppermind_pipeline.connectors import Connector, load_connector
from coppermind_pipeline.errors import CoppermindError, HealsByItself
from coppermind_pipeline.logs import configure_logs
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database, require_not_paused, upgrade
from coppermind_pipeline.sync import Progress, unheard

# A run leaves after the first, shorter time when another one waits; a backfill goes on in the next slice.
SLICE_S = 600.0
SLICE_WHEN_OTHERS_WAIT_S = 120.0
WAIT_FOR_CONNECTOR_S = 900.0


class ConnectorBusy(HealsByItself):
    """Another process has been working on the connector for a quarter of an hour."""

    code = "connector_busy"
    hint = "It ends by itself; `connectors status` shows how far it is."


@dataclass(frozen=True, slots=True)
class Installation:
    """Settings and database, and who wants to hear of progress."""

    settings: Settings
    database: Database
    on_progress: Callable[[Progress], None] = unheard

    @contextmanager
    def connector(self, connector_id: str) -> Iterator[Connector]:
        """Be the connector's one writer inside the block; where another process is, wait for it first.

        Raises:
            InstallationPaused: nothing is changed until an operator resumes the installation.
            ConnectorBusy: the other process takes too long.
        """
        require_not_paused(self.database)
        with self.database.connector_lock(connector_id, wait_s=WAIT_FOR_CONNECTOR_S) as granted:
            if not granted:
                raise ConnectorBusy
            yield load_connector(self.database, connector_id)


@cache
def this_installation() -> Installation:
    """Return the installation that the environment describes, opened once per process and brought up to date."""
    configure_logs(logging.INFO)
    settings = Settings.from_environment()
    database = Database.open(settings)
    upgrade(database)
    return Installation(settings, database)


installation = dg.ResourceDefinition(lambda _: this_installation(), description="Settings and database.")


def slice_end(instance: dg.DagsterInstance) -> Callable[[], bool]:
    """Return the function that says when the slice begun now is over."""
    started = monotonic()

    def time_is_up() -> bool:
        elapsed = monotonic() - started
        return elapsed > SLICE_S or (elapsed > SLICE_WHEN_OTHERS_WAIT_S and _others_wait(instance))

    return time_is_up


def _others_wait(instance: dg.DagsterInstance) -> bool:
    return instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])) > 0


@contextmanager
def shown_in_dagster() -> Iterator[None]:
    """Let an error of ours reach the run's page as a sentence and what to do, instead of a trace."""
    try:
        yield
    except CoppermindError as error:
        raise dg.Failure(
            description=f"{error.message} {error.hint}".strip(), metadata={"code": error.code}, allow_retries=False
        ) from error

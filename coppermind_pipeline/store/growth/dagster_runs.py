"""Dagster's runs in figures, by SQL on its own tables: its pages' way would read each run whole."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text

from coppermind_pipeline.store.database import Database

# What waits or works.
UNFINISHED = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING")


@dataclass(frozen=True, slots=True)
class EndedRuns:
    """Runs of one job that ended within the last hour in the same way.

    Attributes:
        status: `SUCCESS`, `FAILURE` or `CANCELED`.
        seconds: what they took from start to end, together; `longest_s`: the longest of them.
    """

    job: str
    status: str
    runs: int
    seconds: float
    longest_s: float


def unfinished_runs(database: Database) -> Mapping[str, int]:
    """Return how many runs are in each status that is not the end of one."""
    if not _there_are_runs(database):
        return dict.fromkeys(UNFINISHED, 0)
    with database.dagster() as connection:
        rows = connection.execute(_UNFINISHED, {"statuses": list(UNFINISHED)})
        return dict.fromkeys(UNFINISHED, 0) | {row.status: row.runs for row in rows}


_UNFINISHED = text("SELECT status, count(*) AS runs FROM dagster.runs WHERE status = ANY(:statuses) GROUP BY status")


def runs_of_the_last_hour(database: Database) -> list[EndedRuns]:
    """Return the runs that ended within the last hour, by job and status."""
    if not _there_are_runs(database):
        return []
    with database.dagster() as connection:
        return [EndedRuns(*row) for row in connection.execute(_ENDED)]


# By the index on status and time of update.
_ENDED = text(
    """SELECT pipeline_name, status, count(*), coalesce(sum(end_time - start_time), 0),
              coalesce(max(end_time - start_time), 0)
         FROM dagster.runs
        WHERE status IN ('SUCCESS', 'FAILURE', 'CANCELED')
          AND update_timestamp >= clock_timestamp() AT TIME ZONE 'UTC' - interval '1 hour'
        GROUP BY pipeline_name, status ORDER BY pipeline_name, status"""
)


def _there_are_runs(database: Database) -> bool:
    """Say whether Dagster has made its tables."""
    with database.dagster() as connection:
        return connection.scalar(text("SELECT to_regclass('dagster.runs')")) is not None

"""Dagster's own tables in our database: runs and events that are too old go, and nothing that its pages stand on.

That is, whatever their age: the newest event of each kind of each asset's partition, which say what is materialized and
what was observed or failed last; the newest evaluation of each check's partition; and the runs of these. Of such a run,
the other events go. Dagster removes ticks by itself (`dagster.yaml`), and nothing else.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import TextClause, text

from coppermind_pipeline.store.database import Database
from coppermind_pipeline.store.growth.retention import GRACE, Kind, Removed, begin_pass, end_pass, note_removed
from coppermind_pipeline.store.growth.sizes import sampled

# Removed in one transaction at most. With an event, and more so with a run, go tags, so that fewer are looked at.
_ROWS_MAX = 2_000
_SHARE_OF_EVENTS = 0.75
_SHARE_OF_RUNS = 0.1


def remove_old_runs(database: Database, *, days: int, time_is_up: Callable[[], bool]) -> Removed:
    """Remove runs that ended more than `days` ago and events as old, until the end or until time is up."""
    begun = begin_pass(database, Kind.RUNS, days=days)
    removed = 0
    with database.dagster() as connection:
        newest = connection.execute(_NEWEST_EVALUATIONS).all()
    kept = {"evaluations": [row.id for row in newest], "runs": sorted({row.run_id for row in newest})}
    for statement, share in (
        (_REMOVE_EVENTS, _SHARE_OF_EVENTS),
        (_REMOVE_EVALUATIONS, 1),
        (_REMOVE_RUNS, _SHARE_OF_RUNS),
    ):
        most = round(_ROWS_MAX * share)
        after: int | None = 0
        while after is not None:
            if time_is_up():
                end_pass(database, Kind.RUNS, complete=False)
                return Removed(removed, complete=False)
            values = {"until": begun.until, "after": after, "most": most, **kept}
            rows, after = _remove_some(database, statement, values)
            with database.nobody() as connection:
                note_removed(connection, Kind.RUNS, rows)
            removed += rows
    end_pass(database, Kind.RUNS, complete=True)
    return Removed(removed, complete=True)


def share_of_old_events(database: Database, *, days: int) -> float:
    """Return about which share of Dagster's events ended more than `days` ago, by a sample."""
    with database.dagster() as connection:
        return sampled(connection, _SHARE_OF_OLD, "dagster.event_logs", {"age": GRACE + timedelta(days=days)})


_SHARE_OF_OLD = text(
    """SELECT avg(CAST(timestamp AT TIME ZONE 'UTC' < clock_timestamp() - :age AS int))
         FROM dagster.event_logs TABLESAMPLE SYSTEM (:percent)"""
)


def _remove_some(database: Database, statement: TextClause, values: dict[str, Any]) -> tuple[int, int | None]:
    """Remove some rows in one transaction; return how many, and the last one looked at, if there may be more."""
    with database.dagster() as connection:
        found = connection.execute(statement, values).one()
    return found.removed, found.last if found.looked_at == values["most"] and found.goes_on else None


# A check that is being evaluated is shown beside its last result.
_NEWEST_EVALUATIONS = text(
    """SELECT max(id) AS id, (array_agg(run_id ORDER BY id DESC))[1] AS run_id FROM dagster.asset_check_executions
        GROUP BY asset_key, check_name, partition, execution_status = 'PLANNED'"""
)

# What a run that has not ended, or not yet so long ago, still shows.
_IN_USE = """
    (run.status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED')
     OR coalesce(to_timestamp(run.end_time), run.update_timestamp AT TIME ZONE 'UTC') >= :until)"""

# By two indexes, of events with and without a partition.
_REMOVE_EVENTS = text(
    f"""WITH looked_at AS MATERIALIZED (
           SELECT id, run_id, dagster_event_type, asset_key, partition, timestamp AT TIME ZONE 'UTC' < :until AS is_old
             FROM dagster.event_logs WHERE id > :after ORDER BY id LIMIT :most),
       old AS MATERIALIZED (
           SELECT event.id FROM looked_at AS event
            WHERE event.is_old
              AND NOT EXISTS (SELECT FROM dagster.runs AS run WHERE run.run_id = event.run_id AND {_IN_USE})
              AND (event.asset_key IS NULL
                   OR EXISTS (SELECT FROM dagster.event_logs AS newer
                               WHERE newer.asset_key = event.asset_key AND newer.partition = event.partition
                                 AND newer.dagster_event_type = event.dagster_event_type AND newer.id > event.id)
                   OR event.partition IS NULL
                      AND EXISTS (SELECT FROM dagster.event_logs AS newer
                                   WHERE newer.asset_key = event.asset_key AND newer.partition IS NULL
                                     AND newer.dagster_event_type = event.dagster_event_type AND newer.id > event.id))),
       of_tags AS (DELETE FROM dagster.asset_event_tags AS tag USING old WHERE tag.event_id = old.id),
       removed AS (DELETE FROM dagster.event_logs AS event USING old WHERE event.id = old.id RETURNING event.id)
       SELECT (SELECT count(*) FROM removed) AS removed, count(*) AS looked_at, max(id) AS last,
              coalesce(bool_or(is_old), false) AS goes_on
         FROM looked_at"""  # noqa: S608 - made of a constant
)

_REMOVE_EVALUATIONS = text(
    """WITH looked_at AS MATERIALIZED (
           SELECT id, create_timestamp AT TIME ZONE 'UTC' < :until AS is_old FROM dagster.asset_check_executions
            WHERE id > :after ORDER BY id LIMIT :most),
       removed AS (
           DELETE FROM dagster.asset_check_executions AS evaluation USING looked_at
            WHERE evaluation.id = looked_at.id AND looked_at.is_old
              AND evaluation.id <> ALL(CAST(:evaluations AS bigint[]))
           RETURNING evaluation.id)
       SELECT (SELECT count(*) FROM removed) AS removed, count(*) AS looked_at, max(id) AS last,
              coalesce(bool_or(is_old), false) AS goes_on
         FROM looked_at"""
)

# Their tags go with them.
_REMOVE_RUNS = text(
    f"""WITH looked_at AS MATERIALIZED (
           SELECT run.id, run.run_id, NOT {_IN_USE} AS is_old FROM dagster.runs AS run
            WHERE run.id > :after ORDER BY run.id LIMIT :most),
       removed AS (
           DELETE FROM dagster.runs AS stored USING looked_at
            WHERE stored.id = looked_at.id AND looked_at.is_old
              AND NOT EXISTS (SELECT FROM dagster.event_logs AS event WHERE event.run_id = looked_at.run_id)
              AND looked_at.run_id <> ALL(CAST(:runs AS text[]))
           RETURNING stored.id)
       SELECT (SELECT count(*) FROM removed) AS removed, count(*) AS looked_at, max(id) AS last,
              coalesce(bool_or(is_old), false) AS goes_on
         FROM looked_at"""  # noqa: S608 - made of a constant
)

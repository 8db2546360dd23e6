"""Entries of connectors' logs that are too old are removed; the newest of each connector stay, however old."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from coppermind_pipeline.connectors.connector import connectors_created_before
from coppermind_pipeline.store import GRACE, Database, Kind, Removed, Scope, remove_by_connector, sampled

# So many tell how a quiet connector has fared.
NEWEST_KEPT = 100
# Removed in one transaction at most.
_EVENTS_MAX = 1_000


def remove_old_log_entries(database: Database, *, days: int, time_is_up: Callable[[], bool]) -> Removed:
    """Remove entries that are more than `days` old, until the end or until time is up."""
    return remove_by_connector(
        database,
        Kind.LOGS,
        days=days,
        scopes=[connector.scope for connector in connectors_created_before(database, days=days)],
        remove_some=_remove_some,
        time_is_up=time_is_up,
    )


def share_of_old_log_entries(database: Database, *, days: int) -> float:
    """Return about which share of all entries are more than `days` old and none of the newest, by a sample."""
    with database.reader() as connection:
        values = {"age": GRACE + timedelta(days=days), "kept": NEWEST_KEPT}
        return sampled(connection, _SHARE_OF_OLD, "connector_events", values)


_SHARE_OF_OLD = text(
    """WITH entries AS MATERIALIZED (
           SELECT connector_id, at FROM connector_events TABLESAMPLE SYSTEM (:percent)),
       kept AS MATERIALIZED (
           SELECT connector_id, (SELECT newest.at FROM connector_events AS newest
                                  WHERE newest.connector_id = of_entries.connector_id
                                  ORDER BY newest.at DESC OFFSET :kept - 1 LIMIT 1) AS since
             FROM (SELECT DISTINCT connector_id FROM entries) AS of_entries)
       SELECT avg(CAST(coalesce(entries.at < kept.since AND entries.at < clock_timestamp() - :age, false) AS int))
         FROM entries JOIN kept USING (connector_id)"""
)


def _remove_some(connection: Connection, scope: Scope, until: datetime, _: str) -> tuple[int, str | None]:
    values = scope.values(until=until, kept=NEWEST_KEPT, events_max=_EVENTS_MAX)
    removed = connection.execute(_REMOVE, values).rowcount
    return removed, "" if removed == _EVENTS_MAX else None


# Only what is older than the oldest of the newest is looked at, by the index of times.
_REMOVE = text(
    """DELETE FROM connector_events
        WHERE id = ANY (ARRAY (
            SELECT id FROM connector_events
             WHERE connector_id = :connector AND at < :until
               AND at < (SELECT at FROM connector_events WHERE connector_id = :connector
                          ORDER BY at DESC OFFSET :kept - 1 LIMIT 1)
             ORDER BY at LIMIT :events_max))"""
)

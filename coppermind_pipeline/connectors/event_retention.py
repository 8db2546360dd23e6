"""Entries of connectors' logs that are too old are removed; the newest of each connector stay, however old."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, text

from coppermind_pipeline.connectors.connector import connectors_created_before
from coppermind_pipeline.store import Database, Kind, Removed, Scope, remove_by_connector

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

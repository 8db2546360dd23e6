"""The backfill: the connector's window, what it held, and whether that has come through every station."""

from datetime import datetime

from sqlalchemy import Connection, text

from coppermind_pipeline.connectors import Connector
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database, Scope


def begin_backfill(connection: Connection, scope: Scope, *, since: datetime | None) -> None:
    """Begin the backfill unless there is one: its window starts at `since`, else two years ago, and is stored once."""
    connection.execute(_BEGIN, scope.values(since=since))


_BEGIN = text(
    """INSERT INTO hubspot_backfills (connector_id, mind_id, since, started_at)
       VALUES (:connector, :mind, coalesce(:since, clock_timestamp() - interval '2 years'), clock_timestamp())
       ON CONFLICT (connector_id) DO NOTHING"""
)


def note_total(
    connection: Connection, scope: Scope, object_type: ObjectType, total: int, *, when_complete: bool = False
) -> None:
    """Note how many records of a type the window holds, as the portal counts them.

    Args:
        connection: the caller's.
        ids: whose window.
        object_type: what was counted.
        total: the portal's count.
        when_complete: only if the backfill is; else in any case.
    """
    connection.execute(_NOTE_TOTAL, scope.values(type=object_type, total=total, when_complete=when_complete))


_NOTE_TOTAL = text(
    """UPDATE hubspot_backfills
          SET totals = totals || jsonb_build_object(CAST(:type AS text), CAST(:total AS bigint))
        WHERE connector_id = :connector AND (completed_at IS NOT NULL OR NOT :when_complete)"""
)


def complete_backfill(connection: Connection, scope: Scope) -> bool:
    """Declare the backfill complete if its scans are and nothing that they brought waits for an earlier stage.

    Called when everything pulled has been normalized and linked; returns whether this call completed it.
    """
    return connection.execute(_COMPLETE, scope.values(types=len(ObjectType))).rowcount == 1


_COMPLETE = text(
    """UPDATE hubspot_backfills
          SET completed_at = clock_timestamp(),
              first_completed_at = coalesce(first_completed_at, clock_timestamp())
        WHERE connector_id = :connector AND completed_at IS NULL
          AND (SELECT count(*) FROM hubspot_cursors
                WHERE connector_id = :connector AND scan = 'backfill' AND completed_at IS NOT NULL) = :types
          AND NOT EXISTS (
              SELECT FROM hubspot_raw_records
               WHERE connector_id = :connector AND object_type = 'deals'
                 AND seq > coalesce((SELECT seq FROM checkpoints
                                      WHERE connector_id = :connector AND stage = 'associate'), 0))"""
)


def backfilled_window(connection: Connection, scope: Scope) -> datetime | None:
    """Return where the window begins, if a first backfill is complete, whatever a later one is doing; else None."""
    return connection.scalar(_BACKFILLED_WINDOW, scope.values())


_BACKFILLED_WINDOW = text(
    "SELECT since FROM hubspot_backfills WHERE connector_id = :connector AND first_completed_at IS NOT NULL"
)


def backfilled_once(database: Database, connector: Connector) -> bool:
    """Say whether a first backfill has been completed, whatever a later one is doing."""
    with database.mind(connector.mind_id) as connection:
        return backfilled_window(connection, connector.scope) is not None

"""The backfill: whether what the connector's window held is read and has come through every station."""

from typing import Any

from sqlalchemy import Connection, text

from coppermind_pipeline.connectors import Connector
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database


def complete_backfill(connection: Connection, ids: dict[str, Any]) -> bool:
    """Declare the backfill complete if its scans are and nothing that they brought waits for an earlier stage.

    Called when everything pulled has been normalized and linked; returns whether this call completed it.
    """
    return connection.execute(_COMPLETE, {**ids, "types": len(ObjectType)}).rowcount == 1


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
                 AND seq > coalesce((SELECT seq FROM pipeline_stages
                                      WHERE connector_id = :connector AND stage = 'associate'), 0))"""
)


def backfilled_once(database: Database, connector: Connector) -> bool:
    """Say whether a first backfill has been completed, whatever a later one is doing."""
    with database.mind(connector.mind_id) as connection:
        return bool(connection.scalar(_COMPLETED_ONCE, {"connector": connector.id}))


_COMPLETED_ONCE = text(
    """SELECT first_completed_at IS NOT NULL FROM hubspot_backfills
        WHERE connector_id = :connector"""
)

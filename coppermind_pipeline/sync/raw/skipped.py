"""The book of records that HubSpot does not answer for, not even alone: a sync goes on without them."""

from collections.abc import Collection
from typing import Literal

from sqlalchemy import Connection, text

from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Scope

# What could not be read: the record itself, or which records a deal is associated with.
Part = Literal["record", "links"]


def note_skipped(
    connection: Connection,
    scope: Scope,
    object_type: ObjectType,
    *,
    failed: Collection[str],
    answered: Collection[str],
    part: Part = "record",
) -> None:
    """Note which records could not be read, and that HubSpot has answered for others, in the caller's transaction."""
    of_type = scope.values(type=object_type, part=part, failed=list(failed))
    connection.execute(_FORGET_ANSWERED, {**of_type, "answered": list(answered)})
    if failed:
        connection.execute(_NOTE_FAILED, of_type)


_FORGET_ANSWERED = text(
    """DELETE FROM hubspot_skipped_records
        WHERE connector_id = :connector AND object_type = :type AND part = :part
          AND hubspot_id = ANY(:answered) AND hubspot_id <> ALL(:failed)"""
)

_NOTE_FAILED = text(
    """INSERT INTO hubspot_skipped_records (connector_id, mind_id, object_type, hubspot_id, part)
       SELECT :connector, :mind, :type, hubspot_id, :part
         FROM unnest(CAST(:failed AS text[])) AS failing (hubspot_id)
       ON CONFLICT (connector_id, object_type, hubspot_id, part) DO UPDATE
          SET tried_at = excluded.tried_at"""
)


def skipped_ids(connection: Connection, scope: Scope, object_type: ObjectType, part: Part = "record") -> list[str]:
    """Return the ids of which this part could not be read, those first whose last try is longest ago."""
    return list(connection.scalars(_SKIPPED, scope.values(type=object_type, part=part)))


_SKIPPED = text(
    """SELECT hubspot_id FROM hubspot_skipped_records
        WHERE connector_id = :connector AND object_type = :type AND part = :part
        ORDER BY tried_at, hubspot_id"""
)


def forget_gone(connection: Connection, scope: Scope, object_type: ObjectType) -> None:
    """Forget associations that could not be read, of records that are there no longer: nobody asks for those again."""
    connection.execute(_FORGET_GONE, scope.values(type=object_type))


_FORGET_GONE = text(
    """DELETE FROM hubspot_skipped_records AS skipped
        WHERE connector_id = :connector AND object_type = :type AND part = 'links'
          AND NOT EXISTS (SELECT FROM live_records AS stored
                           WHERE stored.connector_id = :connector AND stored.object_type = :type
                             AND stored.hubspot_id = skipped.hubspot_id)"""
)

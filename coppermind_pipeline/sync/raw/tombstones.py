"""Tombstones: versions in the raw log that say that HubSpot no longer has a record, and erasure."""

from collections.abc import Collection

from sqlalchemy import Connection, text

from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Scope

# HubSpot empties its bin after 90 days. A contact that vanished from it earlier was erased for privacy.
BIN_DAYS = 89


def bury(
    connection: Connection, scope: Scope, object_type: ObjectType, hubspot_ids: Collection[str]
) -> tuple[int, int]:
    """Mark records that HubSpot knows neither live nor archived; return how many were purged and how many erased.

    A contact that was not seen archived at least 89 days ago was erased: with it goes all that the raw log holds of it
    and of the contacts that were merged into it, who are the same person; normalization and memories follow. Everything
    else was purged, and keeps its versions.
    """
    erased: list[str] = []
    if object_type == ObjectType.CONTACTS:
        erased = list(connection.scalars(_ERASED, scope.values(type=object_type, ids=list(hubspot_ids))))
        connection.execute(_ERASE, scope.values(type=object_type, ids=erased))
    purged = connection.execute(
        _PURGE, scope.values(type=object_type, ids=sorted(set(hubspot_ids) - set(erased)))
    ).rowcount
    return purged, len(erased)


_NEWEST = """(SELECT DISTINCT unnest(CAST(:ids AS text[])) AS hubspot_id ORDER BY 1) AS buried
         CROSS JOIN newest_version(:connector, :type, buried.hubspot_id) AS newest"""

_ERASED = text(
    f"""SELECT newest.hubspot_id FROM {_NEWEST}
         WHERE archived_reason IS NULL
           AND coalesce(archived_at > clock_timestamp() - interval '{BIN_DAYS} days', true)"""
)

_ERASE = text(
    """WITH persons AS (
           SELECT unnest(CAST(:ids AS text[])) AS hubspot_id
           UNION
           SELECT loser_id FROM hubspot_merges
            WHERE connector_id = :connector AND object_type = :type AND survivor_id = ANY(:ids)),
       forgotten AS (
           DELETE FROM hubspot_raw_records AS stored USING persons
            WHERE stored.connector_id = :connector AND stored.object_type = :type
              AND stored.hubspot_id = persons.hubspot_id
           RETURNING stored.hubspot_id)
       INSERT INTO hubspot_raw_records (connector_id, mind_id, object_type, hubspot_id, content_hash, archived_at,
                                        archived_reason, payload)
       SELECT :connector, :mind, :type, hubspot_id, convert_to('erased', 'UTF8'), clock_timestamp(), 'erased', '{}'
         FROM forgotten GROUP BY hubspot_id"""
)

_PURGE = text(
    f"""INSERT INTO hubspot_raw_records (connector_id, mind_id, object_type, hubspot_id, content_hash, modified_at,
                                         definitions_hash, archived_at, archived_reason, payload)
        SELECT :connector, :mind, :type, newest.hubspot_id, content_hash || convert_to('purged', 'UTF8'), modified_at,
               definitions_hash, coalesce(archived_at, clock_timestamp()), 'purged', payload
          FROM {_NEWEST}
         WHERE archived_reason IS NULL"""
)

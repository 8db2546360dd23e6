"""The raw log: each distinct version of a record that a pull saw, once, as HubSpot sent it."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from coppermind_pipeline import crm
from coppermind_pipeline.hubspot import MODIFIED_PROPERTY, Record
from coppermind_pipeline.json_text import sorted_json
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Scope, copy_rows, lock_writing

_COLUMNS = ("hubspot_id", "content_hash", "modified_at", "definitions_hash", "archived_at", "payload")


@dataclass(frozen=True, slots=True)
class KnownVersion:
    """The newest stored version of a record."""

    modified_at: datetime | None
    archived: bool


def known_versions(
    connection: Connection, scope: Scope, object_type: ObjectType, hubspot_ids: Collection[str]
) -> dict[str, KnownVersion]:
    """Return the newest stored version of each of the given records that has one."""
    rows = connection.execute(_KNOWN_VERSIONS, scope.values(type=object_type, hubspot_ids=list(hubspot_ids)))
    return {row.hubspot_id: KnownVersion(row.modified_at, row.archived_at is not None) for row in rows}


_KNOWN_VERSIONS = text(
    """SELECT wanted.hubspot_id, newest.modified_at, newest.archived_at
         FROM unnest(CAST(:hubspot_ids AS text[])) AS wanted (hubspot_id)
         CROSS JOIN newest_version(:connector, :type, wanted.hubspot_id) AS newest"""
)


def modified_at(object_type: ObjectType, record: Record) -> datetime | None:
    """Return when HubSpot says that the record was last modified; None where it does not say, or not readably."""
    return modified_by(object_type, record.properties, updated_at=record.updated_at)


def modified_by(object_type: ObjectType, properties: Mapping[str, str], *, updated_at: str | None) -> datetime | None:
    """Return what `modified_at` returns, of a record whose properties are at hand."""
    value = properties.get(MODIFIED_PROPERTY[object_type]) or updated_at
    return crm.read_datetime(value) if value else None


def is_news(object_type: ObjectType, found: Record, stored: KnownVersion | None) -> bool:
    """Say whether a record that a scan found has to be read in full: it is not stored as of its modified date."""
    if stored is None or stored.archived or stored.modified_at is None:
        return True
    modified = modified_at(object_type, found)
    # Search may answer from before the last change; what is stored is then the newer one.
    return modified is None or modified > stored.modified_at


def append_records(
    connection: Connection,
    scope: Scope,
    object_type: ObjectType,
    records: Sequence[Record],
    *,
    definitions_hash: str,
    calculated: Collection[str],
) -> int:
    """Append the versions that the log does not hold yet, and return their number.

    A record that differs from its newest version in calculated properties alone is no new version: that version takes
    the new values, and a new sequence number, so that the stages behind see them. One that was read with another set of
    properties and has the same values is only noted to be known with that set.

    Args:
        records: of several with one id (a survivor of merges is part of more than one answer) the last one counts.
        definitions_hash: names the set of properties that the records were read with.
        calculated: properties that HubSpot computes and that make no version; they change without the record's
            modified date. Versions from when others were left out of the hash take the new one.
    """
    distinct = {record.id: record for record in records}.values()
    copy_rows(
        connection,
        like="hubspot_raw_records",
        columns=_COLUMNS,
        rows=(_row(object_type, record, definitions_hash, calculated) for record in distinct),
    )
    lock_writing(connection, scope.connector_id)
    of_type = scope.values(type=object_type)
    appended = connection.execute(_APPEND, of_type).rowcount
    if appended < len(distinct):
        connection.execute(_RENEW, of_type)
    return appended


_SAME_VALUES = """
    (newest.payload::text = incoming.payload::text AND newest.archived_reason IS NULL
     AND (newest.archived_at IS NULL) = (incoming.archived_at IS NULL))"""

_APPEND = text(
    f"""INSERT INTO hubspot_raw_records (connector_id, mind_id, object_type, {", ".join(_COLUMNS)})
        SELECT :connector, :mind, :type, {", ".join(f"incoming.{column}" for column in _COLUMNS)}
          FROM incoming
          LEFT JOIN newest_version(:connector, :type, incoming.hubspot_id) AS newest ON true
         WHERE newest.content_hash IS DISTINCT FROM incoming.content_hash AND {_SAME_VALUES} IS NOT TRUE"""
)

# Of those that were no new version: the newest version takes what changed in it besides.
_RENEW = text(
    f"""WITH renewed AS MATERIALIZED (
           SELECT incoming.*, newest.version,
                  newest.payload::text IS DISTINCT FROM incoming.payload::text AS has_new_values
             FROM incoming
            CROSS JOIN newest_version(:connector, :type, incoming.hubspot_id) AS newest
            WHERE (newest.content_hash = incoming.content_hash OR {_SAME_VALUES})
              AND (newest.content_hash, newest.payload::text, newest.definitions_hash)
                  IS DISTINCT FROM (incoming.content_hash, incoming.payload::text, incoming.definitions_hash))
       UPDATE hubspot_raw_records AS stored
          SET content_hash = renewed.content_hash, payload = renewed.payload,
              definitions_hash = renewed.definitions_hash, modified_at = renewed.modified_at,
              seq = CASE WHEN renewed.has_new_values THEN nextval('change_seq') ELSE stored.seq END
         FROM renewed
        WHERE stored.connector_id = :connector AND stored.object_type = :type
          AND stored.hubspot_id = renewed.hubspot_id AND stored.version = renewed.version"""
)


def _row(
    object_type: ObjectType, record: Record, definitions_hash: str, calculated: Collection[str]
) -> tuple[Any, ...]:
    properties = record.properties
    own = {name: value for name, value in properties.items() if name not in calculated}
    archived_at = crm.read_datetime(record.archived_at) if record.archived_at else None
    return (
        record.id,
        hashlib.blake2b(sorted_json(own) + (b"archived" if record.archived else b""), digest_size=16).digest(),
        modified_by(object_type, properties, updated_at=record.updated_at),
        definitions_hash,
        archived_at,
        sorted_json(properties).decode(),
    )

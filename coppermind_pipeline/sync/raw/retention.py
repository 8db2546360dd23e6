"""Versions of records that were replaced too long ago for anybody to ask for are removed, and associations that ended.

A version goes where a later one had been read by then. So each record keeps the version that held at that time, and
all later ones, by which the CRM of any time since is rebuilt (`normalizing/as_of.py`). A contact keeps the first
version of each lifecycle stage besides, and the first of all, which date its stages (`stages_seen`). An association
that had ended by then holds at no time since.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from coppermind_pipeline.connectors import connectors_created_before
from coppermind_pipeline.store import GRACE, Database, Kind, Removed, Scope, remove_by_connector, sampled

# Looked at, and removed, in one transaction at most.
_RECORDS_MAX = 1_000
_VERSIONS_MAX = 1_000
_ASSOCIATIONS_MAX = 1_000

# Where a pass goes on in a connector once its versions are done; no object type is called so.
_ASSOCIATIONS = "associations"


def remove_old_versions(database: Database, *, days: int, time_is_up: Callable[[], bool]) -> Removed:
    """Remove what had been replaced, or had ended, more than `days` ago, until the end or until time is up."""
    return remove_by_connector(
        database,
        Kind.RECORDS,
        days=days,
        scopes=[connector.scope for connector in connectors_created_before(database, days=days)],
        remove_some=_remove_some,
        time_is_up=time_is_up,
    )


def share_of_old_versions(database: Database, *, days: int) -> float:
    """Return about which share of all versions had been replaced more than `days` ago, by a sample."""
    with database.reader() as connection:
        return sampled(connection, _SHARE_OF_OLD, "hubspot_raw_records", {"age": GRACE + timedelta(days=days)})


_SHOWN_EARLIER = """
    EXISTS (SELECT FROM hubspot_raw_records AS earlier
             WHERE earlier.connector_id = old.connector_id AND earlier.object_type = 'contacts'
               AND earlier.hubspot_id = old.hubspot_id AND earlier.version < old.version
               AND shown_stage(earlier.payload) IS NOT DISTINCT FROM shown_stage(old.payload))"""

_SHARE_OF_OLD = text(
    f"""SELECT avg(CAST(
               EXISTS (SELECT FROM hubspot_raw_records AS later
                        WHERE later.connector_id = old.connector_id AND later.object_type = old.object_type
                          AND later.hubspot_id = old.hubspot_id AND later.version > old.version
                          AND later.read_at <= clock_timestamp() - :age)
               AND (old.object_type <> 'contacts' OR {_SHOWN_EARLIER}) AS int))
          FROM hubspot_raw_records AS old TABLESAMPLE SYSTEM (:percent)"""
)


def share_of_old_associations(database: Database, *, days: int) -> float:
    """Return about which share of all associations had ended more than `days` ago, by a sample."""
    with database.reader() as connection:
        return sampled(connection, _SHARE_OF_ENDED, "hubspot_associations", {"age": GRACE + timedelta(days=days)})


_SHARE_OF_ENDED = text(
    """SELECT avg(CAST(coalesce(valid_to <= clock_timestamp() - :age, false) AS int))
         FROM hubspot_associations TABLESAMPLE SYSTEM (:percent)"""
)


def _remove_some(connection: Connection, scope: Scope, until: datetime, after: str) -> tuple[int, str | None]:
    if after == _ASSOCIATIONS:
        values = scope.values(until=until, associations_max=_ASSOCIATIONS_MAX)
        removed = connection.execute(_REMOVE_ASSOCIATIONS, values).rowcount
        return removed, after if removed == _ASSOCIATIONS_MAX else None
    rows, last = _remove_some_versions(connection, scope, until, after)
    return rows, _ASSOCIATIONS if last is None else last


_REMOVE_ASSOCIATIONS = text(
    """DELETE FROM hubspot_associations
        WHERE ctid = ANY (ARRAY (SELECT ctid FROM hubspot_associations
                                  WHERE connector_id = :connector AND valid_to <= :until
                                  ORDER BY valid_to LIMIT :associations_max))"""
)


def _remove_some_versions(connection: Connection, scope: Scope, until: datetime, after: str) -> tuple[int, str | None]:
    object_type, _, hubspot_id = after.partition(" ")
    values = scope.values(
        type=object_type, id=hubspot_id, until=until, records_max=_RECORDS_MAX, versions_max=_VERSIONS_MAX
    )
    found = connection.execute(_REMOVE, values).one()
    if found.removed == _VERSIONS_MAX:
        return found.removed, after
    return found.removed, f"{found.last_type} {found.last_id}" if found.looked_at == _RECORDS_MAX else None


# OFFSET 0 keeps each look-up one by key: what a policy leaves of a table is misjudged.
_REMOVE = text(
    f"""WITH records AS MATERIALIZED (
           SELECT DISTINCT object_type, hubspot_id FROM hubspot_raw_records
            WHERE connector_id = :connector AND (object_type, hubspot_id) > (:type, :id)
            ORDER BY object_type, hubspot_id LIMIT :records_max),
       replaced AS MATERIALIZED (
           SELECT records.object_type, records.hubspot_id, old.version
             FROM records
            CROSS JOIN LATERAL newest_version(:connector, records.object_type, records.hubspot_id, :until) AS held
            CROSS JOIN LATERAL (
                SELECT version.* FROM hubspot_raw_records AS version
                 WHERE version.connector_id = :connector AND version.object_type = records.object_type
                   AND version.hubspot_id = records.hubspot_id AND version.version < held.version OFFSET 0) AS old
            WHERE records.object_type <> 'contacts' OR {_SHOWN_EARLIER}
            LIMIT :versions_max),
       removed AS (
           DELETE FROM hubspot_raw_records AS stored USING replaced
            WHERE stored.connector_id = :connector AND stored.object_type = replaced.object_type
              AND stored.hubspot_id = replaced.hubspot_id AND stored.version = replaced.version
           RETURNING stored.version)
       SELECT (SELECT count(*) FROM removed) AS removed, (SELECT count(*) FROM records) AS looked_at,
              last.object_type AS last_type, last.hubspot_id AS last_id
         FROM (SELECT) AS always
         LEFT JOIN LATERAL (SELECT object_type, hubspot_id FROM records
                             ORDER BY object_type DESC, hubspot_id DESC LIMIT 1) AS last ON true"""
)

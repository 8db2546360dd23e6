"""What an operator must know of what is stored: how new it is, how far back it goes, and what it lacks.

One question each, asked of the tables of the stations by Dagster's checks, in the mind of the open transaction.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from coppermind_pipeline.object_types import ObjectType


@dataclass(frozen=True, slots=True)
class BackfillProgress:
    """How far a backfill is.

    Attributes:
        since: start of the window.
        records: read so far; total: what the portal said it holds when the backfill began.
    """

    since: datetime
    records: int
    total: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """What of one type's records could not be read: so many properties of all, or so many records in full."""

    object_type: ObjectType
    what: str
    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class CountDifference:
    """Records of the window as HubSpot counts them, and as they are stored, of one type; it outlasted the delay."""

    object_type: ObjectType
    portal_total: int
    stored_total: int


def last_pull_at(connection: Connection, connector_id: str) -> datetime | None:
    """Return the end of the last complete pull; None before the first."""
    return connection.scalar(_LAST_PULL, {"connector": connector_id})


_LAST_PULL = text("SELECT last_succeeded_at FROM hubspot_polls WHERE connector_id = :connector")


def backfill_progress(connection: Connection, connector_id: str) -> BackfillProgress | None:
    """Return how far the backfill is; None before it has begun."""
    row = connection.execute(_BACKFILL, {"connector": connector_id}).one_or_none()
    if row is None:
        return None
    return BackfillProgress(row.since, int(row.records or 0), int(row.total or 0), complete=row.complete)


_BACKFILL = text(
    """SELECT since, completed_at IS NOT NULL AS complete,
              (SELECT sum(records) FROM hubspot_cursors
                WHERE connector_id = :connector AND scan = 'backfill') AS records,
              (SELECT sum(CAST(value AS bigint)) FROM jsonb_each_text(totals)) AS total
         FROM hubspot_backfills WHERE connector_id = :connector"""
)


def gaps(connection: Connection, connector_id: str) -> list[Gap]:
    """Return the properties that the portal refuses us, and the records that HubSpot does not answer in full."""
    rows = connection.execute(_GAPS, {"connector": connector_id})
    return [Gap(ObjectType(row.object_type), row.what, row.number, row.reason) for row in rows]


_GAPS = text(
    """SELECT object_type, 'refused ' || object_type || ' properties' AS what, cardinality(refused) AS number,
              error AS reason
         FROM hubspot_hydrations WHERE connector_id = :connector
       UNION ALL
       SELECT object_type, 'skipped ' || object_type, count(DISTINCT hubspot_id),
              'HubSpot gives no full answer about some of them.'
         FROM hubspot_skipped_records WHERE connector_id = :connector GROUP BY object_type
        ORDER BY what"""
)


def count_differences(connection: Connection, connector_id: str) -> list[CountDifference]:
    """Return where HubSpot's totals and ours differ for longer than its index takes."""
    rows = connection.execute(_DIFFERENCES, {"connector": connector_id})
    return [CountDifference(ObjectType(row.object_type), row.portal_total, row.stored_total) for row in rows]


_DIFFERENCES = text(
    """SELECT object_type, portal_total, stored_total FROM hubspot_drifts
        WHERE connector_id = :connector AND confirmed_at IS NOT NULL ORDER BY object_type"""
)

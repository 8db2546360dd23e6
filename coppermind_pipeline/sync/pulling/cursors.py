"""Scans and their cursors: which windows are to be read, how far each has come, and what follows at their end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, text

from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Scope
from coppermind_pipeline.sync.backfill import begin_backfill, note_total
from coppermind_pipeline.sync.pulling.position import Position
from coppermind_pipeline.sync.pulling.scan import ScanPage

# HubSpot's search index has been seen to lag by as much, so a new scan looks that far behind the start of the last one.
OVERLAP_MINUTES = 60

# Deals come first, so that an early report works; what they are associated with is read with them.
_ORDER = (ObjectType.DEALS, ObjectType.COMPANIES, ObjectType.CONTACTS)


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan under way: all records of a type modified at or after `since`, from `position` on.

    Attributes:
        kind: `backfill` reads the connector's window, `incremental` what changed since the last complete scan.
        started_at: by the database's clock, also where the scan spans several runs: the next watermark counts from it.
        records: those of the window found so far.
        total: those of the window as the portal counted them, once a backfill has asked.
    """

    object_type: ObjectType
    kind: Literal["backfill", "incremental"]
    since: datetime
    started_at: datetime
    position: Position
    records: int
    total: int | None = None


def begin_scans(connection: Connection, scope: Scope, *, backfill_since: datetime | None) -> list[Scan]:
    """Return the scans that this sync has to run, resumed where they stand or newly begun; deals first.

    The first call begins the backfill: its window starts at `backfill_since`, else two years ago, and is stored once.
    Once a first backfill is complete, incremental scans run, beside a later backfill too.
    """
    begin_backfill(connection, scope, since=backfill_since)
    connection.execute(_BEGIN_BACKFILL_SCANS, scope.values(types=list(ObjectType)))
    connection.execute(_BEGIN_INCREMENTAL_SCANS, scope.values())
    rows = connection.execute(_UNDER_WAY, scope.values())
    scans = [
        Scan(ObjectType(row.object_type), row.scan, row.since, row.started_at,
             Position(row.last_id, row.first_id, _middle_of(row), row.by_list, row.list_after), row.records,
             row.total if row.scan == "backfill" else None)
        for row in rows
    ]  # fmt: skip
    return sorted(scans, key=lambda scan: (scan.kind == "backfill", _ORDER.index(scan.object_type)))


def _middle_of(row: Any) -> tuple[int, int] | None:
    return None if row.middle_first_id is None else (row.middle_first_id, row.middle_last_id)


_BEGIN_BACKFILL_SCANS = text(
    """INSERT INTO hubspot_cursors (connector_id, mind_id, object_type, scan, since, started_at)
       SELECT connector_id, mind_id, object_type, 'backfill', since, clock_timestamp()
         FROM hubspot_backfills, unnest(CAST(:types AS text[])) AS object_type
        WHERE connector_id = :connector AND completed_at IS NULL
       ON CONFLICT (connector_id, object_type, scan) DO NOTHING"""
)

_BEGIN_INCREMENTAL_SCANS = text(
    """UPDATE hubspot_cursors AS cursor
          SET since = watermark, started_at = clock_timestamp(), completed_at = NULL, last_id = 0,
              first_id = NULL, middle_first_id = NULL, middle_last_id = NULL, by_list = false, list_after = NULL,
              pages = 0, records = 0
         FROM hubspot_backfills AS backfill
        WHERE cursor.connector_id = :connector AND backfill.connector_id = cursor.connector_id
          AND scan = 'incremental' AND first_completed_at IS NOT NULL
          AND (cursor.started_at IS NULL OR cursor.completed_at IS NOT NULL)"""
)

_UNDER_WAY = text(
    """SELECT cursor.object_type, scan, cursor.since, cursor.started_at, last_id, first_id, middle_first_id,
              middle_last_id, by_list, list_after, records,
              CAST(totals ->> cursor.object_type AS bigint) AS total
         FROM hubspot_cursors AS cursor JOIN hubspot_backfills AS backfill USING (connector_id)
        WHERE connector_id = :connector AND cursor.completed_at IS NULL AND cursor.started_at IS NOT NULL
          AND (scan = 'backfill' OR first_completed_at IS NOT NULL)"""
)


def advance(connection: Connection, scope: Scope, scan: Scan, pages: Sequence[ScanPage]) -> None:
    """Vouch for the rows of consecutive pages, which the caller has written in this transaction.

    A scan that a resync has replaced meanwhile vouches for nothing; the new one reads its records again.
    """
    of_scan = scope.values(type=scan.object_type, scan=scan.kind, started_at=scan.started_at)
    position = pages[-1].position
    connection.execute(
        _ADVANCE,
        {
            **of_scan,
            "last_id": position.last_id,
            "first_id": position.first_id,
            "middle_first_id": position.middle and position.middle[0],
            "middle_last_id": position.middle and position.middle[1],
            "by_list": position.by_list,
            "list_after": position.list_after,
            "pages": len(pages),
            "records": sum(len(page.records) for page in pages if page.position.by_list == position.by_list),
        },
    )
    total = next((page.total for page in reversed(pages) if page.total is not None), None)
    if scan.kind == "backfill" and total is not None:
        note_total(connection, scope, scan.object_type, total)


_ADVANCE = text(
    """UPDATE hubspot_cursors
          SET last_id = :last_id, first_id = :first_id, middle_first_id = :middle_first_id,
              middle_last_id = :middle_last_id, by_list = :by_list, list_after = :list_after,
              pages = pages + :pages,
              -- A scan that goes over to the list begins anew.
              records = CASE WHEN by_list = :by_list THEN records ELSE 0 END + :records
        WHERE connector_id = :connector AND object_type = :type AND scan = :scan AND started_at = :started_at"""
)


def complete(connection: Connection, scope: Scope, scan: Scan) -> None:
    """Close the scan; the type's next incremental one begins at this one's start less the overlap, or later."""
    of_scan = scope.values(type=scan.object_type, scan=scan.kind, started_at=scan.started_at)
    connection.execute(_COMPLETE, of_scan)
    connection.execute(_MOVE_WATERMARK, of_scan)


_COMPLETE = text(
    """UPDATE hubspot_cursors SET completed_at = clock_timestamp()
        WHERE connector_id = :connector AND object_type = :type AND scan = :scan AND started_at = :started_at"""
)

_MOVE_WATERMARK = text(
    f"""INSERT INTO hubspot_cursors AS stored (connector_id, mind_id, object_type, scan, watermark)
        VALUES (:connector, :mind, :type, 'incremental',
                CAST(:started_at AS timestamptz) - interval '{OVERLAP_MINUTES} minutes')
        ON CONFLICT (connector_id, object_type, scan) DO UPDATE
           SET watermark = greatest(stored.watermark, excluded.watermark)"""
)


@dataclass(frozen=True, slots=True)
class Watermarks:
    """Where each type's next incremental scan begins, and the moment of this question, by the database's clock."""

    since: dict[ObjectType, datetime]
    now: datetime


def load_watermarks(connection: Connection, scope: Scope) -> Watermarks | None:
    """Return the watermarks; None while a backfill or a scan is under way."""
    rows = connection.execute(_WATERMARKS, scope.values()).all()
    if len(rows) != len(ObjectType):
        return None
    return Watermarks({ObjectType(row.object_type): row.watermark for row in rows}, rows[0].now)


_WATERMARKS = text(
    """SELECT object_type, watermark, clock_timestamp() AS now FROM hubspot_cursors
        WHERE connector_id = :connector AND scan = 'incremental' AND watermark IS NOT NULL
          AND (started_at IS NULL OR completed_at IS NOT NULL)
          AND EXISTS (SELECT FROM hubspot_backfills
                       WHERE connector_id = :connector AND completed_at IS NOT NULL)"""
)


def move_watermarks(connection: Connection, scope: Scope, *, started_at: datetime) -> None:
    """Note scans of all types that began at this moment and found nothing."""
    connection.execute(_MOVE_WATERMARKS, scope.values(started_at=started_at))


_MOVE_WATERMARKS = text(
    f"""UPDATE hubspot_cursors
           SET since = watermark, started_at = :started_at, completed_at = clock_timestamp(),
               pages = 0, records = 0,
               watermark = greatest(watermark, CAST(:started_at AS timestamptz)
                                               - interval '{OVERLAP_MINUTES} minutes')
         WHERE connector_id = :connector AND scan = 'incremental'"""
)

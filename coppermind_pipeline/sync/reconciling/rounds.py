"""Rounds of the re-read: how far each type's has come, what is next in it, and when another one begins."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Scope
from coppermind_pipeline.sync.hydrating.hydration import Hydrator

# One request's worth of associations; the records of a batch are held in memory.
RECORDS_AT_ONCE_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Round:
    """A round under way: every record with an id up to `last_id` was read since `started_at`."""

    last_id: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Due:
    """The next records of a round: `hubspot_ids` all of them, `stale` those that were not read since it began."""

    hubspot_ids: list[str]
    stale: list[str]


def example_to_try(connection: Connection, scope: Scope, hydrator: Hydrator) -> str | None:
    """Return a record to try the set of properties on; None if it is the one last read with, or is still refused."""
    if hydrator.properties.refused:
        return None
    return connection.scalar(
        _EXAMPLE_TO_TRY, scope.values(type=hydrator.object_type, digest=hydrator.properties.digest)
    )


_EXAMPLE_TO_TRY = text(
    """SELECT hubspot_id FROM live_records AS stored JOIN hubspot_rereads AS round
            USING (connector_id, object_type)
        WHERE connector_id = :connector AND object_type = :type
          AND (definitions_hash <> :digest
               OR EXISTS (SELECT FROM hubspot_hydrations
                           WHERE connector_id = :connector AND object_type = :type))
        LIMIT 1"""
)


def begin_round(connection: Connection, scope: Scope, hydrator: Hydrator, *, every: timedelta) -> Round | None:
    """Return the type's round where it stands, or a new one: it is time, or there are properties never read. None: not.

    The backfill counts as the first round, unless the definitions changed while it ran.
    """
    properties = hydrator.properties
    of_type = scope.values(
        type=hydrator.object_type, digest=properties.digest, is_full=not properties.refused, every=every
    )
    connection.execute(_FIRST_ROUND, of_type)
    connection.execute(_NEXT_ROUND, of_type)
    row = connection.execute(_NOTE_COMPARED, of_type).one()
    return Round(row.last_id, row.started_at) if row.completed_at is None else None


_FIRST_ROUND = text(
    """INSERT INTO hubspot_rereads
              (connector_id, mind_id, object_type, definitions_hash, started_at, completed_at)
       SELECT :connector, :mind, :type,
              CASE WHEN EXISTS (SELECT FROM hubspot_raw_records
                                 WHERE connector_id = :connector AND object_type = :type
                                   AND archived_at IS NULL AND definitions_hash <> :digest)
                   THEN '' ELSE :digest END,
              started_at, started_at
         FROM hubspot_backfills
        WHERE connector_id = :connector
          AND NOT EXISTS (SELECT FROM hubspot_rereads
                           WHERE connector_id = :connector AND object_type = :type)"""
)

_NEXT_ROUND = text(
    """UPDATE hubspot_rereads
          SET definitions_hash = :digest, last_id = '', records = 0, started_at = clock_timestamp(),
              completed_at = NULL
        WHERE connector_id = :connector AND object_type = :type
          AND (completed_at IS NOT NULL AND started_at <= clock_timestamp() - :every
               OR :is_full AND definitions_hash <> :digest)"""
)

_NOTE_COMPARED = text(
    """UPDATE hubspot_rereads SET compared_at = clock_timestamp()
        WHERE connector_id = :connector AND object_type = :type
       RETURNING last_id, started_at, completed_at"""
)


def next_due(connection: Connection, scope: Scope, hydrator: Hydrator, current: Round) -> Due:
    """Return the next records of the round; none at its end."""
    rows = connection.execute(
        _NEXT_OF_ROUND,
        scope.values(
            type=hydrator.object_type,
            digest=hydrator.properties.digest,
            started_at=current.started_at,
            last_id=current.last_id,
            most=RECORDS_AT_ONCE_MAX,
        ),
    ).all()
    return Due([row.hubspot_id for row in rows], [row.hubspot_id for row in rows if row.stale])


_NEXT_OF_ROUND = text(
    """SELECT live.hubspot_id, newest.read_at < :started_at OR newest.definitions_hash <> :digest AS stale
         FROM (SELECT hubspot_id FROM live_records
                WHERE connector_id = :connector AND object_type = :type AND hubspot_id > :last_id
                ORDER BY hubspot_id LIMIT :most) AS live
         CROSS JOIN newest_version(:connector, :type, live.hubspot_id) AS newest
        ORDER BY live.hubspot_id"""
)


def move_round(connection: Connection, hydrator: Hydrator, current: Round, *, last_id: str, records: int) -> Round:
    """Note how far the round has come, in the transaction that stored what it read; return it."""
    position = {"last_id": last_id, "records": records, "digest": hydrator.properties.digest}
    connection.execute(_MOVE_ROUND, hydrator.context.scope.values(type=hydrator.object_type, **position))
    return Round(last_id, current.started_at)


_MOVE_ROUND = text(
    """UPDATE hubspot_rereads
          SET last_id = :last_id, records = records + :records, definitions_hash = :digest
        WHERE connector_id = :connector AND object_type = :type"""
)


def complete_round(connection: Connection, scope: Scope, object_type: ObjectType) -> None:
    """Note that the round has come to its end."""
    connection.execute(_COMPLETE_ROUND, scope.values(type=object_type))


_COMPLETE_ROUND = text(
    """UPDATE hubspot_rereads SET completed_at = clock_timestamp()
        WHERE connector_id = :connector AND object_type = :type"""
)

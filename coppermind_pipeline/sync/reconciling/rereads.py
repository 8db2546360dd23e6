"""The rolling re-read: what HubSpot changes without saying so, found by reading everything again, little by little.

Calculated and roll-up properties and associations don't move a record's modified date, and a property defined later is
missing on records read earlier. So each type is read in rounds, by ascending id: deals with their links daily, the rest
weekly, and all of a type at once where its definitions changed. The position in the round is the note that a record was
looked at; a record that is as it was is not written.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from coppermind_pipeline.hubspot import BATCH_READ_IDS_MAX, Associations, Record
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sync.concurrency import run_together
from coppermind_pipeline.sync.context import Progress, SyncContext
from coppermind_pipeline.sync.hydrating.hydration import Hydrator, load_property_set, store_records
from coppermind_pipeline.sync.pulling.associations import LINKED_TYPES, read_referenced, store_links
from coppermind_pipeline.sync.raw.kept_values import keep_unread_values
from coppermind_pipeline.sync.raw.records import append_records
from coppermind_pipeline.sync.raw.skipped import forget_gone, note_skipped, skipped_ids

REREAD_EVERY: Mapping[ObjectType, timedelta] = {
    ObjectType.DEALS: timedelta(days=1),
    ObjectType.COMPANIES: timedelta(days=7),
    ObjectType.CONTACTS: timedelta(days=7),
}

# One request's worth of associations; the records of a batch are held in memory.
RECORDS_AT_ONCE_MAX = 1_000


@dataclass(slots=True)
class Reread:
    """What a re-read did.

    Attributes:
        read: records read again, by type; `linked`: deals whose links were.
        referenced: records read for the first time because a deal turned out to be linked to them.
        complete: every round that was due is at its end; False where the time was up before.
    """

    read: dict[ObjectType, int] = field(default_factory=lambda: dict.fromkeys(ObjectType, 0))
    linked: int = 0
    referenced: int = 0
    complete: bool = False


async def reread(
    context: SyncContext, *, time_is_up: Callable[[], bool], every: Mapping[ObjectType, timedelta] = REREAD_EVERY
) -> Reread:
    """Read again what is due, until all is read or the time is up; a later call goes on from there.

    What HubSpot had no answer for when it was read comes first.

    Expects what was pulled to be normalized, and is to be followed by another normalization and linking. Does nothing
    before the first backfill is complete. A record that the portal does not answer with stays as it is.

    Args:
        time_is_up: asked after each batch; what is begun is finished.
        every: by type, after which time another round begins.
    """
    reread = Reread()
    if not await context.read(_is_backfilled, context.ids()):
        reread.complete = True
        return reread
    hydrators = {
        object_type: Hydrator(context, object_type, await context.read(load_property_set, context.ids(), object_type))
        for object_type in ObjectType
    }
    await run_together(_read_skipped(context, hydrator, time_is_up) for hydrator in hydrators.values())
    work = (_read_round(context, hydrators[t], reread, time_is_up, every=every[t]) for t in ObjectType)
    read_all = all(await run_together(work))
    reread.referenced, referenced_all = await read_referenced(context, hydrators, time_is_up)
    if read_all and referenced_all:
        reread.referenced += await _read_missing_references(context, hydrators)
        reread.complete = True
    return reread


@dataclass(frozen=True, slots=True)
class _Round:
    """A round under way: every record with an id up to `last_id` was read since `started_at`."""

    last_id: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class _Due:
    """The next records of a round: `hubspot_ids` all of them, `unread` those that were not read since it began."""

    hubspot_ids: list[str]
    unread: list[str]


async def _read_round(
    context: SyncContext, hydrator: Hydrator, reread: Reread, time_is_up: Callable[[], bool], *, every: timedelta
) -> bool:
    """Read on in the type's round, or begin one that is due; return whether it came to its end, or none is due."""
    object_type = hydrator.object_type
    await _try_new_set(context, hydrator)
    current = await context.write(_begin_round, context.ids(), hydrator, every=every)
    while current is not None:
        due = await context.read(_next_due, context.ids(), hydrator, current)
        if not due.hubspot_ids:
            await context.write(_complete_round, context.ids(), object_type)
            return True
        unread = [hubspot_id for hubspot_id in due.unread if hubspot_id not in hydrator.failed]
        records, links = await asyncio.gather(
            hydrator.read_all(unread), _read_links(context, object_type, due.hubspot_ids)
        )
        current = await context.write(_store, hydrator, current, due, (records, links))
        reread.read[object_type] += len(records)
        reread.linked += len(due.hubspot_ids) if links else 0
        context.on_progress(Progress("reread", sum(reread.read.values())))
        if time_is_up():
            return False
    return True


async def _read_skipped(context: SyncContext, hydrator: Hydrator, time_is_up: Callable[[], bool]) -> None:
    """Try the type's records again that could not be read; a round does not ask for those that still can't be.

    Those that were tried last come last: where the time is up before, they are first the next time.
    """
    skipped = await context.read(skipped_ids, context.ids(), hydrator.object_type)
    for start in range(0, len(skipped), BATCH_READ_IDS_MAX):
        hubspot_ids = skipped[start : start + BATCH_READ_IDS_MAX]
        records = await hydrator.read_all(hubspot_ids)
        await context.write(store_records, context, records, hydrator, asked=hubspot_ids)
        if time_is_up():
            return


async def _try_new_set(context: SyncContext, hydrator: Hydrator) -> None:
    """Where the set of properties is not the one last read with, or was refused of late, try it on one record.

    Else a portal that refuses it for good would have all its records read again each time it is tried.
    """
    example = await context.read(_example_to_try, context.ids(), hydrator)
    if example is not None:
        await hydrator.read([example])


async def _read_links(
    context: SyncContext, object_type: ObjectType, hubspot_ids: Sequence[str]
) -> dict[ObjectType, Associations]:
    if object_type != ObjectType.DEALS:
        return {}
    answers = await run_together(context.client.associations(object_type, t, hubspot_ids) for t in LINKED_TYPES)
    return dict(zip(LINKED_TYPES, answers, strict=True))


async def _read_missing_references(context: SyncContext, hydrators: Mapping[ObjectType, Hydrator]) -> int:
    """Read the linked records that could not be read when their links were: archived then, and restored since."""
    read = 0
    for to_type in LINKED_TYPES:
        hydrator, last_id = hydrators[to_type], ""
        while missing := await context.read(_missing_references, context.ids(), to_type, last_id):
            records = await hydrator.read_all(missing)
            await context.write(store_records, context, records, hydrator)
            read, last_id = read + len(records), missing[-1]
    return read


def _missing_references(
    connection: Connection, ids: dict[str, Any], to_type: ObjectType, last_id: str
) -> Sequence[str]:
    return connection.scalars(
        _MISSING_REFERENCES, {**ids, "type": to_type, "last_id": last_id, "most": RECORDS_AT_ONCE_MAX}
    ).all()


_MISSING_REFERENCES = text(
    """SELECT DISTINCT to_id FROM hubspot_associations AS link
        WHERE connector_id = :connector AND to_type = :type AND valid_to IS NULL AND to_id > :last_id
          AND NOT EXISTS (SELECT FROM hubspot_raw_records AS stored
                           WHERE stored.connector_id = :connector AND stored.object_type = :type
                             AND stored.hubspot_id = link.to_id)
        ORDER BY to_id LIMIT :most"""
)


def _is_backfilled(connection: Connection, ids: dict[str, Any]) -> bool:
    return bool(connection.scalar(_IS_BACKFILLED, ids))


_IS_BACKFILLED = text(
    """SELECT true FROM hubspot_backfills
        WHERE connector_id = :connector AND first_completed_at IS NOT NULL"""
)


def _example_to_try(connection: Connection, ids: dict[str, Any], hydrator: Hydrator) -> str | None:
    if hydrator.properties.refused:
        return None
    return connection.scalar(
        _EXAMPLE_TO_TRY, {**ids, "type": hydrator.object_type, "digest": hydrator.properties.digest}
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


def _begin_round(connection: Connection, ids: dict[str, Any], hydrator: Hydrator, *, every: timedelta) -> _Round | None:
    """Return the type's round where it stands, or a new one: it is time, or there are properties never read. None: not.

    The backfill counts as the first round, unless the definitions changed while it ran.
    """
    properties = hydrator.properties
    of_type = {
        **ids,
        "type": hydrator.object_type,
        "digest": properties.digest,
        "is_full": not properties.refused,
        "every": every,
    }
    connection.execute(_FIRST_ROUND, of_type)
    connection.execute(_NEXT_ROUND, of_type)
    row = connection.execute(_NOTE_COMPARED, of_type).one()
    return _Round(row.last_id, row.started_at) if row.completed_at is None else None


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


def _next_due(connection: Connection, ids: dict[str, Any], hydrator: Hydrator, current: _Round) -> _Due:
    rows = connection.execute(
        _NEXT_OF_ROUND,
        {
            **ids,
            "type": hydrator.object_type,
            "digest": hydrator.properties.digest,
            "started_at": current.started_at,
            "last_id": current.last_id,
            "most": RECORDS_AT_ONCE_MAX,
        },
    ).all()
    return _Due([row.hubspot_id for row in rows], [row.hubspot_id for row in rows if row.unread])


_NEXT_OF_ROUND = text(
    """SELECT live.hubspot_id, newest.read_at < :started_at OR newest.definitions_hash <> :digest AS unread
         FROM (SELECT hubspot_id FROM live_records
                WHERE connector_id = :connector AND object_type = :type AND hubspot_id > :last_id
                ORDER BY hubspot_id LIMIT :most) AS live
         CROSS JOIN newest_version(:connector, :type, live.hubspot_id) AS newest
        ORDER BY live.hubspot_id"""
)


def _store(
    connection: Connection,
    hydrator: Hydrator,
    current: _Round,
    due: _Due,
    answers: tuple[list[Record], Mapping[ObjectType, Associations]],
) -> _Round:
    records, links = answers
    ids, properties = hydrator.context.ids(), hydrator.properties
    if properties.unread:
        records = keep_unread_values(connection, ids, hydrator.object_type, records, properties.unread)
    append_records(
        connection, ids, hydrator.object_type, records,
        definitions_hash=properties.digest, calculated=properties.calculated,
    )  # fmt: skip
    answered = [record.id for record in records]
    note_skipped(connection, ids, hydrator.object_type, failed=hydrator.failed, answered=answered)
    if links:
        store_links(connection, ids, links)
    last_id = due.hubspot_ids[-1]
    connection.execute(
        _MOVE_ROUND,
        {
            **ids,
            "type": hydrator.object_type,
            "last_id": last_id,
            "records": len(records),
            "digest": properties.digest,
        },
    )
    return _Round(last_id, current.started_at)


_MOVE_ROUND = text(
    """UPDATE hubspot_rereads
          SET last_id = :last_id, records = records + :records, definitions_hash = :digest
        WHERE connector_id = :connector AND object_type = :type"""
)


def _complete_round(connection: Connection, ids: dict[str, Any], object_type: ObjectType) -> None:
    forget_gone(connection, ids, object_type)
    connection.execute(_COMPLETE_ROUND, {**ids, "type": object_type})


_COMPLETE_ROUND = text(
    """UPDATE hubspot_rereads SET completed_at = clock_timestamp()
        WHERE connector_id = :connector AND object_type = :type"""
)

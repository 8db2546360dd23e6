"""The rolling re-read: what HubSpot changes without saying so, found by reading everything again, little by little.

Calculated and roll-up properties and associations don't move a record's modified date, and a property defined later is
missing on records read earlier. So each type is read in rounds, by ascending id: deals with their associations daily,
the rest weekly, and all of a type at once if its definitions changed. The position in the round is the note that a
record was looked at; a record that is as it was is not written.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import Connection, text

from coppermind_pipeline.hubspot import BATCH_READ_IDS_MAX, Associations, Record
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Scope
from coppermind_pipeline.sync.backfill import backfilled_window
from coppermind_pipeline.sync.concurrency import run_together
from coppermind_pipeline.sync.context import Progress, SyncContext
from coppermind_pipeline.sync.hydrating.hydration import Hydrator, load_hydrators
from coppermind_pipeline.sync.hydrating.storing import store_records
from coppermind_pipeline.sync.pulling.references import read_referenced
from coppermind_pipeline.sync.raw.associations import ASSOCIATED_TYPES, store_associations
from coppermind_pipeline.sync.raw.kept_values import keep_stored_values
from coppermind_pipeline.sync.raw.records import append_records
from coppermind_pipeline.sync.raw.skipped import forget_gone, note_skipped, skipped_ids
from coppermind_pipeline.sync.reconciling.rounds import (
    RECORDS_AT_ONCE_MAX,
    Due,
    Round,
    begin_round,
    complete_round,
    example_to_try,
    move_round,
    next_due,
)

REREAD_EVERY: Mapping[ObjectType, timedelta] = {
    ObjectType.DEALS: timedelta(days=1),
    ObjectType.COMPANIES: timedelta(days=7),
    ObjectType.CONTACTS: timedelta(days=7),
}


@dataclass(slots=True)
class Reread:
    """What a re-read did.

    Attributes:
        read: records read again, by type; `linked`: deals whose associations were.
        referenced: records read for the first time because a deal turned out to be associated with them.
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
    if await context.read(backfilled_window, context.scope) is None:
        reread.complete = True
        return reread
    hydrators = await load_hydrators(context)
    await run_together(_read_skipped(context, hydrator, time_is_up) for hydrator in hydrators.values())
    work = (_read_round(context, hydrators[t], reread, time_is_up, every=every[t]) for t in ObjectType)
    read_all = all(await run_together(work))
    reread.referenced, referenced_all = await read_referenced(context, hydrators, time_is_up)
    if read_all and referenced_all:
        reread.referenced += await _read_missing_references(context, hydrators)
        reread.complete = True
    return reread


async def _read_round(
    context: SyncContext, hydrator: Hydrator, reread: Reread, time_is_up: Callable[[], bool], *, every: timedelta
) -> bool:
    """Read on in the type's round, or begin one that is due; return whether it came to its end, or none is due."""
    object_type = hydrator.object_type
    await _try_new_set(context, hydrator)
    current = await context.write(begin_round, context.scope, hydrator, every=every)
    while current is not None:
        due = await context.read(next_due, context.scope, hydrator, current)
        if not due.hubspot_ids:
            await context.write(_complete, context.scope, object_type)
            return True
        stale = [hubspot_id for hubspot_id in due.stale if hubspot_id not in hydrator.failed]
        records, associations = await asyncio.gather(
            hydrator.read_all(stale), _read_associations(context, object_type, due.hubspot_ids)
        )
        current = await context.write(_store, hydrator, current, due, (records, associations))
        reread.read[object_type] += len(records)
        reread.linked += len(due.hubspot_ids) if associations else 0
        context.on_progress(Progress("reread", sum(reread.read.values())))
        if time_is_up():
            return False
    return True


async def _read_skipped(context: SyncContext, hydrator: Hydrator, time_is_up: Callable[[], bool]) -> None:
    """Try the type's records again that could not be read; a round does not ask for those that still can't be.

    Those that were tried last come last: where the time is up before, they are first the next time.
    """
    skipped = await context.read(skipped_ids, context.scope, hydrator.object_type)
    for start in range(0, len(skipped), BATCH_READ_IDS_MAX):
        hubspot_ids = skipped[start : start + BATCH_READ_IDS_MAX]
        records = await hydrator.read_all(hubspot_ids)
        await context.write(store_records, context, records, hydrator, asked=hubspot_ids)
        if time_is_up():
            return


async def _try_new_set(context: SyncContext, hydrator: Hydrator) -> None:
    """Try the set of properties on one record, if it is not the one last read with or was refused of late.

    Else a portal that refuses it for good would have all its records read again each time it is tried.
    """
    example = await context.read(example_to_try, context.scope, hydrator)
    if example is not None:
        await hydrator.read([example])


async def _read_associations(
    context: SyncContext, object_type: ObjectType, hubspot_ids: Sequence[str]
) -> dict[ObjectType, Associations]:
    if object_type != ObjectType.DEALS:
        return {}
    answers = await run_together(context.client.associations(object_type, t, hubspot_ids) for t in ASSOCIATED_TYPES)
    return dict(zip(ASSOCIATED_TYPES, answers, strict=True))


async def _read_missing_references(context: SyncContext, hydrators: Mapping[ObjectType, Hydrator]) -> int:
    """Read associated records that could not be read when the associations were: archived then, and restored since."""
    read = 0
    for to_type in ASSOCIATED_TYPES:
        hydrator, last_id = hydrators[to_type], ""
        while missing := await context.read(_missing_references, context.scope, to_type, last_id):
            records = await hydrator.read_all(missing)
            await context.write(store_records, context, records, hydrator)
            read, last_id = read + len(records), missing[-1]
    return read


def _missing_references(connection: Connection, scope: Scope, to_type: ObjectType, last_id: str) -> Sequence[str]:
    return connection.scalars(
        _MISSING_REFERENCES, scope.values(type=to_type, last_id=last_id, most=RECORDS_AT_ONCE_MAX)
    ).all()


_MISSING_REFERENCES = text(
    """SELECT DISTINCT to_id FROM hubspot_associations AS link
        WHERE connector_id = :connector AND to_type = :type AND valid_to IS NULL AND to_id > :last_id
          AND NOT EXISTS (SELECT FROM hubspot_raw_records AS stored
                           WHERE stored.connector_id = :connector AND stored.object_type = :type
                             AND stored.hubspot_id = link.to_id)
        ORDER BY to_id LIMIT :most"""
)


def _store(
    connection: Connection,
    hydrator: Hydrator,
    current: Round,
    due: Due,
    answers: tuple[list[Record], Mapping[ObjectType, Associations]],
) -> Round:
    records, associations = answers
    ids, properties = hydrator.context.scope, hydrator.properties
    if properties.left_out:
        records = keep_stored_values(connection, ids, hydrator.object_type, records, properties.left_out)
    append_records(
        connection, ids, hydrator.object_type, records,
        definitions_hash=properties.digest, calculated=properties.calculated,
    )  # fmt: skip
    answered = [record.id for record in records]
    note_skipped(connection, ids, hydrator.object_type, failed=hydrator.failed, answered=answered)
    if associations:
        store_associations(connection, ids, associations)
    return move_round(connection, hydrator, current, last_id=due.hubspot_ids[-1], records=len(records))


def _complete(connection: Connection, scope: Scope, object_type: ObjectType) -> None:
    forget_gone(connection, scope, object_type)
    complete_round(connection, scope, object_type)

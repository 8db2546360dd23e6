"""What deals are linked to: their associations, and the linked records that no scan brings."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, text

from coppermind_pipeline.hubspot import BATCH_READ_IDS_MAX, NOT_FOUND, Associations, Record
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sync.checkpoints import move_stage_cursor, stage_cursor
from coppermind_pipeline.sync.concurrency import run_together
from coppermind_pipeline.sync.context import Progress, SyncContext
from coppermind_pipeline.sync.hydrating.hydration import Hydrator, store_records
from coppermind_pipeline.sync.pulling.feed import Feed
from coppermind_pipeline.sync.raw.records import known_versions, store_associations
from coppermind_pipeline.sync.raw.skipped import note_skipped

LINKED_TYPES = (ObjectType.CONTACTS, ObjectType.COMPANIES)

# A request takes 1,000; an answer about so many keeps a portal and us busy for long enough that searches bunch up.
DEALS_AT_ONCE_MAX = 250
# Answers about links, whose records are read at once, beside scans and without them. Reads by id are what a scan's
# pages wait for, too: were all of them lined up before the next page's, searches would be left unused meanwhile.
ANSWERS_BESIDE_SCANS, ANSWERS_AT_ONCE_MAX = 200, 1_000


async def read_associations(
    context: SyncContext, time_is_up: Callable[[], bool], *, deals: Feed, links: Feed
) -> tuple[int, bool]:
    """Read the links of every deal that was read since its links were, as `deals` brings them.

    Return their number, and whether all are done. Tells `links` of each batch, and that there are no more.
    """
    linked = 0
    try:
        while True:
            last = deals.is_finished
            ids, seq = await context.read(_deals_to_associate, context.ids())
            if len(ids) < DEALS_AT_ONCE_MAX and not last:
                await deals.more()
                continue
            if not ids:
                return linked, True
            answers = await run_together(
                context.client.associations(ObjectType.DEALS, to_type, ids) for to_type in LINKED_TYPES
            )
            await context.append(_write_associations, context.ids(), dict(zip(LINKED_TYPES, answers, strict=True)), seq)
            linked += len(ids)
            links.advance()
            context.on_progress(Progress("associations", linked))
            if time_is_up():
                return linked, False
    finally:
        links.finish()


async def read_referenced(
    context: SyncContext,
    hydrators: Mapping[ObjectType, Hydrator],
    time_is_up: Callable[[], bool],
    *,
    links: Feed | None = None,
    beside_scans: Callable[[], bool] = lambda: False,
) -> tuple[int, bool]:
    """Read each contact and company that a deal is linked to and the log does not hold, whatever its age.

    Return their number, and whether all are done. With `links`, goes on until those are finished; `beside_scans` says
    whether pages wait for reads meanwhile.
    """
    referenced, beside = 0, ANSWERS_BESIDE_SCANS
    while True:
        last = links is None or links.is_finished
        answers = beside if beside_scans() else ANSWERS_AT_ONCE_MAX
        unread, seq = await context.read(_unread_references, context.ids(), answers)
        if seq is not None:
            # The scans read most of what is linked: the more of it they have, the more answers name little unread.
            names_little = sum(map(len, unread.values())) <= BATCH_READ_IDS_MAX
            beside = min(2 * beside, ANSWERS_AT_ONCE_MAX) if names_little else ANSWERS_BESIDE_SCANS
            read = await run_together(hydrators[to_type].read_all(ids) for to_type, ids in unread.items())
            found = dict(zip(unread, read, strict=True))
            await context.append(_write_referenced, context, hydrators, found, seq)
            referenced += sum(map(len, found.values()))
            context.on_progress(Progress("referenced", referenced))
            if time_is_up():
                return referenced, False
        elif last:
            return referenced, True
        elif links is not None:
            await links.more()


def _deals_to_associate(connection: Connection, ids: dict[str, Any]) -> tuple[list[str], int]:
    rows = connection.execute(
        _DEALS_TO_ASK_ABOUT, {**ids, "seq": stage_cursor(connection, ids, "associate").seq, "most": DEALS_AT_ONCE_MAX}
    ).all()
    return list(dict.fromkeys(row.hubspot_id for row in rows)), rows[-1].seq if rows else 0


_DEALS_TO_ASK_ABOUT = text(
    """SELECT hubspot_id, seq FROM hubspot_raw_records
        WHERE connector_id = :connector AND object_type = 'deals' AND seq > :seq ORDER BY seq LIMIT :most"""
)


def store_links(connection: Connection, ids: dict[str, Any], answers: Mapping[ObjectType, Associations]) -> None:
    """Keep what HubSpot answered about deals' links, by what they link to, and note those it has no answer about."""
    for to_type, associations in answers.items():
        store_associations(connection, ids, to_type, associations)
    failed = {i for a in answers.values() for i, error in a.failed.items() if error.category != NOT_FOUND}
    answered = {i for a in answers.values() for i in (*a.links, *a.failed)}
    note_skipped(connection, ids, ObjectType.DEALS, failed=failed, answered=answered, part="links")


def _write_associations(
    connection: Connection, ids: dict[str, Any], answers: Mapping[ObjectType, Associations], seq: int
) -> None:
    store_links(connection, ids, answers)
    move_stage_cursor(connection, ids, "associate", seq)


def _unread_references(
    connection: Connection, ids: dict[str, Any], answers: int
) -> tuple[dict[ObjectType, list[str]], int | None]:
    """Return the unread ids that the next answers name, and the sequence number of the last; None: none is left."""
    rows = connection.execute(
        _NEXT_ANSWERS, {**ids, "seq": stage_cursor(connection, ids, "reference").seq, "most": answers}
    ).all()
    unread = {}
    for to_type in LINKED_TYPES:
        linked = {row.to_id for row in rows if row.to_type == to_type and row.to_id is not None}
        unread[to_type] = sorted(linked - known_versions(connection, ids, to_type, linked).keys())
    return unread, rows[0].upto if rows else None


_NEXT_ANSWERS = text(
    """WITH answers AS (
           SELECT seq, to_type, links FROM hubspot_raw_associations
            WHERE connector_id = :connector AND seq > :seq ORDER BY seq LIMIT :most)
       SELECT max(answers.seq) OVER () AS upto, to_type, link ->> 'id' AS to_id
         FROM answers LEFT JOIN LATERAL jsonb_array_elements(links) AS link ON true"""
)


def _write_referenced(
    connection: Connection,
    context: SyncContext,
    hydrators: Mapping[ObjectType, Hydrator],
    found: Mapping[ObjectType, list[Record]],
    seq: int,
) -> None:
    for to_type, records in found.items():
        store_records(connection, context, records, hydrators[to_type])
    move_stage_cursor(connection, context.ids(), "reference", seq)

"""Referenced records: what deals are associated with and no scan brings, as it lies outside the window."""

from collections.abc import Callable, Mapping

from sqlalchemy import Connection, text

from coppermind_pipeline.hubspot import BATCH_READ_IDS_MAX, Record
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Scope, load_checkpoint, move_checkpoint
from coppermind_pipeline.sync.concurrency import run_together
from coppermind_pipeline.sync.context import Progress, SyncContext
from coppermind_pipeline.sync.hydrating.hydration import Hydrator
from coppermind_pipeline.sync.hydrating.storing import store_records
from coppermind_pipeline.sync.pulling.feed import Feed
from coppermind_pipeline.sync.raw.associations import ASSOCIATED_TYPES
from coppermind_pipeline.sync.raw.records import known_versions

# Answers about associations, whose records are read at once, beside scans and without them. Reads by id are what a
# scan's pages wait for, too: were all of them lined up before the next page's, searches would be left unused meanwhile.
ANSWERS_BESIDE_SCANS, ANSWERS_AT_ONCE_MAX = 200, 1_000


async def read_referenced(
    context: SyncContext,
    hydrators: Mapping[ObjectType, Hydrator],
    time_is_up: Callable[[], bool],
    *,
    answers: Feed | None = None,
    beside_scans: Callable[[], bool] = lambda: False,
) -> tuple[int, bool]:
    """Read each contact and company that a deal is associated with and the log does not know, whatever its age.

    Return their number, and whether all are done. With `answers`, goes on until those are finished; `beside_scans` says
    whether pages wait for reads meanwhile.
    """
    referenced, beside = 0, ANSWERS_BESIDE_SCANS
    while True:
        last = answers is None or answers.is_finished
        at_once = beside if beside_scans() else ANSWERS_AT_ONCE_MAX
        unknown, seq = await context.read(_unknown_references, context.scope, at_once)
        if seq is not None:
            # The scans read most of what is named: the more of it they have, the more answers name little unknown.
            names_little = sum(map(len, unknown.values())) <= BATCH_READ_IDS_MAX
            beside = min(2 * beside, ANSWERS_AT_ONCE_MAX) if names_little else ANSWERS_BESIDE_SCANS
            read = await run_together(hydrators[to_type].read_all(ids) for to_type, ids in unknown.items())
            found = dict(zip(unknown, read, strict=True))
            await context.append(_store, context, hydrators, found, seq)
            referenced += sum(map(len, found.values()))
            context.on_progress(Progress("referenced", referenced))
            if time_is_up():
                return referenced, False
        elif last:
            return referenced, True
        elif answers is not None:
            await answers.more()


def _unknown_references(
    connection: Connection, scope: Scope, at_once: int
) -> tuple[dict[ObjectType, list[str]], int | None]:
    """Return the unknown ids that the next answers name, and the last one's sequence number; None: none is left."""
    reached = load_checkpoint(connection, scope.connector_id, "reference").seq
    rows = connection.execute(_NEXT_ANSWERS, scope.values(seq=reached, most=at_once)).all()
    unknown = {}
    for to_type in ASSOCIATED_TYPES:
        named = {row.to_id for row in rows if row.to_type == to_type and row.to_id is not None}
        unknown[to_type] = sorted(named - known_versions(connection, scope, to_type, named).keys())
    return unknown, rows[0].upto if rows else None


_NEXT_ANSWERS = text(
    """WITH answers AS (
           SELECT seq, to_type, links FROM hubspot_raw_associations
            WHERE connector_id = :connector AND seq > :seq ORDER BY seq LIMIT :most)
       SELECT max(answers.seq) OVER () AS upto, to_type, link ->> 'id' AS to_id
         FROM answers LEFT JOIN LATERAL jsonb_array_elements(links) AS link ON true"""
)


def _store(
    connection: Connection,
    context: SyncContext,
    hydrators: Mapping[ObjectType, Hydrator],
    found: Mapping[ObjectType, list[Record]],
    seq: int,
) -> None:
    for to_type, records in found.items():
        store_records(connection, context, records, hydrators[to_type])
    move_checkpoint(connection, context.scope.connector_id, "reference", seq)

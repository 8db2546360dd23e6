"""What deals are associated with: asked for each deal that was read, and kept as HubSpot answered."""

from collections.abc import Callable, Mapping

from sqlalchemy import Connection, text

from coppermind_pipeline.hubspot import Associations
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Scope, load_checkpoint, move_checkpoint
from coppermind_pipeline.sync.concurrency import run_together
from coppermind_pipeline.sync.context import Progress, SyncContext
from coppermind_pipeline.sync.pulling.feed import Feed
from coppermind_pipeline.sync.raw.associations import ASSOCIATED_TYPES, store_associations

# A request takes 1,000; an answer about so many keeps a portal and us busy for long enough that searches bunch up.
DEALS_AT_ONCE_MAX = 250


async def read_associations(
    context: SyncContext, time_is_up: Callable[[], bool], *, deals: Feed, answers: Feed
) -> tuple[int, bool]:
    """Ask what every deal is associated with that was read since that was asked, as `deals` tells of them.

    Return their number, and whether all are done. Tells `answers` of each batch, and that there are no more.
    """
    asked = 0
    try:
        while True:
            last = deals.is_finished
            deal_ids, seq = await context.read(_deals_to_ask_about, context.scope)
            if len(deal_ids) < DEALS_AT_ONCE_MAX and not last:
                await deals.more()
                continue
            if not deal_ids:
                return asked, True
            answered = await run_together(
                context.client.associations(ObjectType.DEALS, to_type, deal_ids) for to_type in ASSOCIATED_TYPES
            )
            by_type: dict[ObjectType, Associations] = dict(zip(ASSOCIATED_TYPES, answered, strict=True))
            await context.append(_store, context.scope, by_type, seq)
            asked += len(deal_ids)
            answers.advance()
            context.on_progress(Progress("associations", asked))
            if time_is_up():
                return asked, False
    finally:
        answers.finish()


def _deals_to_ask_about(connection: Connection, scope: Scope) -> tuple[list[str], int]:
    rows = connection.execute(
        _DEALS_TO_ASK_ABOUT,
        scope.values(seq=load_checkpoint(connection, scope.connector_id, "associate").seq, most=DEALS_AT_ONCE_MAX),
    ).all()
    return list(dict.fromkeys(row.hubspot_id for row in rows)), rows[-1].seq if rows else 0


_DEALS_TO_ASK_ABOUT = text(
    """SELECT hubspot_id, seq FROM hubspot_raw_records
        WHERE connector_id = :connector AND object_type = 'deals' AND seq > :seq ORDER BY seq LIMIT :most"""
)


def _store(connection: Connection, scope: Scope, answers: Mapping[ObjectType, Associations], seq: int) -> None:
    store_associations(connection, scope, answers)
    move_checkpoint(connection, scope.connector_id, "associate", seq)

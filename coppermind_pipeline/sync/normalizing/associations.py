"""Linking: from the raw answers about associations to intervals in which each holds, and on to attributions."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass

from sqlalchemy import Connection, text

from coppermind_pipeline.connectors import Connector
from coppermind_pipeline.store import Database, analyze_grown_tables, load_checkpoint, move_checkpoint
from coppermind_pipeline.sync.backfill import complete_backfill
from coppermind_pipeline.sync.context import Progress, unheard
from coppermind_pipeline.sync.normalizing.attribution import DEALS_AT_ONCE, attribute, deals_to_attribute
from coppermind_pipeline.sync.raw.associations import ASSOCIATED_TYPES

# A deal has two answers, which come a page apart: in batches of several pages most deals have both in one.
BATCH_ANSWERS = 4_000


@dataclass(slots=True)
class Linked:
    """What linking did.

    Attributes:
        answers: answers about a deal's associations that were taken up.
        begun, ended: associations.
        attributed: deals whose attribution changed.
        backfill_completed: with this the backfill is complete.
    """

    answers: int = 0
    begun: int = 0
    ended: int = 0
    attributed: int = 0
    backfill_completed: bool = False

    def __add__(self, later: "Linked") -> "Linked":
        return Linked(
            self.answers + later.answers,
            self.begun + later.begun,
            self.ended + later.ended,
            self.attributed + later.attributed,
            self.backfill_completed or later.backfill_completed,
        )


def link(database: Database, connector: Connector, *, on_progress: Callable[[Progress], None] = unheard) -> Linked:
    """Bring associations and attributions up to date once everything pulled is normalized; may complete a backfill."""
    linked = link_so_far(database, connector, on_progress=on_progress)
    with database.mind(connector.mind_id) as connection:
        linked.backfill_completed = complete_backfill(connection, connector.scope)
    return linked


def link_so_far(
    database: Database,
    connector: Connector,
    *,
    on_progress: Callable[[Progress], None] = unheard,
    enough: Callable[[], bool] = lambda: False,
) -> Linked:
    """Bring associations and attributions up to date with what is pulled and normalized by now.

    An association that an answer no longer names ends at the time of that answer; one whose labels changed ends, and
    begins anew. Deals are attributed again if they, their associations, or the records at the other ends have changed:
    those whose associations have, together with these, so that each is written once.

    Args:
        enough: asked between batches; once it says so, the rest is left to the next time.
    """
    scope = connector.scope
    linked = Linked()
    with database.mind(connector.mind_id) as connection:
        since = load_checkpoint(connection, scope.connector_id, "attribute").seq
        until = changed_until(connection, scope.connector_id)
    while not enough() and _take_up_answers(database, connector, linked):
        on_progress(Progress("link", linked.answers))
    with closing(deals_to_attribute(database, connector, since=since, until=until)) as batches:
        for deals in batches:
            with database.mind(connector.mind_id) as connection:
                linked.attributed += attribute(connection, scope, deals)
            if enough():
                return linked
    with database.mind(connector.mind_id) as connection:
        # What changed since `until` was changed here, by the connector's one writer, and is attributed.
        move_checkpoint(connection, scope.connector_id, "attribute", changed_until(connection, scope.connector_id))
    return linked


def answered_until(connection: Connection, connector_id: str) -> int:
    """Return the sequence number of the last answer about associations."""
    return connection.scalar(_LAST_ANSWER, {"connector": connector_id}) or 0


def changed_until(connection: Connection, connector_id: str) -> int:
    """Return the last change number of a connector's records."""
    return connection.scalar(_LAST_CHANGE, {"connector": connector_id}) or 0


_LAST_ANSWER = text("SELECT max(seq) FROM hubspot_raw_associations WHERE connector_id = :connector")
_LAST_CHANGE = text("SELECT max(change_seq) FROM hubspot_crm_objects WHERE connector_id = :connector")


def settled_deals(
    database: Database, connector: Connector, *, answered: tuple[int, int], changed: tuple[int, int]
) -> Generator[Sequence[str]]:
    """Yield the ids of the deals that have come to be linked to nothing but records that are stored.

    They are looked for among those whose answers came in `answered`, above its first number and up to its second, and
    those that are linked to a record which changed in `changed`. All of these answers and changes are taken up.
    """
    values = connector.scope.values(
        to_type=ASSOCIATED_TYPES[-1],  # of a deal's answers the last one stands for all of them
        answered_since=answered[0],
        answered_until=answered[1],
        changed_since=changed[0],
        changed_until=changed[1],
    )
    with database.mind(connector.mind_id) as connection:
        settled = connection.execution_options(yield_per=DEALS_AT_ONCE).scalars(_SETTLED, values)
        with closing(settled):
            yield from settled.partitions(DEALS_AT_ONCE)


# OFFSET 0 keeps each look-up one by key: what a policy leaves of a table is misjudged, above all in the first minutes.
_SETTLED = text(
    """SELECT deal.hubspot_id FROM (
           SELECT from_id AS id FROM hubspot_raw_associations
            WHERE connector_id = :connector AND from_type = 'deals' AND to_type = :to_type
              AND seq > :answered_since AND seq <= :answered_until
           UNION
           SELECT association.from_id
             FROM (SELECT object_type, hubspot_id FROM hubspot_crm_objects
                    WHERE connector_id = :connector AND object_type <> 'deals'
                      AND change_seq > :changed_since AND change_seq <= :changed_until OFFSET 0) AS changed
            CROSS JOIN LATERAL (SELECT stored.from_id FROM hubspot_associations AS stored
                                 WHERE stored.connector_id = :connector AND stored.from_type = 'deals'
                                   AND stored.valid_to IS NULL AND stored.to_type = changed.object_type
                                   AND stored.to_id = changed.hubspot_id OFFSET 0) AS association
       ) AS touched
        CROSS JOIN LATERAL (SELECT stored.hubspot_id FROM hubspot_crm_objects AS stored
                             WHERE stored.connector_id = :connector AND stored.object_type = 'deals'
                               AND stored.hubspot_id = touched.id OFFSET 0) AS deal
        WHERE NOT EXISTS (
              SELECT FROM hubspot_associations AS association
                LEFT JOIN LATERAL (SELECT stored.hubspot_id FROM hubspot_crm_objects AS stored
                                    WHERE stored.connector_id = :connector AND stored.object_type = association.to_type
                                      AND stored.hubspot_id = association.to_id OFFSET 0) AS named ON true
               WHERE association.connector_id = :connector AND association.from_type = 'deals'
                 AND association.from_id = deal.hubspot_id AND association.valid_to IS NULL
                 AND named.hubspot_id IS NULL OFFSET 0)"""
)


def _take_up_answers(database: Database, connector: Connector, linked: Linked) -> bool:
    """Apply the next answers, with the checkpoint that says so; return whether there were any."""
    scope = connector.scope
    with database.mind(connector.mind_id) as connection:
        since = load_checkpoint(connection, scope.connector_id, "link").seq
        connection.execute(text("DROP TABLE IF EXISTS pg_temp.answers, pg_temp.named"))
        connection.execute(_NEXT_ANSWERS, scope.values(since=since, most=BATCH_ANSWERS))
        taken = connection.execute(text("SELECT count(*) AS answers, max(seq) AS seq FROM answers")).one()
        if not taken.answers:
            return False
        connection.execute(_NAMED, scope.values())
        ended = connection.scalars(_END, scope.values()).all()
        begun = connection.scalars(_BEGIN, scope.values()).all()
        # The first of them come into an empty table, which would be read whole for each deal.
        analyze_grown_tables(connection)
        changed = sorted({*ended, *begun})
        for first in range(0, len(changed), DEALS_AT_ONCE):
            deals = changed[first : first + DEALS_AT_ONCE]
            linked.attributed += attribute(connection, scope, deals, associations_changed=True)
        move_checkpoint(connection, scope.connector_id, "link", taken.seq)
    linked.answers += taken.answers
    linked.ended += len(ended)
    linked.begun += len(begun)
    return True


_NEXT_ANSWERS = text(
    """CREATE TEMPORARY TABLE answers ON COMMIT DROP AS
       SELECT from_id, to_type, seq, read_at, links FROM hubspot_raw_associations
        WHERE connector_id = :connector AND from_type = 'deals' AND seq > :since ORDER BY seq LIMIT :most"""
)

# An answer may be older than a merge: what it calls by the old id is the survivor.
_NAMED = text(
    """CREATE TEMPORARY TABLE named ON COMMIT DROP AS
       SELECT from_id, to_type, read_at, coalesce(merge.survivor_id, link ->> 'id') AS to_id,
              coalesce(array_agg(DISTINCT label ORDER BY label) FILTER (WHERE label IS NOT NULL), '{}') AS labels,
              coalesce(array_agg(DISTINCT type_id ORDER BY type_id) FILTER (WHERE type_id IS NOT NULL), '{}')
                  AS type_ids
         FROM answers CROSS JOIN jsonb_array_elements(links) AS link
         LEFT JOIN LATERAL jsonb_to_recordset(link -> 'types') AS type (label text, type_id integer) ON true
         LEFT JOIN hubspot_merges AS merge
           ON merge.connector_id = :connector AND merge.object_type = to_type AND merge.loser_id = link ->> 'id'
        GROUP BY from_id, to_type, read_at, coalesce(merge.survivor_id, link ->> 'id')"""
)

# What is stored is looked up answer by answer: left to itself, the planner reads all of it for a thousand answers.
_END = text(
    """WITH unnamed AS MATERIALIZED (
           SELECT answers.from_id, answers.to_type, answers.read_at, live.to_id, live.valid_from
             FROM answers
            CROSS JOIN LATERAL (
                  SELECT to_id, labels, type_ids, valid_from FROM hubspot_associations
                   WHERE connector_id = :connector AND from_type = 'deals' AND from_id = answers.from_id
                     AND to_type = answers.to_type AND valid_to IS NULL OFFSET 0) AS live
            WHERE NOT EXISTS (SELECT FROM named
                               WHERE named.from_id = answers.from_id AND named.to_type = answers.to_type
                                 AND named.to_id = live.to_id AND named.labels = live.labels
                                 AND named.type_ids = live.type_ids))
       UPDATE hubspot_associations AS stored SET valid_to = greatest(unnamed.read_at, stored.valid_from)
         FROM unnamed
        WHERE stored.connector_id = :connector AND stored.from_type = 'deals' AND stored.from_id = unnamed.from_id
          AND stored.to_type = unnamed.to_type AND stored.to_id = unnamed.to_id
          AND stored.valid_from = unnamed.valid_from
       RETURNING stored.from_id"""
)

_BEGIN = text(
    """INSERT INTO hubspot_associations (connector_id, mind_id, from_type, from_id, to_type, to_id, labels,
                                        type_ids, valid_from)
       SELECT :connector, :mind, 'deals', from_id, to_type, to_id, labels, type_ids, read_at FROM named
       ON CONFLICT (connector_id, from_type, from_id, to_type, to_id) WHERE valid_to IS NULL DO NOTHING
       RETURNING from_id"""
)

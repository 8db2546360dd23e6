"""Linking: from the raw answers about associations to validity intervals, and from those to each deal's attribution."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, text

from coppermind_pipeline import crm
from coppermind_pipeline.connectors import Connector
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database, analyze_grown_tables, copy_rows
from coppermind_pipeline.sync.backfill import complete_backfill
from coppermind_pipeline.sync.checkpoints import move_stage_cursor, stage_cursor
from coppermind_pipeline.sync.context import Progress, unheard

BATCH_DEALS = 1_000

# The fields of `crm.Attribution`, as columns of a deal.
_COLUMNS = {
    "primary_company_id": "primary_company_id",
    "lead_contact_id": "lead_contact_id",
    "source": "attributed_source",
    "source_step": "attribution_step",
    "country_code": "place_country_code",
    "country_text": "place_country_text",
    "region": "place_region",
    "city": "place_city",
}


@dataclass(slots=True)
class Linked:
    """What linking did.

    Attributes:
        answers: answers about a deal's links that were taken up.
        begun, ended: links.
        attributed: deals whose attribution changed.
        backfill_completed: with this the backfill is complete.
    """

    answers: int = 0
    begun: int = 0
    ended: int = 0
    attributed: int = 0
    backfill_completed: bool = False


def link(database: Database, connector: Connector, *, on_progress: Callable[[Progress], None] = unheard) -> Linked:
    """Bring associations and attributions up to date once everything pulled is normalized; may complete a backfill."""
    linked = link_so_far(database, connector, on_progress=on_progress)
    with database.mind(connector.mind_id) as connection:
        linked.backfill_completed = complete_backfill(connection, {"connector": connector.id})
    return linked


def link_so_far(
    database: Database,
    connector: Connector,
    *,
    on_progress: Callable[[Progress], None] = unheard,
    enough: Callable[[], bool] = lambda: False,
) -> Linked:
    """Bring associations and attributions up to date with what is pulled and normalized by now.

    A link that an answer no longer names ends at the time of that answer; one whose labels changed ends, and begins
    anew. Deals are attributed again where they, their links, or the records that they are linked to have changed.

    Args:
        enough: asked between batches; once it says so, the rest is left to the next time.
    """
    ids = {"connector": connector.id, "mind": connector.mind_id}
    linked = Linked()
    while not enough() and _take_up_answers(database, connector, ids, linked):
        on_progress(Progress("link", linked.answers))
    with database.mind(connector.mind_id) as connection:
        since = stage_cursor(connection, ids, "attribute").seq
        upto = connection.scalar(
            text("SELECT max(change_seq) FROM hubspot_crm_objects WHERE connector_id = :connector"), ids
        )
    with closing(_deals_to_attribute(database, connector, ids, since)) as batches:
        for deals in batches:
            with database.mind(connector.mind_id) as connection:
                linked.attributed += _attribute(connection, ids, deals)
            if enough():
                return linked
    with database.mind(connector.mind_id) as connection:
        move_stage_cursor(connection, ids, "attribute", upto or 0)
    return linked


def _take_up_answers(database: Database, connector: Connector, ids: dict[str, Any], linked: Linked) -> bool:
    """Apply the next answers, with the cursor that says so; return whether there were any."""
    with database.mind(connector.mind_id) as connection:
        since = stage_cursor(connection, ids, "link").seq
        connection.execute(text("DROP TABLE IF EXISTS pg_temp.answers, pg_temp.named"))
        connection.execute(_NEXT_ANSWERS, {**ids, "since": since, "most": BATCH_DEALS})
        taken = connection.execute(text("SELECT count(*) AS answers, max(seq) AS seq FROM answers")).one()
        if not taken.answers:
            return False
        connection.execute(_NAMED_LINKS, ids)
        ended = connection.scalars(_END_LINKS, ids).all()
        begun = connection.scalars(_BEGIN_LINKS, ids).all()
        connection.execute(_MARK_CHANGED, {**ids, "deals": list({*ended, *begun})})
        move_stage_cursor(connection, ids, "link", taken.seq)
        analyze_grown_tables(connection)
    linked.answers += taken.answers
    linked.ended += len(ended)
    linked.begun += len(begun)
    return True


_NEXT_ANSWERS = text(
    """CREATE TEMPORARY TABLE answers ON COMMIT DROP AS
       SELECT from_id, to_type, seq, read_at, links FROM hubspot_raw_associations
        WHERE connector_id = :connector AND from_type = 'deals' AND seq > :since ORDER BY seq LIMIT :most"""
)

_MARK_CHANGED = text(
    """UPDATE hubspot_crm_objects SET change_seq = nextval('change_seq')
        WHERE connector_id = :connector AND object_type = 'deals' AND hubspot_id = ANY(:deals)"""
)


# An answer may be older than a merge: what it calls by the old id is the survivor.
_NAMED_LINKS = text(
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

# The stored links are looked up answer by answer: left to itself, the planner reads all of them for a thousand answers.
_END_LINKS = text(
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

_BEGIN_LINKS = text(
    """INSERT INTO hubspot_associations (connector_id, mind_id, from_type, from_id, to_type, to_id, labels,
                                        type_ids, valid_from)
       SELECT :connector, :mind, 'deals', from_id, to_type, to_id, labels, type_ids, read_at FROM named
       ON CONFLICT (connector_id, from_type, from_id, to_type, to_id) WHERE valid_to IS NULL DO NOTHING
       RETURNING from_id"""
)


def _deals_to_attribute(
    database: Database, connector: Connector, ids: dict[str, Any], since: int
) -> Generator[Sequence[str]]:
    """Yield the ids of the deals that changed after `since`, or that are linked to a record that did."""
    with database.mind(connector.mind_id) as connection:
        changed = connection.execution_options(yield_per=BATCH_DEALS).scalars(_TO_ATTRIBUTE, {**ids, "since": since})
        with closing(changed):
            yield from changed.partitions(BATCH_DEALS)


_TO_ATTRIBUTE = text(
    """SELECT hubspot_id FROM hubspot_crm_objects
        WHERE connector_id = :connector AND object_type = 'deals' AND change_seq > :since
       UNION
       SELECT association.from_id FROM hubspot_crm_objects AS linked
         JOIN hubspot_associations AS association
           ON association.connector_id = linked.connector_id AND association.to_type = linked.object_type
          AND association.to_id = linked.hubspot_id AND association.valid_to IS NULL
        WHERE linked.connector_id = :connector AND linked.object_type <> 'deals'
          AND linked.change_seq > :since"""
)


def _attribute(connection: Connection, ids: dict[str, Any], deals: Sequence[str]) -> int:
    """Attribute the deals, write those that come out different, and return their number."""
    rows = connection.execute(_ATTRIBUTED_BY, {**ids, "deals": list(deals)})
    changed = []
    for deal_id, of_deal in groupby(rows, key=lambda row: row.hubspot_id):
        links = list(of_deal)
        before = tuple(getattr(links[0], column) for column in _COLUMNS.values())
        attribution = crm.attribute(links[0].deal_source, [_link(row) for row in links if row.to_id is not None])
        after = tuple(getattr(attribution, name) for name in _COLUMNS)
        if after != before:
            changed.append((deal_id, *after))
    if changed:
        copy_rows(connection, like="hubspot_crm_objects", columns=("hubspot_id", *_COLUMNS.values()), rows=changed)
        connection.execute(_STORE_ATTRIBUTIONS, ids)
    return len(changed)


_ATTRIBUTED_BY = text(
    f"""SELECT deal.hubspot_id, deal.source AS deal_source, {", ".join(f"deal.{c}" for c in _COLUMNS.values())},
               linked.object_type AS to_type, linked.hubspot_id AS to_id,
               {crm.PRIMARY_COMPANY_TYPE_ID} = ANY(association.type_ids) AS is_primary, linked.created_at,
               linked.source, linked.filtered_reason, linked.country_code, linked.country_text, linked.region,
               linked.city
          FROM hubspot_crm_objects AS deal
          LEFT JOIN hubspot_associations AS association
            ON association.connector_id = deal.connector_id AND association.from_type = 'deals'
           AND association.from_id = deal.hubspot_id AND association.valid_to IS NULL
          LEFT JOIN live_records AS linked
            ON linked.connector_id = deal.connector_id AND linked.object_type = association.to_type
           AND linked.hubspot_id = association.to_id
         WHERE deal.connector_id = :connector AND deal.object_type = 'deals' AND deal.hubspot_id = ANY(:deals)
         ORDER BY deal.hubspot_id"""
)


_STORE_ATTRIBUTIONS = text(
    f"""UPDATE hubspot_crm_objects AS deal
           SET ({", ".join(_COLUMNS.values())}, change_seq)
             = ROW({", ".join(f"incoming.{column}" for column in _COLUMNS.values())}, nextval('change_seq'))
          FROM incoming
         WHERE connector_id = :connector AND object_type = 'deals' AND deal.hubspot_id = incoming.hubspot_id"""
)


def _link(row: Row[Any]) -> crm.Link:
    return crm.Link(
        to_type=ObjectType(row.to_type),
        to_id=row.to_id,
        is_primary=bool(row.is_primary),
        created_at=row.created_at,
        source=row.source,
        filtered_reason=row.filtered_reason,
        country_code=row.country_code,
        country_text=row.country_text,
        region=row.region,
        city=row.city,
    )

"""Merges: which record lives on for one that was merged away, and everything that named the old one led to it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, text

from coppermind_pipeline import crm
from coppermind_pipeline.hubspot import Record
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Scope, copy_rows

# What a survivor names its losers by does not depend on anything that a portal defines.
_ANY_PORTAL = crm.Meaning()


@dataclass(frozen=True, slots=True)
class Merge:
    """One record (`loser_id`) that was merged into another, which may have been merged into a third since."""

    object_type: ObjectType
    loser_id: str
    survivor_id: str


def merges_named_by(object_type: ObjectType, records: Iterable[Record]) -> list[Merge]:
    """Return the merges that survivors tell of in their properties."""
    return [
        Merge(object_type, loser_id, record.id)
        for record in records
        for loser_id in crm.interpret(object_type, record.id, record.properties, _ANY_PORTAL).merged_ids
    ]


def record_merges(connection: Connection, scope: Scope, merges: Collection[Merge]) -> int:
    """Remember merges, and let losers and associations with them lead to who lives on.

    Return how many stored records count nowhere from now on.

    Merges may become known in any order, and a loser may never have been read: each chain ends at its last survivor. A
    loser that is normalized later is marked then. Associations with a loser end, and begin again with its
    survivor.
    """
    if not merges:
        return 0
    copy_rows(
        connection,
        like="hubspot_merges",
        columns=("object_type", "loser_id", "survivor_id"),
        rows=((merge.object_type.value, merge.loser_id, merge.survivor_id) for merge in merges),
    )
    new = connection.execute(_INSERT, scope.values()).all()
    if not new:
        return 0
    concerned = scope.values(types=[row.object_type for row in new], losers=[row.loser_id for row in new])
    connection.execute(_SHORTEN_CHAINS, concerned)
    marked = connection.execute(_MARK_LOSERS, concerned).rowcount
    connection.execute(_MOVE_ASSOCIATIONS, concerned)
    return marked


# What is known already, and what would close a circle, is left alone.
_INSERT = text(
    """INSERT INTO hubspot_merges (connector_id, mind_id, object_type, loser_id, survivor_id)
       SELECT DISTINCT ON (object_type, loser_id) :connector, :mind, object_type, loser_id, survivor_id
         FROM (SELECT incoming.object_type, incoming.loser_id,
                      coalesce(further.survivor_id, incoming.survivor_id) AS survivor_id
                 FROM incoming
                 LEFT JOIN hubspot_merges AS further
                   ON further.connector_id = :connector AND further.object_type = incoming.object_type
                  AND further.loser_id = incoming.survivor_id) AS resolved
        WHERE loser_id <> survivor_id
        ORDER BY object_type, loser_id, survivor_id
       ON CONFLICT (connector_id, object_type, loser_id) DO NOTHING
       RETURNING object_type, loser_id"""
)

_OF_CHAINS = """
    JOIN unnest(CAST(:types AS text[]), CAST(:losers AS text[])) AS new (object_type, hubspot_id)
      ON new.object_type = merge.object_type AND new.hubspot_id IN (merge.loser_id, merge.survivor_id)"""

_SHORTEN_CHAINS = text(
    f"""WITH RECURSIVE chain (object_type, loser_id, survivor_id) AS (
            SELECT merge.object_type, merge.loser_id, merge.survivor_id FROM hubspot_merges AS merge {_OF_CHAINS}
             WHERE merge.connector_id = :connector
            UNION
            SELECT chain.object_type, chain.loser_id, further.survivor_id FROM chain
              JOIN hubspot_merges AS further ON further.connector_id = :connector
               AND further.object_type = chain.object_type AND further.loser_id = chain.survivor_id)
        UPDATE hubspot_merges AS merge SET survivor_id = chain.survivor_id
          FROM chain
         WHERE merge.connector_id = :connector AND merge.object_type = chain.object_type
           AND merge.loser_id = chain.loser_id AND merge.survivor_id <> chain.survivor_id
           AND merge.loser_id <> chain.survivor_id
           AND NOT EXISTS (SELECT FROM hubspot_merges AS further
                            WHERE further.connector_id = :connector AND further.object_type = chain.object_type
                              AND further.loser_id = chain.survivor_id)"""
)

# By now each chain is one step long: those concerned are the new losers, and the losers of their survivors.
_CONCERNED = """
    SELECT merge.object_type, merge.loser_id, merge.survivor_id, merge.found_at FROM hubspot_merges AS merge
     WHERE merge.connector_id = :connector AND (merge.object_type, merge.survivor_id) IN (
           SELECT new.object_type, known.survivor_id
             FROM unnest(CAST(:types AS text[]), CAST(:losers AS text[])) AS new (object_type, hubspot_id)
             JOIN hubspot_merges AS known ON known.connector_id = :connector AND known.object_type = new.object_type
              AND known.loser_id = new.hubspot_id)"""

_MARK_LOSERS = text(
    f"""UPDATE hubspot_crm_objects AS loser
           SET merged_into = merge.survivor_id, archived_at = coalesce(loser.archived_at, merge.found_at),
               archived_reason = 'merged', change_seq = nextval('change_seq')
          FROM ({_CONCERNED}) AS merge
         WHERE loser.connector_id = :connector AND loser.object_type = merge.object_type
           AND loser.hubspot_id = merge.loser_id AND loser.archived_reason IS DISTINCT FROM 'erased'
           AND loser.merged_into IS DISTINCT FROM merge.survivor_id"""
)

_MOVE_ASSOCIATIONS = text(
    f"""WITH ended AS (
            UPDATE hubspot_associations AS association SET valid_to = statement_timestamp()
              FROM ({_CONCERNED}) AS merge
             WHERE association.connector_id = :connector AND association.to_type = merge.object_type
               AND association.to_id = merge.loser_id AND association.valid_to IS NULL
            RETURNING association.from_type, association.from_id, association.to_type, merge.survivor_id,
                      association.labels, association.type_ids),
        begun AS (
            INSERT INTO hubspot_associations
                   (connector_id, mind_id, from_type, from_id, to_type, to_id, labels, type_ids, valid_from)
            SELECT :connector, :mind, from_type, from_id, to_type, survivor_id,
                   coalesce(array_agg(DISTINCT label ORDER BY label) FILTER (WHERE label IS NOT NULL), '{{}}'),
                   coalesce(array_agg(DISTINCT type_id ORDER BY type_id) FILTER (WHERE type_id IS NOT NULL), '{{}}'),
                   statement_timestamp()
              FROM ended LEFT JOIN LATERAL unnest(labels, type_ids) AS kind (label, type_id) ON true
             GROUP BY from_type, from_id, to_type, survivor_id
            ON CONFLICT (connector_id, from_type, from_id, to_type, to_id) WHERE valid_to IS NULL DO NOTHING)
        UPDATE hubspot_crm_objects AS deal SET change_seq = nextval('change_seq')
          FROM (SELECT DISTINCT from_type, from_id FROM ended) AS moved
         WHERE deal.connector_id = :connector AND deal.object_type = moved.from_type
           AND deal.hubspot_id = moved.from_id"""
)

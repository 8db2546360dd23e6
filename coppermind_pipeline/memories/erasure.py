"""Erasure: a record that was erased for privacy loses its text in the memories too, the words of it included."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from coppermind_pipeline.store import lock_publishing


def erase_texts(connection: Connection, connector_id: str, refs: Sequence[str]) -> int:
    """Take the texts of erased records out of memories, queue and word list; return how many memories lost theirs.

    All versions of the records' memories, and of those that were merged into them, are retired and left without text.
    Memories of deals that were ever linked to such a record lose the text of their earlier versions, which may name it;
    the current one is replaced by mapping, and loses its text as it is superseded (`erase_earlier_deal_texts`).

    Args:
        refs: source refs of the erased records.
    """
    # A drain may be publishing one of them; it is waited for here.
    lock_publishing(connection, connector_id)
    values = {"connector": connector_id, "refs": _with_merged(connection, connector_id, refs)}
    connection.execute(text(_UNQUEUE), values)
    erased = connection.execute(text(_ERASE), values).all()
    deals = connection.scalars(text(_DEALS_EVER_LINKED), values).all()
    earlier = _erase_earlier(connection, connector_id, deals)
    forget_words(connection, [word for row in erased for word in row.words])
    return len(erased) + earlier


def erase_earlier_deal_texts(connection: Connection, connector_id: str, refs: Sequence[str]) -> int:
    """Erase the earlier texts of those of the named deals that were ever linked to an erased record."""
    values = {"connector": connector_id, "refs": list(refs)}
    linked = connection.scalars(text(_LINKED_TO_ERASED), values).all()
    return _erase_earlier(connection, connector_id, linked)


def deals_that_may_name(connection: Connection, connector_id: str, refs: Sequence[str]) -> list[str]:
    """Return the ids of the deals that were ever linked to the named records, and have a text that holds or waits."""
    values = {"connector": connector_id, "refs": _with_merged(connection, connector_id, refs)}
    linked = connection.scalars(text(_DEALS_EVER_LINKED), values).all()
    having = connection.scalars(text(_HAVING_TEXT), values | {"refs": linked})
    return [ref.rpartition(":")[2] for ref in having]


def _with_merged(connection: Connection, connector_id: str, refs: Sequence[str]) -> list[str]:
    """Return the source refs, and those of the records that were merged into theirs: it is one person's name."""
    return sorted(connection.scalars(text(_WITH_MERGED), {"connector": connector_id, "refs": list(refs)}))


def _erase_earlier(connection: Connection, connector_id: str, refs: Sequence[str]) -> int:
    if not refs:
        return 0
    rows = connection.execute(text(_ERASE_EARLIER), {"connector": connector_id, "refs": refs}).all()
    forget_words(connection, [word for row in rows for word in row.words])
    return len(rows)


def forget_words(connection: Connection, words: Sequence[str]) -> None:
    """Take those words out of the mind's list that none of its memories has any more."""
    if words:
        connection.execute(text("SELECT forget_lexemes(:words)"), {"words": sorted(set(words))})


_UNQUEUE = "DELETE FROM memory_queue WHERE connector_id = :connector AND source_ref = ANY(:refs)"

# `texts` keeps the words that go.
_ERASE = """
WITH texts AS (SELECT id, tsvector_to_array(search) AS words FROM memories
              WHERE connector_id = :connector AND source_ref = ANY(:refs) AND content <> '' FOR UPDATE)
UPDATE memories AS memory SET content = '', search = '', retired_at = coalesce(memory.retired_at, clock_timestamp()),
       retired_reason = 'erased for privacy in HubSpot'
  FROM texts WHERE memory.id = texts.id RETURNING texts.words
"""

_ERASE_EARLIER = """
WITH texts AS (SELECT id, tsvector_to_array(search) AS words FROM memory_versions
              WHERE connector_id = :connector AND source_ref = ANY(:refs) AND content <> '' AND NOT is_live
                FOR UPDATE)
UPDATE memories AS memory SET content = '', search = '' FROM texts WHERE memory.id = texts.id RETURNING texts.words
"""

# OFFSET 0 keeps each look-up one by key: what a policy leaves of a table is misjudged, above all in the first minutes.

_WITH_MERGED = """
SELECT ref FROM unnest(CAST(:refs AS text[])) AS erased (ref)
 UNION
SELECT 'hubspot:' || CAST(:connector AS text) || ':' || split_part(erased.ref, ':', 3) || ':' || merged.hubspot_id
  FROM unnest(CAST(:refs AS text[])) AS erased (ref)
 CROSS JOIN LATERAL (SELECT stored.hubspot_id FROM hubspot_crm_objects AS stored
                      WHERE stored.connector_id = :connector AND stored.object_type = split_part(erased.ref, ':', 3)
                        AND stored.merged_into = split_part(erased.ref, ':', 4) OFFSET 0) AS merged
"""

_DEALS_EVER_LINKED = """
SELECT DISTINCT 'hubspot:' || CAST(:connector AS text) || ':deals:' || association.from_id
  FROM unnest(CAST(:refs AS text[])) AS erased (ref)
 CROSS JOIN LATERAL (SELECT stored.from_id FROM hubspot_associations AS stored
                      WHERE stored.connector_id = :connector AND stored.from_type = 'deals'
                        AND stored.to_type = split_part(erased.ref, ':', 3)
                        AND stored.to_id = split_part(erased.ref, ':', 4) OFFSET 0) AS association
"""

# A deal that has no earlier text with words in it, as most have none, is looked at no further.
_LINKED_TO_ERASED = """
SELECT DISTINCT deal.ref
  FROM unnest(CAST(:refs AS text[])) AS deal (ref)
 CROSS JOIN LATERAL (SELECT FROM memory_versions AS version
                      WHERE version.connector_id = :connector AND version.source_ref = deal.ref
                        AND NOT version.is_live AND version.content <> '' LIMIT 1) AS earlier
 CROSS JOIN LATERAL (SELECT stored.to_type, stored.to_id FROM hubspot_associations AS stored
                      WHERE stored.connector_id = :connector AND stored.from_type = 'deals'
                        AND stored.from_id = split_part(deal.ref, ':', 4) OFFSET 0) AS association
 CROSS JOIN LATERAL (SELECT FROM hubspot_crm_objects AS stored
                      WHERE stored.connector_id = :connector AND stored.object_type = association.to_type
                        AND stored.hubspot_id = association.to_id
                        AND (stored.archived_reason = 'erased'
                             OR EXISTS (SELECT FROM hubspot_crm_objects AS survivor
                                         WHERE survivor.connector_id = :connector
                                           AND survivor.object_type = stored.object_type
                                           AND survivor.hubspot_id = stored.merged_into
                                           AND survivor.archived_reason = 'erased'))
                     OFFSET 0) AS linked
"""

_HAVING_TEXT = """
SELECT deal.ref FROM unnest(CAST(:refs AS text[])) AS deal (ref)
 WHERE EXISTS (SELECT FROM memory_versions AS version
                WHERE version.connector_id = :connector AND version.source_ref = deal.ref AND version.is_live)
    OR EXISTS (SELECT FROM memory_queue AS waiting
                WHERE waiting.connector_id = :connector AND waiting.source_ref = deal.ref)
"""

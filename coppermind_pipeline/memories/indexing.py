"""New memories, stored with what they are found by: the words of their text, the names of their record, and its day."""

from collections.abc import Sequence
from datetime import UTC, date, tzinfo
from typing import Any

import orjson
from sqlalchemy import Connection, text

from coppermind_pipeline.catalog import report_zone
from coppermind_pipeline.crm import close_day, day_of
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.wording import name_words, opening_and_rest, search_vector, search_words, whole_name, words_of


def insert_memories(
    connection: Connection, connector_id: str, refs: Sequence[str], *, superseded: bool = False
) -> None:
    """Insert the memories of these entries of the queue, and their words into the mind's list.

    A memory has the day of what it speaks of: the one on which a deal closes, a contact or company was created; of an
    aggregate the one up to which it counts.
    """
    if not refs:
        return
    values = {"connector": connector_id, "refs": list(refs)}
    zone = _zone(connection, connector_id)
    rows = connection.execute(text(_SUBJECTS), values).all()
    words: set[str] = set()
    found_by: list[dict[str, Any]] = []
    for row in rows:
        of_text = search_words(row.content or "")
        opening, rest = opening_and_rest(of_text)
        vector = search_vector(of_text, _marks(row))
        found_by.append(
            {"ref": row.source_ref, "vector": vector, "opening": opening, "rest": rest, "day": _day(row, zone)}
        )
        words.update(of_text)
    connection.execute(text(_INSERT), {"found_by": orjson.dumps(found_by).decode(), "superseded": superseded})
    connection.execute(text(_LEARN_WORDS), {"words": sorted(words)})


def _marks(subject: Any) -> list[str]:
    """Return what says of whom a text speaks: names are found before what mentions them in passing."""
    if subject.aggregate_scope is not None:
        return [f"scope:{subject.aggregate_scope}"]
    names = [name for name in (subject.name, subject.domain) if name]
    wholes = [words_of(name) for name in (*names, subject.email) if name]
    return [*name_words(names), *dict.fromkeys(whole_name(words) for words in wholes if words)]


def _day(subject: Any, zone: tzinfo) -> date | None:
    if subject.object_type == ObjectType.DEALS and subject.close_at is not None:
        return close_day(subject.close_at, zone)
    moment = subject.created_at or subject.as_of
    return day_of(moment, zone) if moment is not None else None


def _zone(connection: Connection, connector_id: str) -> tzinfo:
    names = connection.execute(text(_ZONE_NAMES), {"connector": connector_id}).one()
    return report_zone(names.configured, names.of_portal) or UTC


_ZONE_NAMES = """
SELECT connectors.config ->> 'report_timezone' AS configured, portal.time_zone AS of_portal
  FROM portals AS portal JOIN connectors ON connectors.id = portal.connector_id
 WHERE portal.connector_id = :connector
"""

# OFFSET 0 keeps each look-up one by key: what a policy leaves of a table is misjudged, above all in the first minutes.

_SUBJECTS = """
SELECT entry.source_ref, entry.content, entry.object_type, entry.aggregate_scope, entry.as_of,
       record.name, record.email, record.domain, record.close_at, record.created_at
  FROM unnest(CAST(:refs AS text[])) AS published (source_ref)
 CROSS JOIN LATERAL (SELECT waiting.* FROM memory_queue AS waiting
                      WHERE waiting.source_ref = published.source_ref OFFSET 0) AS entry
  LEFT JOIN LATERAL (SELECT stored.name, stored.email, stored.domain, stored.close_at, stored.created_at
                       FROM hubspot_crm_objects AS stored
                      WHERE stored.connector_id = :connector AND stored.object_type = entry.object_type
                        AND stored.hubspot_id = entry.hubspot_id OFFSET 0) AS record ON true
"""

_INSERT = """
INSERT INTO memories (mind_id, connector_id, type, sensitivity, content, source_ref, object_type, hubspot_id,
                      aggregate_connector_id, aggregate_period_key, aggregate_scope, aggregate_thresholds, as_of,
                      superseded_at, day, search)
SELECT entry.mind_id, entry.connector_id, entry.type, entry.sensitivity, entry.content, entry.source_ref,
       entry.object_type, entry.hubspot_id, CASE WHEN entry.aggregate_scope IS NOT NULL THEN entry.connector_id END,
       entry.aggregate_period_key, entry.aggregate_scope, entry.aggregate_thresholds, entry.as_of,
       CASE WHEN :superseded THEN clock_timestamp() END, published.day,
       CAST(published.vector AS tsvector) || setweight(to_tsvector('english', published.opening), 'A')
       || to_tsvector('english', published.rest) || (SELECT mind_lexeme())
  FROM json_to_recordset(CAST(:found_by AS json))
       AS published (ref text, vector text, opening text, rest text, day date)
 CROSS JOIN LATERAL (SELECT waiting.* FROM memory_queue AS waiting
                      WHERE waiting.source_ref = published.ref OFFSET 0) AS entry
"""

# Words alone, no numbers, and none that says nothing ("with"); in their order, so that two drains of one mind never
# wait for each other.
_LEARN_WORDS = """
INSERT INTO memory_lexemes (mind_id, lexeme, stem)
SELECT current_mind(), word, stems[1]
  FROM unnest(CAST(:words AS text[])) AS word
 CROSS JOIN LATERAL ts_lexize('english_stem', word) AS stems
 WHERE word ~ '^[[:alpha:]]{3,40}$' AND stems <> '{}'
   AND NOT EXISTS (SELECT FROM memory_lexemes AS known
                    WHERE known.mind_id = current_mind() AND known.lexeme = word OFFSET 0)
 ORDER BY word
ON CONFLICT DO NOTHING
"""

"""Search by parts of addresses, by names and by days: what the memories are found by is written anew."""

from pathlib import Path
from typing import Any

from alembic import op
from sqlalchemy import text

from coppermind_pipeline.wording import name_words, opening_and_rest, search_vector, search_words, whole_name, words_of

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None

_BATCH_MEMORIES = 2_000


def upgrade() -> None:
    connection = op.get_bind()
    # Straight to the driver: without parameters it takes a whole file.
    connection.connection.cursor().execute((Path(__file__).with_suffix("") / "search.sql").read_text())
    connection.execute(text(_DAYS))
    connection.execute(text("DELETE FROM memory_lexemes WHERE ts_lexize('english_stem', lexeme) = '{}'"))
    last_id = 0
    while rows := connection.execute(text(_MEMORIES), {"after": last_id, "most": _BATCH_MEMORIES}).all():
        last_id = rows[-1].id
        words = [search_words(row.content) for row in rows]
        found_by = {
            "ids": [row.id for row in rows],
            "vectors": [search_vector(each, _marks(row)) for row, each in zip(rows, words, strict=True)],
            "openings": [opening_and_rest(each)[0] for each in words],
            "rests": [opening_and_rest(each)[1] for each in words],
        }
        connection.execute(text(_WRITE), found_by)
        texts = [" ".join(each) for each in words]
        connection.execute(text(_LEARN_WORDS), {"minds": [row.mind_id for row in rows], "texts": texts})


def _marks(subject: Any) -> list[str]:
    if subject.aggregate_scope is not None:
        return [f"scope:{subject.aggregate_scope}"]
    names = [name for name in (subject.name, subject.domain) if name]
    wholes = [words_of(name) for name in (*names, subject.email) if name]
    return [*name_words(names), *dict.fromkeys(whole_name(words) for words in wholes if words)]


_DAYS = """
WITH zones AS MATERIALIZED (
    SELECT connectors.id AS connector_id, coalesce(known.name, 'UTC') AS name
      FROM connectors
      LEFT JOIN hubspot_portals AS portal ON portal.connector_id = connectors.id
      LEFT JOIN pg_timezone_names AS known
        ON known.name = coalesce(connectors.config ->> 'report_timezone', portal.time_zone)
)
UPDATE memories AS memory
   SET day = (CASE WHEN record.object_type = 'deals' AND record.close_at IS NOT NULL
                   THEN close_moment(record.close_at, zones.name)
                   ELSE coalesce(record.created_at, memory.as_of) END AT TIME ZONE zones.name)::date
  FROM memories AS version
  JOIN zones ON zones.connector_id = version.connector_id
  LEFT JOIN hubspot_crm_objects AS record
    ON record.connector_id = version.connector_id AND record.object_type = version.object_type
   AND record.hubspot_id = version.hubspot_id
 WHERE version.id = memory.id
"""

_MEMORIES = """
SELECT memory.id, memory.mind_id, memory.content, memory.aggregate_scope, record.name, record.email, record.domain
  FROM memories AS memory
  LEFT JOIN hubspot_crm_objects AS record
    ON record.connector_id = memory.connector_id AND record.object_type = memory.object_type
   AND record.hubspot_id = memory.hubspot_id
 WHERE memory.id > :after AND memory.content <> ''
 ORDER BY memory.id LIMIT :most
"""

_WRITE = """
UPDATE memories AS memory
   SET search = CAST(written.vector AS tsvector) || setweight(to_tsvector('english', written.opening), 'A')
                || to_tsvector('english', written.rest) || array_to_tsvector(ARRAY['mind:' || memory.mind_id])
  FROM unnest(CAST(:ids AS bigint[]), CAST(:vectors AS text[]), CAST(:openings AS text[]), CAST(:rests AS text[]))
       AS written (id, vector, opening, rest)
 WHERE memory.id = written.id
"""

_LEARN_WORDS = """
INSERT INTO memory_lexemes (mind_id, lexeme, stem)
SELECT DISTINCT mind_id, word, stems[1]
  FROM unnest(CAST(:minds AS uuid[]), CAST(:texts AS text[])) AS written (mind_id, words)
 CROSS JOIN LATERAL unnest(string_to_array(words, ' ')) AS word
 CROSS JOIN LATERAL ts_lexize('english_stem', word) AS stems
 WHERE word ~ '^[[:alpha:]]{3,40}$' AND stems <> '{}'
ON CONFLICT DO NOTHING
"""

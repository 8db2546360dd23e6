"""Texts that were replaced or retired too long ago are removed; the last one of each source stays."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from coppermind_pipeline.connectors import connectors_created_before
from coppermind_pipeline.memories.erasure import forget_words
from coppermind_pipeline.store import GRACE, Database, Kind, Removed, Scope, remove_by_connector, sampled

# Looked at, and removed, in one transaction at most.
_SOURCES_MAX = 1_000
_TEXTS_MAX = 1_000


def remove_old_texts(database: Database, *, days: int, time_is_up: Callable[[], bool]) -> Removed:
    """Remove texts that had ceased to hold more than `days` ago, until the end or until time is up."""
    return remove_by_connector(
        database,
        Kind.MEMORIES,
        days=days,
        scopes=[connector.scope for connector in connectors_created_before(database, days=days)],
        remove_some=_remove_some,
        time_is_up=time_is_up,
    )


def share_of_old_texts(database: Database, *, days: int) -> float:
    """Return about which share of all memories had ceased to hold more than `days` ago, by a sample."""
    with database.reader() as connection:
        return sampled(connection, _SHARE_OF_OLD, "memories", {"age": GRACE + timedelta(days=days)})


_SHARE_OF_OLD = text(
    """SELECT avg(CAST(
               coalesce(least(old.superseded_at, old.retired_at) <= clock_timestamp() - :age, false)
               AND EXISTS (SELECT FROM memories AS newer
                            WHERE newer.connector_id = old.connector_id AND newer.source_ref = old.source_ref
                              AND newer.id > old.id) AS int))
         FROM memories AS old TABLESAMPLE SYSTEM (:percent)"""
)


def _remove_some(connection: Connection, scope: Scope, until: datetime, after: str) -> tuple[int, str | None]:
    values = scope.values(after=after, until=until, sources_max=_SOURCES_MAX, texts_max=_TEXTS_MAX)
    found = connection.execute(_REMOVE, values).one()
    forget_words(connection, found.words)
    if found.removed == _TEXTS_MAX:
        return found.removed, after
    return found.removed, found.last_source if found.looked_at == _SOURCES_MAX else None


# OFFSET 0 keeps each look-up one by key: what a policy leaves of a table is misjudged. Words that the last text of a
# source has, too, are in use.
_REMOVE = text(
    """WITH sources AS MATERIALIZED (
           SELECT DISTINCT source_ref FROM memories WHERE connector_id = :connector AND source_ref > :after
            ORDER BY source_ref LIMIT :sources_max),
       ended AS MATERIALIZED (
           SELECT old.id, tsvector_to_array(ts_delete(old.search, tsvector_to_array(newest.search))) AS words
             FROM sources
            CROSS JOIN LATERAL (
                SELECT memory.id, memory.search FROM memories AS memory
                 WHERE memory.connector_id = :connector AND memory.source_ref = sources.source_ref
                 ORDER BY memory.id DESC LIMIT 1) AS newest
            CROSS JOIN LATERAL (
                SELECT memory.id, memory.search FROM memories AS memory
                 WHERE memory.connector_id = :connector AND memory.source_ref = sources.source_ref
                   AND memory.id < newest.id AND least(memory.superseded_at, memory.retired_at) <= :until
                OFFSET 0) AS old
            LIMIT :texts_max),
       removed AS (
           DELETE FROM memories AS memory USING ended WHERE memory.id = ended.id RETURNING memory.id)
       SELECT (SELECT count(*) FROM removed) AS removed, (SELECT count(*) FROM sources) AS looked_at,
              (SELECT max(source_ref) FROM sources) AS last_source,
              ARRAY(SELECT DISTINCT word FROM ended CROSS JOIN unnest(ended.words) AS word ORDER BY word) AS words"""
)

"""Memories one by one and page by page."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import Connection, text

from coppermind_pipeline.memories.reading.companies import company_refs
from coppermind_pipeline.memories.reading.results import MEMORY_ROWS, Listed, Memory, memory_from_row, within_answer
from coppermind_pipeline.memories.reading.selection import Selection, UnknownMemory, WrongSelection, checked_limit
from coppermind_pipeline.store import Database
from coppermind_pipeline.tool_calls import ID_MAX, number_within

PAGE_MEMORIES_MAX = 50


def get(database: Database, *, mind_id: UUID, memory_id: int | None = None, source_ref: str | None = None) -> Memory:
    """Return one memory of the mind: by id any version, by source ref the live one, else the last.

    Raises:
        WrongSelection: neither was given, or both.
        ToolArgumentError: the id lies outside of its range.
        UnknownMemory: the mind has no such memory.
    """
    if (memory_id is None) == (source_ref is None):
        raise WrongSelection("Give either the memory's id or its source_ref.")
    if memory_id is not None:
        number_within("memory_id", memory_id)
    with database.mind(mind_id) as connection:
        row = connection.execute(text(_GET), {"id": memory_id, "ref": source_ref}).one_or_none()
    if row is None:
        raise UnknownMemory(f"This mind has no memory {source_ref if memory_id is None else memory_id}.")
    return memory_from_row(row)


def list_memories(
    database: Database,
    *,
    mind_id: UUID,
    types: Collection[str] | None = None,
    sensitivity: str | None = None,
    audience: str | None = None,
    connector_id: str | None = None,
    limit: int = 20,
    include_superseded: bool = False,
    period_key: str | None = None,
    company: str | None = None,
    outcome: str | Collection[str] | None = None,
    since: str | None = None,
    until: str | None = None,
    before: int | None = None,
) -> Listed:
    """Return a page of the mind's memories, newest first, in at most 14 KB; arguments as those of `search`.

    Args:
        limit: 1 to 50 memories; fewer come where the answer would grow too large.
        before: `next_before` of the page before.

    Raises:
        WrongSelection, ToolArgumentError: an argument has a value that it does not take.
    """
    first = number_within("before", ID_MAX if before is None else before)
    selection = Selection.checked(
        types=types,
        sensitivity=sensitivity,
        audience=audience,
        connector_id=connector_id,
        include_superseded=include_superseded,
        period_key=period_key,
        outcome=outcome,
        since=since,
        until=until,
    )
    limit = checked_limit(limit, most=PAGE_MEMORIES_MAX)
    values = {**selection.as_parameters(), "before": first, "limit": limit + 1}
    statement = _LIST_ALL if include_superseded or period_key is not None else _LIST_LIVE
    with database.mind(mind_id) as connection:
        values["refs"] = None if company is None else company_refs(connection, company, connector_id=connector_id)
        memories = [memory_from_row(row) for row in connection.execute(text(statement), values)]
    page = within_answer(memories[:limit])
    return Listed(memories=page, next_before=page[-1].id if len(page) < len(memories) else None)


def memories_of_refs(connection: Connection, source_refs: Sequence[str]) -> list[Memory]:
    """Return the live memories of these source refs, in their order, in the transaction's mind."""
    rows = connection.execute(text(_OF_REFS), {"refs": list(source_refs)})
    return [memory_from_row(row) for row in rows]


_GET = f"""{MEMORY_ROWS}
 WHERE memory.id = :id
    OR memory.source_ref = :ref AND memory.connector_id = split_part(:ref, ':', 2) AND memory.is_newest
"""

_SELECTED = """
 WHERE memory.mind_id = current_mind() AND memory.retired_at IS NULL AND memory.id < :before
   AND (CAST(:types AS text[]) IS NULL OR memory.type = ANY(CAST(:types AS text[])))
   AND memory.sensitivity = ANY(CAST(:sensitivities AS text[]))
   AND (CAST(:connectors AS text[]) IS NULL OR memory.connector_id = ANY(CAST(:connectors AS text[])))
   AND (CAST(:refs AS text[]) IS NULL OR memory.source_ref = ANY(CAST(:refs AS text[])))
   AND (CAST(:first_day AS date) IS NULL OR memory.day >= :first_day)
   AND (CAST(:last_day AS date) IS NULL OR memory.day <= :last_day)
"""

_LIST_LIVE = f"{MEMORY_ROWS} {_SELECTED} AND memory.is_live ORDER BY memory.id DESC LIMIT :limit"

_LIST_ALL = f"""{MEMORY_ROWS} {_SELECTED}
   AND (CAST(:period AS text) IS NULL OR memory.aggregate_period_key = :period)
   AND (CAST(:include_superseded AS boolean) OR memory.is_newest)
 ORDER BY memory.id DESC LIMIT :limit
"""

# By their keys, one by one: what a policy leaves of a table is misjudged.
_OF_REFS = f"""
SELECT memory.*
  FROM unnest(CAST(:refs AS text[])) WITH ORDINALITY AS asked (ref, place)
 CROSS JOIN LATERAL ({MEMORY_ROWS} WHERE memory.source_ref = asked.ref AND memory.is_live
                        AND memory.mind_id = current_mind() OFFSET 0) AS memory
 ORDER BY asked.place
"""  # noqa: S608 - made of a constant

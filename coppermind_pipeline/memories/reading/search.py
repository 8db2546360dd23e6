"""Search: the memories of one mind that speak of what a person asks for."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from coppermind_pipeline.memories.reading.results import MEMORY_ROWS, Found, Memory, memory_from_row, within_answer
from coppermind_pipeline.memories.reading.selection import Selection, WrongSelection, checked_limit
from coppermind_pipeline.store import Database
from coppermind_pipeline.wording import corrections, fold, slips_max

HITS_MAX = 50
QUERY_CHARS_MAX = 500
WORDS_MAX = 24
# A word that half of all memories have selects nothing: of that many the best are taken, not of all.
CANDIDATES_MAX = 20_000

_CORRECTIONS_MAX = 3


def search(
    database: Database,
    *,
    mind_id: UUID,
    query: str,
    types: Collection[str] | None = None,
    sensitivity: str | None = None,
    audience: str | None = None,
    connector_id: str | None = None,
    limit: int = 10,
    include_superseded: bool = False,
    period_key: str | None = None,
) -> Found:
    """Return the mind's memories for a query in plain words, best first, in at most 14 KB.

    Accents, case and English inflection don't matter. Memories with all words come first, then those with some. A word
    that no memory has is taken for the beginning of one, else for a misspelling of the nearest.

    Args:
        types: memory types; sensitivity: `open` or `sensitive`; audience: `client` leaves sensitive memories out.
        limit: 1 to 50 memories.
        include_superseded: earlier texts too. Those of records that left (deleted, filtered) are never found.
        period_key: the aggregates of one period, the current text of each scope or not.

    Raises:
        WrongSelection: an argument has a value that it does not take, or the query has no word.
    """
    selection = Selection.checked(
        types=types,
        sensitivity=sensitivity,
        audience=audience,
        connector_id=connector_id,
        include_superseded=include_superseded,
        period_key=period_key,
    )
    limit = checked_limit(limit, most=HITS_MAX)
    with database.mind(mind_id) as connection:
        words = _words(connection, query)
        ids = _matches(connection, " & ", words, selection, limit)
        if len(ids) < limit and len(words) > 1:
            some = _matches(connection, " | ", words, selection, limit)
            ids = list(dict.fromkeys([*ids, *some]))[:limit]
        memories = _read(connection, ids)
    kept = within_answer(memories)
    return Found(memories=kept, did_you_mean=_did_you_mean(words, kept), more=len(kept) < len(memories))


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of the query, as tsquery: alternatives joined by `|`; `corrections` are spellings searched for instead."""

    written: str
    alternatives: str
    corrections: tuple[str, ...] = ()


def _words(connection: Connection, query: str) -> list[_Word]:
    """Return the words of a query that tell memories apart; where there is none, those that it has."""
    rows = connection.execute(text(_ANALYSE), {"query": fold(query[:QUERY_CHARS_MAX]), "words_max": WORDS_MAX}).all()
    if not rows:
        raise WrongSelection("query must have at least one word.")
    telling = [row for row in rows if row.stem is not None] or rows
    return [_word(connection, row) for row in telling]


def _word(connection: Connection, row: Any) -> _Word:
    spellings = dict.fromkeys([row.word, row.stem or row.word])
    alternatives = [_quoted(spelling) for spelling in spellings]
    if row.known:
        return _Word(row.word, " | ".join(alternatives))
    if row.begins_some:
        return _Word(row.word, " | ".join([*alternatives, f"{_quoted(row.word)}:*"]))
    instead = _corrections(connection, row.word)
    return _Word(row.word, " | ".join([*alternatives, *map(_quoted, instead)]), instead)


def _corrections(connection: Connection, word: str) -> tuple[str, ...]:
    """Return the words of the mind that are nearest to a misspelt one, the nearest first."""
    slips = slips_max(word)
    if not slips:
        return ()
    near = connection.scalars(text(_WORDS_OF_LENGTH), {"least": len(word) - slips, "most": len(word) + slips})
    return corrections(word, near, most=_CORRECTIONS_MAX)


def _quoted(lexeme: str) -> str:
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


def _matches(
    connection: Connection, operator: str, words: Sequence[_Word], selection: Selection, limit: int
) -> list[int]:
    values = {
        **selection.as_parameters(),
        "words": operator.join(f"( {word.alternatives} )" for word in words),
        "candidates_max": CANDIDATES_MAX,
        "hits_max": limit,
    }
    return list(connection.scalars(text(_SEARCH), values))


def _read(connection: Connection, ids: Sequence[int]) -> list[Memory]:
    rows = connection.execute(text(f"{MEMORY_ROWS} WHERE memory.id = ANY(:ids)"), {"ids": list(ids)})
    memories = {row.id: memory_from_row(row) for row in rows}
    return [memories[memory_id] for memory_id in ids if memory_id in memories]


def _did_you_mean(words: Sequence[_Word], memories: Sequence[Memory]) -> dict[str, str]:
    """Return the corrections that a memory of the answer bears out: no other may be said, as it may not be seen."""
    seen = set(re.findall(r"\w+", fold(" ".join(memory.content for memory in memories))))
    return {
        word.written: next(spelling for spelling in word.corrections if spelling in seen)
        for word in words
        if not seen.isdisjoint(word.corrections)
    }


_ANALYSE = """
SELECT word, stem,
       EXISTS (SELECT FROM memory_lexemes
                WHERE mind_id = current_mind() AND (lexeme = word OR stem = analysed.stem)) AS known,
       length(word) >= 3 AND EXISTS (
           SELECT FROM memory_lexemes
            WHERE mind_id = current_mind() AND lexeme > word AND lexeme < word || chr(1114111)) AS begins_some
  FROM (SELECT word, (ts_lexize('english_stem', word))[1] AS stem
          FROM unnest(tsvector_to_array(to_tsvector('simple', :query))) AS word LIMIT :words_max) AS analysed
"""

_WORDS_OF_LENGTH = """
SELECT lexeme FROM memory_lexemes
 WHERE mind_id = current_mind() AND length(lexeme) BETWEEN :least AND :most ORDER BY lexeme
"""

_SEARCH = """
SELECT id FROM search_memories(CAST(:words AS tsquery), CAST(:types AS text[]), CAST(:sensitivities AS text[]),
                               CAST(:connectors AS text[]), CAST(:period AS text), :include_superseded, :candidates_max,
                               :hits_max)
 ORDER BY rank DESC, id DESC
"""

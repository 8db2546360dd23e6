"""Search: the memories of one mind that speak of what a person asks for."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import text

from coppermind_pipeline.memories.reading.companies import company_refs
from coppermind_pipeline.memories.reading.question import Question, read_question
from coppermind_pipeline.memories.reading.results import MEMORY_ROWS, Found, Memory, memory_from_row, within_answer
from coppermind_pipeline.memories.reading.selection import Selection, WrongSelection, checked_limit
from coppermind_pipeline.store import Database
from coppermind_pipeline.wording import words_of

HITS_MAX = 50
# A word that half of all memories have selects nothing: of that many the best are taken, not of all. Twice as many take
# half as long again, and answer none of the written questions better.
CANDIDATES_MAX = 500


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
    company: str | None = None,
    outcome: str | Collection[str] | None = None,
    since: str | None = None,
    until: str | None = None,
) -> Found:
    """Return the mind's memories for a query in plain words, best first, in at most 14 KB.

    Accents, case and English inflection don't matter, nor how a number is written; parts of addresses and domains are
    words. First comes the aggregate that answers ("why did we lose"), then memories with all words, those of records
    that are called so before others, then those with some words; of equals the newest. A word that no memory has is
    taken for the beginning of one, else for a misspelling of the nearest.

    Args:
        types: memory types; sensitivity: `open` or `sensitive`; audience: `client` leaves sensitive memories out.
        limit: 1 to 50 memories.
        include_superseded: earlier texts too. Those of records that left (deleted, filtered) are never found.
        period_key: the aggregates of one period, the current text of each scope or not.
        company: its name, domain or id: the company, its deals and contacts alone.
        outcome: memories of deals that are `won`, `lost` or `open`; several, too.
        since, until: days, months or years, both included: of deals the close date, of contacts and companies when
            they were created, of aggregates up to when they count.

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
        outcome=outcome,
        since=since,
        until=until,
    )
    limit = checked_limit(limit, most=HITS_MAX)
    with database.mind(mind_id) as connection:
        question = read_question(connection, query)
        if not question.words:
            raise WrongSelection("query must have at least one word.")
        refs = None if company is None else company_refs(connection, company, connector_id=connector_id)
        values = {**question.as_parameters(), **selection.as_parameters(), "refs": refs,
                  "candidates_max": CANDIDATES_MAX, "hits_max": limit}  # fmt: skip
        hits = connection.execute(text(_SEARCH), values).all()
        memories = [memory_from_row(hit) for hit in hits]
    kept = within_answer(memories)
    return Found(
        memories=kept,
        did_you_mean=_did_you_mean(question, kept),
        more=len(kept) < len(memories),
        ranked_max=None if all(hit.all_ranked for hit in hits) else CANDIDATES_MAX,
    )


def _did_you_mean(question: Question, memories: Sequence[Memory]) -> dict[str, str]:
    """Return the corrections that a memory of the answer bears out: no other may be said, as it may not be seen."""
    if not any(word.corrections for word in question.words):
        return {}
    seen = {word for memory in memories for word in words_of(memory.content)}
    return {
        word.written: next(spelling for spelling in word.corrections if spelling in seen)
        for word in question.words
        if not seen.isdisjoint(word.corrections)
    }


# The search passes the policies, so that what it found is read by them; each by its key.
_SEARCH = f"""
SELECT hit.all_ranked, memory.*
  FROM search_memories(
           ROW(CAST(:every_word AS tsquery), CAST(CAST(:words AS text[]) AS tsquery[]),
               CAST(CAST(:openings AS text[]) AS tsquery[]), CAST(:phrase AS tsquery),
               CAST(:whole_name AS tsquery), CAST(:names AS tsquery),
               CAST(:some_name AS tsquery), CAST(:scopes AS text[]), CAST(CAST(:rests AS text[]) AS tsquery[]),
               CAST(CAST(:named AS text[]) AS tsquery[])),
           ROW(CAST(:types AS text[]), CAST(:sensitivities AS text[]), CAST(:connectors AS text[]),
               CAST(:period AS text), CAST(:include_superseded AS boolean), CAST(:refs AS text[]),
               CAST(:first_day AS date), CAST(:last_day AS date)),
           :candidates_max, :hits_max) WITH ORDINALITY AS hit (id, all_ranked, place)
 CROSS JOIN LATERAL ({MEMORY_ROWS} WHERE memory.id = hit.id OFFSET 0) AS memory
 ORDER BY hit.place
"""  # noqa: S608 - made of a constant

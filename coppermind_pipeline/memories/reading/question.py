"""What a query asks for: its words as PostgreSQL looks for them, and the aggregates that answer it."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, text

from coppermind_pipeline.memories.reading.vocabulary import (
    asked_scopes,
    forms_of,
    is_known_word,
    is_passing_word,
    is_question_word,
    long_for,
)
from coppermind_pipeline.wording import corrections, fold, name_word, slips_max, whole_name, words_of

QUERY_CHARS_MAX = 500
WORDS_MAX = 24

_CORRECTIONS_MAX = 3
_BEGUN_MAX = 20
_IN_CAPITALS = re.compile(r"\b[A-Z]{2,}\b")
_THOUSANDS = re.compile(r"([0-9]+)([km])")
_EMPTY = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word of the query.

    Attributes:
        place: where in the query it stands.
        says_something: it is searched for; not so "who" and "the".
        passing: it says something, but too little to be asked of a memory.
        spellings: the words of memories that it stands for: itself, its forms, what it begins.
        phrase: the words that it is short for.
        exists: a memory may have it; a word that none has is asked of none.
        stem: of the words with the same stem; None where it has none.
        corrections: spellings that are searched for instead, as no memory has it.
    """

    written: str
    place: int
    stem: str | None
    says_something: bool
    passing: bool
    spellings: tuple[str, ...]
    phrase: tuple[str, ...] = ()
    corrections: tuple[str, ...] = ()
    exists: bool = True

    @property
    def in_text(self) -> str:
        """The query for memories with the word in their text."""
        return self._in_text("")

    @property
    def in_opening(self) -> str:
        """The query for memories whose text begins with the word, among others."""
        return self._in_text(":A")

    def _in_text(self, weight: str) -> str:
        stems = (self.stem,) if self.stem else ()
        either = [_quoted(each) + weight for each in dict.fromkeys((*self.spellings, *stems, *self.corrections))]
        if self.phrase:
            either.append("( " + " <-> ".join(_quoted(each) + weight for each in self.phrase) + " )")
        return _any(either)

    @property
    def in_name(self) -> str:
        """The query for memories of records with the word in their name."""
        return _any(_quoted(name_word(each)) for each in dict.fromkeys((*self.spellings, *self.corrections)))


@dataclass(frozen=True, slots=True)
class Question:
    """The words of a query, in their order."""

    words: tuple[Word, ...]

    def as_parameters(self) -> dict[str, Any]:
        """Return the values of a `memory_question`, which the store's migrations describe."""
        telling = [word for word in self.words if word.says_something]
        specific = [word for word in telling if word.exists and not word.passing] or telling
        topics = self._topics(telling)
        return {
            "every_word": _all(word.in_text for word in specific),
            "words": [word.in_text for word in telling],
            "openings": [word.in_opening for word in telling],
            "phrase": _phrase(telling),
            "whole_name": self._whole_name(telling),
            # Where nothing says anything ("What If"), it may still be a name.
            "names": _all(word.in_name for word in telling or self.words),
            "some_name": _any(word.in_name for word in specific) or _all(word.in_name for word in self.words),
            "scopes": [scope for scope, _ in topics],
            "rests": [_all(word.in_text for word in rest) for _, rest in topics],
            "named": [_any(word.in_name for word in rest) for _, rest in topics],
        }

    def _topics(self, telling: Sequence[Word]) -> list[tuple[str, list[Word]]]:
        """Return the scopes of the aggregates that are asked for, each with the words that don't ask for it."""
        scopes = asked_scopes({word.written for word in self.words})
        return [
            (scope, [word for word in telling if word.exists and not word.passing and word.written not in asking])
            for scope, asking in scopes.items()
        ]

    def _whole_name(self, telling: Sequence[Word]) -> str:
        """Return the query for the record that is called by all words, or by those from the first that says something.

        "who is Bank of America" asks for the one that is called Bank of America.
        """
        written = [word.written for word in self.words]
        wholes = [written]
        if telling:
            first, last = (self.words.index(word) for word in (telling[0], telling[-1]))
            wholes.append(written[first : last + 1])
        return _any(_quoted(mark) for mark in dict.fromkeys(map(whole_name, wholes)))


def read_question(connection: Connection, query: str) -> Question:
    """Return what a query asks for, by the words of the transaction's mind; without a word it asks for nothing.

    A word that no memory has is taken for the beginning of one, else for a misspelling of the nearest; never one that
    only asks, or that is spelt as it should be.
    """
    query = query[:QUERY_CHARS_MAX]
    written = words_of(query)[:WORDS_MAX]
    spellings = [" ".join(_spellings(word)) for word in written]
    values = {"words": written, "spellings": spellings, "begun_max": _BEGUN_MAX}
    rows = connection.execute(text(_ANALYSE), values).all()
    in_capitals = (
        set() if query.isupper() and len(written) > 1 else {fold(each) for each in _IN_CAPITALS.findall(query)}
    )
    return Question(tuple(_word(connection, row, in_capitals=row.word in in_capitals) for row in rows))


def _word(connection: Connection, row: Any, *, in_capitals: bool) -> Word:
    asks = is_question_word(row.word) or row.stem is None
    word = Word(
        written=row.word,
        place=row.place,
        stem=row.stem,
        says_something=in_capitals or not asks,  # IT is no "it"
        passing=is_passing_word(row.word),
        spellings=_spellings(row.word),
        phrase=long_for(row.word),
    )
    if row.known or asks:
        return word
    if is_known_word(row.word):
        return replace(word, exists=bool(word.phrase))
    if row.begun:
        return replace(word, spellings=(*word.spellings, *row.begun))
    nearest = _corrections(connection, row.word)
    return replace(word, corrections=nearest, exists=bool(nearest) or not row.is_listed)


def _spellings(word: str) -> tuple[str, ...]:
    """Return a word and what else it may be written as: its forms, and the number that "125k" stands for."""
    number = _THOUSANDS.fullmatch(word)
    numbers = [number[1] + ("000" if number[2] == "k" else "000000")] if number else []
    return tuple(dict.fromkeys((word, *forms_of(word), *numbers)))


def _corrections(connection: Connection, word: str) -> tuple[str, ...]:
    """Return the words of the mind that are nearest to a misspelt one, the nearest first."""
    slips = slips_max(word)
    if not slips:
        return ()
    near = connection.scalar(text(_WORDS_OF_LENGTH), {"least": len(word) - slips, "most": len(word) + slips})
    return corrections(word, (near or "").split(), most=_CORRECTIONS_MAX)


def _phrase(words: Sequence[Word]) -> str:
    """Return the query for words that stand as far from each other as in the question; empty for one word."""
    if len(words) < 2:
        return _EMPTY
    steps = (f"<{after.place - before.place}> ( {after.in_text} )" for before, after in pairwise(words))
    return f"( {words[0].in_text} ) {' '.join(steps)}"


def _joined(operator: str) -> Callable[[Iterable[str]], str]:
    return lambda queries: operator.join(f"( {query} )" for query in queries if query)


_all, _any = _joined(" & "), _joined(" | ")


def _quoted(lexeme: str) -> str:
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


# Each word by an index: with either of two columns there is none, and a mind has as many words as a dictionary.
_ANALYSE = """
SELECT asked.word, asked.place, asked.stem, asked.word ~ '^[[:alpha:]]{3,40}$' AS is_listed, spelt.known,
       ARRAY(SELECT begun.lexeme FROM memory_lexemes AS begun
              WHERE NOT spelt.known AND length(asked.word) >= 3 AND begun.mind_id = current_mind()
                AND begun.lexeme > asked.word AND begun.lexeme < asked.word || chr(1114111)
              ORDER BY begun.lexeme LIMIT :begun_max) AS begun
  FROM (SELECT word, place, string_to_array(spellings, ' ') AS spellings,
               (ts_lexize('english_stem', word))[1] AS stem
          FROM unnest(CAST(:words AS text[]), CAST(:spellings AS text[]))
               WITH ORDINALITY AS each (word, spellings, place) OFFSET 0) AS asked
 CROSS JOIN LATERAL (
       SELECT EXISTS (SELECT FROM memory_lexemes AS same
                       WHERE same.mind_id = current_mind() AND same.lexeme = ANY (asked.spellings))
           OR EXISTS (SELECT FROM memory_lexemes AS alike
                       WHERE alike.mind_id = current_mind() AND alike.stem = asked.stem) AS known OFFSET 0) AS spelt
 ORDER BY asked.place
"""

# As one text: thousands of rows take longer to be fetched than to be found.
_WORDS_OF_LENGTH = """
SELECT string_agg(word.lexeme, ' ')
  FROM (SELECT lexeme FROM memory_lexemes
         WHERE mind_id = current_mind() AND length(lexeme) BETWEEN :least AND :most ORDER BY lexeme OFFSET 0) AS word
"""

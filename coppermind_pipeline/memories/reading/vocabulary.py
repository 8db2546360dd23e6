"""What is known of English for search, from `vocabulary.csv`.

By the kind of its rows:

- `question`: words that only ask ("who", "show", "warum"): never searched for, and never corrected.
- `passing`: words that say little ("best", "deals"): they choose between memories, and are asked of none.
- `forms`: the forms of one word that no rule of spelling leads to ("lose", "lost", "losses").
- `short`: what people write for the words of a country's name.
- `topic`: words that ask for an aggregate, by its scope; `hint`: words that may stand beside those.
"""

import csv
from collections import defaultdict
from collections.abc import Collection, Mapping
from functools import cache
from importlib.resources import files

_TOPIC_WEIGHT = 2
_HINT_WEIGHT = 1


def is_question_word(word: str) -> bool:
    """Say whether a word only asks."""
    return word in _words("question")


def is_passing_word(word: str) -> bool:
    """Say whether a word says too little for a memory to have to have it."""
    return word in _words("passing")


def forms_of(word: str) -> tuple[str, ...]:
    """Return the forms of an irregular word, itself among them; none of any other word."""
    return _forms().get(word, ())


def long_for(word: str) -> tuple[str, ...]:
    """Return the words that a short one stands for, such as "united states" for "us"; none of any other word."""
    return next((words for kind, short, words in _rows() if kind == "short" and short == word), ())


def is_known_word(word: str) -> bool:
    """Say whether a word is one of the vocabulary's, and thus spelt as it was meant."""
    return word in _all_words()


def asked_scopes(words: Collection[str]) -> dict[str, frozenset[str]]:
    """Return the scopes of the aggregates that a question is about, with those of its words that say so.

    Those are the scopes that most words speak for, one of them at least by itself: "where" for geography, and "lead"
    only beside "leak". Several are equally meant.
    """
    weights = {scope: _weight(words, scope) for scope in _about("topic")}
    most = max(weights.values(), default=0)
    return {
        scope: frozenset(words) & (_about("topic")[scope] | _about("hint")[scope])
        for scope, weight in weights.items()
        if weight and weight == most
    }


def _weight(words: Collection[str], scope: str) -> int:
    topics = len(_about("topic")[scope].intersection(words))
    hints = len((_about("hint")[scope] - _about("topic")[scope]).intersection(words))
    return topics and topics * _TOPIC_WEIGHT + hints * _HINT_WEIGHT


@cache
def _rows() -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    table = files("coppermind_pipeline.memories.reading").joinpath("vocabulary.csv").read_text(encoding="utf-8")
    return tuple((row["kind"], row["about"], tuple(row["words"].split())) for row in csv.DictReader(table.splitlines()))


@cache
def _words(kind: str) -> frozenset[str]:
    return frozenset(word for row_kind, _, words in _rows() if row_kind == kind for word in words)


@cache
def _about(kind: str) -> Mapping[str, frozenset[str]]:
    by_scope: defaultdict[str, set[str]] = defaultdict(set)
    for row_kind, scope, words in _rows():
        if row_kind == kind:
            by_scope[scope].update(words)
    return {scope: frozenset(words) for scope, words in by_scope.items()}


@cache
def _forms() -> Mapping[str, tuple[str, ...]]:
    return {form: words for kind, _, words in _rows() if kind == "forms" for form in words}


@cache
def _all_words() -> frozenset[str]:
    return frozenset(word for _, _, words in _rows() for word in words)

"""Suggestions: what a person may have meant who wrote a word that is not known."""

from collections.abc import Iterable

_PARTLY_LIKE = 60  # of 100
_CORRECTED_CHARS_MIN = 4
_SHORT_WORD_CHARS = 5  # up to here one slip of the pen, above two


def did_you_mean(word: str, known: Iterable[str], *, otherwise: str, quoted: bool = False) -> str:
    """Return the question after the known word that is spelt most alike; `otherwise` if none is."""
    import difflib

    return _question(next(iter(difflib.get_close_matches(word, list(known), n=1)), None), otherwise, quoted=quoted)


def did_you_mean_part(word: str, known: Iterable[str], *, otherwise: str) -> str:
    """Return the same where known names are long, and a part of one says which is meant: "cadence"."""
    from rapidfuzz import process

    nearest = process.extractOne(word, list(known), score_cutoff=_PARTLY_LIKE)
    return _question(nearest[0] if nearest else None, otherwise, quoted=False)


def _question(nearest: str | None, otherwise: str, *, quoted: bool) -> str:
    if nearest is None:
        return otherwise
    return f"Did you mean {nearest!r}?" if quoted else f"Did you mean {nearest}?"


def slips_max(word: str) -> int:
    """Return by how many letters a word may be beside one that it is taken for; 0 if it is not taken for any."""
    if len(word) < _CORRECTED_CHARS_MIN or not word.isalpha():
        return 0
    return 1 if len(word) <= _SHORT_WORD_CHARS else 2


def corrections(word: str, spellings: Iterable[str], *, most: int) -> tuple[str, ...]:
    """Return those of the spellings that a misspelt word may stand for, the nearest first."""
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    found = process.extract(word, list(spellings), scorer=OSA.distance, score_cutoff=slips_max(word), limit=most)
    return tuple(spelling for spelling, _, _ in found)

"""The words that a text is found by, the same for what is stored and for what is asked."""

import re
from collections.abc import Iterable, Iterator, Sequence

from coppermind_pipeline.wording.folding import fold

# Longer ones are no words of a person's.
_WORD_CHARS_MAX = 80
_NAME_CHARS_MAX = 200
# Of whom or what a text speaks, and in which place: what stands behind is said in passing.
_OPENING_WORDS = 16

# Scripts that put no spaces between words: ideographs, kana (without the middle dot, which separates), Hangul.
_UNSPACED = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\U00020000-\U0003ffff"
)
_WORD = re.compile(r"[^\W_]+")
_PART = re.compile(rf"([{_UNSPACED}]+)|[^{_UNSPACED}]+")
_RUN = re.compile(rf"[{_UNSPACED}]{{2,}}")
# These begin with what is rare, which a text is skimmed for; what has to stand before it is looked at only there.
# Customer's is a form of customer, and O'Brien one word.
_POSSESSIVE = re.compile(r"['\u2019\u02bc`](?<=[^\W\d_].)s\b")
_APOSTROPHE = re.compile(r"['\u2019\u02bc`](?<=[^\W\d_].)(?=[^\W\d_])")
# 1,200 and 1.200 and 1 200 and 1'200 are one number.
_GROUPED = re.compile(r"[0-9](?<![\w.,].)[0-9]{0,2}(?:[.,'\u2019 ][0-9]{3})+(?![0-9])")


def words_of(text: str) -> list[str]:
    """Return a text's words in their order, folded: "Jane@Acme.com, €1.200" is `jane acme com 1200`.

    Addresses come apart; a number has no separators; what is written without spaces is cut into pairs of characters
    that overlap, so that any two of them that stand together are found: "サンプル" is `サン ンフ フル`.
    """
    return _words(fold(text))


def search_words(text: str) -> list[str]:
    """Return the words that a stored text is found by: its words, and the single characters of what has no spaces."""
    folded = fold(text)
    words = _words(folded)
    return words if folded.isascii() else [*words, *dict.fromkeys("".join(_RUN.findall(folded)))]


def name_words(names: Iterable[str]) -> list[str]:
    """Return the marks by which a record is found as the one of that name: each word as `name:acme`."""
    return list(dict.fromkeys(name_word(word) for name in names for word in words_of(name)))


def name_word(word: str) -> str:
    """Return the mark of a word that stands in a record's name."""
    return f"name:{word}"


def whole_name(words: Iterable[str]) -> str:
    """Return the mark of a name, an address or a domain as a whole, by its words."""
    return f"name={' '.join(words)[:_NAME_CHARS_MAX]}"


def search_vector(words: Iterable[str], marks: Iterable[str]) -> str:
    """Return words with their places, the first ones with weight A, and marks, as PostgreSQL reads a `tsvector`."""
    placed = (f"'{word}':{place}{'A' if place <= _OPENING_WORDS else ''}" for place, word in enumerate(words, start=1))
    return " ".join([*placed, *(f"'{mark}'" for mark in marks)])


def opening_and_rest(words: Sequence[str]) -> tuple[str, str]:
    """Return the words with which a text begins, and the others."""
    return " ".join(words[:_OPENING_WORDS]), " ".join(words[_OPENING_WORDS:])


def _words(folded: str) -> list[str]:
    joined = _APOSTROPHE.sub("", _POSSESSIVE.sub("", folded))
    joined = _GROUPED.sub(lambda number: re.sub(r"\D", "", number.group()), joined)
    words: list[str] = []
    for word in _WORD.findall(joined):
        if word.isascii():  # most are, and quicker
            words.append(word[:_WORD_CHARS_MAX])
        else:
            words += _cut(word)
    return words


def _cut(word: str) -> Iterator[str]:
    """Yield the pairs of characters of what is written without spaces, and what stands between such runs."""
    for part in _PART.finditer(word):
        if run := part.group(1):
            yield from (run[at : at + 2] for at in range(max(len(run) - 1, 1)))
        else:
            yield part.group()[:_WORD_CHARS_MAX]

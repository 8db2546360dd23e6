"""Loss reasons: the one table that says what a reason is about, for the type of a memory and for the themes of losses.

`loss_themes.csv` lists the themes and the type of memory that each makes; `loss_phrases.csv` lists the phrases that
lead to them. What a reason says first decides, and of two phrases that begin at one word the one with more words; what
follows a "but" decides before what stands in front of it ("good product, but too expensive"). A phrase without a theme
is passed over: "good fit" is not about fit. A reason that no phrase knows is a theme of its own.

In a phrase `..` stands for up to three words of one clause, `*` for any letters at the end or the beginning of a word,
`(a|b)` for either, and what has a `?` may be missing. Phrases are compared with the words of `_clauses`.
"""

import csv
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from importlib.resources import files
from typing import Literal, cast, get_args

from coppermind_pipeline.wording import fold, one_line

LossMemoryType = Literal["objection", "pain_point"]

OWN_LABEL_CHARS_MAX = 80
# So many of the reasons that no phrase knows are shown as themes of their own; free text may have thousands.
OWN_LOSS_THEMES_MAX = 10

# Of a long story the first sentences tell why.
_READ_CHARS_MAX = 1_000
_WORD_CHARS_MAX = 40
_GAP = ".."
_GAP_WORDS_MAX = 3


@dataclass(frozen=True, slots=True)
class LossTheme:
    """What reasons of loss are about.

    Attributes:
        key: the word for it in JSON; of a reason that no phrase knows, the reason itself in small letters.
        label: what a person reads; of a reason that no phrase knows, the reason itself.
        memory_type: what a lost deal with such a reason is remembered as.
        covers: what the theme is about; None for a reason that no phrase knows.
        examples: reasons that are about it, one in each language.
    """

    key: str
    label: str
    memory_type: LossMemoryType
    covers: str | None = None
    examples: tuple[str, ...] = ()


def recorded_loss_theme(value: str, label: str | None) -> LossTheme | None:
    """Return what a recorded reason is about: by its label first, which is what a person chose.

    Where HubSpot has no label for it any more its internal value may still tell; None where that doesn't.
    """
    return loss_theme(label) if label is not None else known_loss_theme(value)


@lru_cache(maxsize=16_384)
def loss_theme(reason: str) -> LossTheme:
    """Return what a reason is about, as a person reads it: the label of an option, or what was typed."""
    own = one_line(reason, OWN_LABEL_CHARS_MAX)
    return known_loss_theme(reason) or LossTheme(fold(own), own, "objection")


def known_loss_theme(reason: str) -> LossTheme | None:
    """Return the theme of a reason that a phrase of the table knows; None where none does."""
    *before, last = _BUT.split(_plain(reason))
    return next((theme for part in (last, *before) if (theme := _first_theme(part)) is not None), None)


def _first_theme(plain: str) -> LossTheme | None:
    """Return the theme of the first phrase that leads to one, clause by clause."""
    for clause in plain.split(","):
        words = [word[:_WORD_CHARS_MAX] for word in clause.split()]
        start = 0
        while start < len(words):
            found = max(_matches(_tree(), words, start), default=None)
            if found is not None and found.theme:
                return loss_themes()[found.theme]
            start = found.end if found is not None else start + 1
    return None


@cache
def loss_themes() -> dict[str, LossTheme]:
    """Return the themes of the table by their keys."""
    return {
        row["theme"]: LossTheme(
            key=row["theme"],
            label=row["label"],
            memory_type=_memory_type(row["memory_type"]),
            covers=row["covers"],
            examples=tuple(row["examples"].split("; ")),
        )
        for row in _rows("loss_themes.csv")
    }


@cache
def loss_table_digest() -> str:
    """Return a digest of the table, for what depends on it."""
    rows = [_rows(name) for name in ("loss_themes.csv", "loss_phrases.csv")]
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def _plain(reason: str) -> str:
    """Return the reason in small letters without accents: words between spaces, a comma where a clause ends.

    "Didn't fit - too slow" is "did not fit , too slow".
    """
    plain = fold(reason[:_READ_CHARS_MAX]).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    for pattern, instead in _SPELLINGS:
        plain = pattern.sub(instead, plain)
    return plain


@dataclass(slots=True)
class _Node:
    """What may follow the words so far: the next word as phrases write it, and the theme of a phrase that ends here.

    `theme` is empty where the phrase is passed over.
    """

    following: dict[str, "_Node"] = field(default_factory=dict)
    ends: bool = False
    theme: str = ""


@dataclass(frozen=True, slots=True, order=True)
class _Match:
    """A phrase that was found; the greater one says more: more words, less between them, more letters."""

    words: int
    nearness: int
    letters: int
    end: int
    theme: str


_NOTHING = _Match(0, 0, 0, 0, "")


def _matches(node: _Node, words: Sequence[str], at: int, so_far: _Match = _NOTHING) -> Iterator[_Match]:
    """Yield the phrases that begin where the walk through the tree did."""
    if node.ends:
        yield replace(so_far, end=at, theme=node.theme)
    if (gap := node.following.get(_GAP)) is not None:
        for skipped in range(min(_GAP_WORDS_MAX, len(words) - at) + 1):
            yield from _matches(gap, words, at + skipped, replace(so_far, nearness=so_far.nearness - skipped))
    if at < len(words):
        for written in _ways_to_write(words[at]):
            if (child := node.following.get(written)) is not None:
                longer = replace(so_far, words=so_far.words + 1, letters=so_far.letters + len(written.strip("*")))
                yield from _matches(child, words, at + 1, longer)


@lru_cache(maxsize=4_096)
def _ways_to_write(word: str) -> tuple[str, ...]:
    """Return the ways in which a phrase may write a word: itself, and with any letters after, before or around."""
    sizes = range(1, len(word) + 1)
    return (
        word,
        *(f"{word[:size]}*" for size in sizes),
        *(f"*{word[-size:]}" for size in sizes),
        *(f"*{word[start : start + size]}*" for size in sizes for start in range(len(word) - size + 1)),
    )


@cache
def _tree() -> _Node:
    root = _Node()
    for row in _rows("loss_phrases.csv"):
        for phrase in _spelt_out(fold(row["phrase"])):
            node = root
            for word in phrase.split():
                node = node.following.setdefault(word, _Node())
            if node.ends and node.theme != row["theme"]:
                raise ValueError(f"loss_phrases.csv leads from {phrase!r} to {node.theme!r} and to {row['theme']!r}")
            node.ends, node.theme = True, row["theme"]
    return root


def _spelt_out(phrase: str) -> Iterator[str]:
    """Yield the phrase with each of its choices, and with and without what may be missing."""
    choice = _CHOICE.search(phrase)
    if choice is None:
        yield phrase
        return
    words = [choice["one"]] if choice["one"] else choice["words"].split("|")
    for word in (*words, "") if choice["optional"] else words:
        yield from _spelt_out(phrase[: choice.start()] + word + phrase[choice.end() :])


def _rows(name: str) -> list[dict[str, str]]:
    text = files("coppermind_pipeline.crm").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _memory_type(word: str) -> LossMemoryType:
    if word not in get_args(LossMemoryType):
        raise ValueError(f"loss_themes.csv has a type of memory that there is not: {word!r}")
    return cast("LossMemoryType", word)


_BUT = re.compile(r"(?<!\S)(?:but|aber|mais|pero)(?!\S)")
_CHOICE = re.compile(r"(?:\((?P<words>[^()]*)\)|(?P<one>.)(?=\?))(?P<optional>\?)?")
_SPELLINGS = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        (r"\bcan ?not\b|\bcan'?t\b", "can not"),
        (r"\bwon'?t\b", "will not"),
        (r"\b(do|does|did|is|are|was|were|has|have|had|could|would|should|must|need)n'?t\b", r"\1 not"),
        (r"(?<=\w)'s\b", ""),
        (r"\s[-\N{EN DASH}\N{EM DASH}]+\s|[.,;:!?()/|&+\n]+", " , "),
        (r"[^\w\s,]|_", " "),
    )
)

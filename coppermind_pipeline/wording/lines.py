"""Lines: people's own texts on one line and cut to a length, and the first letters of our own phrases."""

import re

from coppermind_pipeline.wording.visible import visible_text

# What is dropped from a text before it is cut is space and what nobody sees: of so many times its length, enough stays.
_READ_TIMES = 10
_MARKDOWN_SPECIAL = re.compile(r"([\\`*_\[\]<>|#])")


def single_spaced(text: str) -> str:
    """Return the text with one space wherever it has any white space within, and none around it."""
    return " ".join(text.split())


def one_line(text: str, chars_max: int) -> str:
    """Return what can be seen of a person's text on one line, cut with an ellipsis if it is longer than `chars_max`."""
    return cut(single_spaced(visible_text(text[: _READ_TIMES * chars_max], one_line=True)), chars_max)


def cut(text: str, chars_max: int) -> str:
    """Return the text, cut with an ellipsis if it is longer than `chars_max`."""
    return text if len(text) <= chars_max else text[: chars_max - 1].rstrip() + "…"


def capitalized(phrase: str) -> str:
    """Return a phrase as a sentence or a heading begins with it; all but its first letter stays as it is."""
    return phrase[:1].upper() + phrase[1:]


def uncapitalized(phrase: str) -> str:
    """Return a phrase as it stands within a sentence; all but its first letter stays as it is."""
    return phrase[:1].lower() + phrase[1:]


def in_markdown(text: str) -> str:
    """Return a text on one line as it stands in markdown, in which nothing of it is taken for a mark."""
    return _MARKDOWN_SPECIAL.sub(r"\\\1", single_spaced(text))


def as_words(name: str) -> str:
    """Return a name of ours as a person reads it: `never_synced` is "never synced"."""
    return name.replace("_", " ")

"""Text as a person can see it: nothing in it steers a terminal, reorders a line, or speaks to a model unseen."""

import re
from typing import Any

# Each of them ends a line for some reader. CR LF is one end.
_LINE_ENDS = re.compile("\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
# Controls (C0 but for tab and line ends, C1), bidi marks and overrides, what has no width or is never shown: soft
# hyphens, zero-width spaces, byte-order marks, annotations, tags. Flags that are spelt in tags (Wales) turn black.
_UNSEEN = re.compile(
    "[\0-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)

# Two kinds have no width and yet are part of what is seen: joiners spell words of Persian, Hindi or Sinhala and make
# one emoji of several, and a selector says which form of the character before it is meant. One of each, in that place,
# is writing; where no such character is before it, or in a row, it is a hiding place.
_JOINERS = "\u200c\u200d"
_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_WITH_JOINERS = re.compile(
    "[\u0600-\u109f\u1780-\u18af\u2190-\u2bff\ufb50-\ufdff\ufe70-\ufefc\U00011000-\U00011fff\U0001f000-\U0001faff]"
)
_RUN = re.compile(f"[{_JOINERS}{_SELECTORS}]+")


def visible_text(value: str, *, one_line: bool = False) -> str:
    """Return the text without control characters, bidi marks and overrides, and zero-width characters.

    Ends of lines become line feeds, or spaces where the text is `one_line`; so do tabs there.
    """
    if not value.isprintable():
        value = _LINE_ENDS.sub(" " if one_line else "\n", value)
        if one_line:
            value = value.replace("\t", " ")
        value = _UNSEEN.sub("", value)
    return value if value.isascii() else _RUN.sub(_what_is_writing, value)


def visible_values(value: Any) -> Any:
    """Return a JSON value with all of its texts visible: escaped in JSON, they would come out at its reader's."""
    if isinstance(value, str):
        return visible_text(value)
    if isinstance(value, list):
        return [visible_values(each) for each in value]
    if isinstance(value, dict):
        return {visible_text(name): visible_values(each) for name, each in value.items()}
    return value


def _what_is_writing(run: re.Match[str]) -> str:
    start = run.start()
    if start == 0:
        return ""
    before, found = run.string[start - 1], run.group()
    selector = "" if found[0] in _JOINERS or before.isspace() else found[0]
    joiner = next((each for each in found if each in _JOINERS), "")
    return selector + (joiner if selector or _WITH_JOINERS.match(before) else "")

"""How search looks for words: whole tokens, `*` standing for any rest of one."""

import re
from fnmatch import fnmatchcase
from functools import lru_cache


def contains_tokens(text: str | None, pattern: str) -> bool:
    """Tell whether each word of the pattern is a token of the text; case does not matter."""
    if text is None:
        return False
    tokens = _tokens(text)
    return all(any(fnmatchcase(token, word) for token in tokens) for word in _pattern(pattern))


def _tokens(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


@lru_cache(maxsize=64)
def _pattern(pattern: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[\w*]+", pattern.lower()))

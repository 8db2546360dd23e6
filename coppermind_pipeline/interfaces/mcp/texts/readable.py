"""What every kind of answer has a text for."""

from functools import singledispatch
from typing import Any


@singledispatch
def readable(answer: Any) -> str:
    """Return an answer as text: what it is, how far to trust it, and all of its figures."""
    raise NotImplementedError(type(answer))

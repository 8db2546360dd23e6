"""An answer told again in the words of another face: its sentences that tell somebody what to do, at whatever depth."""

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel

# The fields of answers and errors whose sentences tell somebody to do something.
_TELL = frozenset({"message", "hint", "next_step", "what_to_do", "steps", "warnings", "caveats"})

Answer = TypeVar("Answer", bound=BaseModel)


def retold(answer: Answer, say: Callable[[str], str]) -> Answer:
    """Return an answer whose sentences for its reader are said otherwise, at whatever depth they stand.

    What is no response, such as a mind, holds none.
    """
    if not isinstance(answer, BaseModel):
        return answer
    changed = {
        name: again
        for name in type(answer).model_fields
        if (again := _retold(value := getattr(answer, name), say, tells=name in _TELL)) != value
    }
    return answer.model_copy(update=changed) if changed else answer


def _retold(value: Any, say: Callable[[str], str], *, tells: bool) -> Any:
    match value:
        case str():
            return say(value) if tells else value
        case BaseModel():
            return retold(value, say)
        case list() | tuple():
            return type(value)(_retold(each, say, tells=tells) for each in value)
        case _:
            return value

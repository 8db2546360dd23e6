"""A computed answer, cut until it fits: part by part in a fixed order, and never computed again."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field

Whole = TypeVar("Whole")
Answer = TypeVar("Answer")


class LeftOut(BaseModel):
    """A part that an answer had no room for, and how to get it: by its cursor, or by other arguments."""

    model_config = ConfigDict(frozen=True)

    part: str
    said: str
    next_cursor: str | None = Field(default=None, description="cursor of the same question that goes on there")
    action: str | None = Field(default=None, description="the action that gets it; null: this one")
    arguments: dict[str, str] | None = Field(default=None, description="its arguments, beside those of this question")


def cut_to_fit(
    whole: Whole,
    cuts: Sequence[Callable[[Whole], Whole | None]],
    *,
    made: Callable[[Whole], Answer],
    fits: Callable[[Answer], bool],
) -> Answer:
    """Return what is made of the answer, with no more cut off it than has to be.

    Args:
        cuts: what may go, the least important first. Each returns the answer with a little less of one part, and None
            once there is nothing left of it to cut. None changes a figure.
        made: makes what is handed out, which also says what was left out.
    """
    answer = made(whole)
    for cut in cuts:
        while not fits(answer) and (shorter := cut(whole)) is not None:
            whole = shorter
            answer = made(whole)
    return answer

"""The time by which somebody needs an answer, known to every call that is made for it, in whatever thread."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from math import inf
from time import monotonic


@dataclass(frozen=True, slots=True)
class _Deadline:
    at: float
    request_s: float


_deadline: ContextVar[_Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def within(time_s: float, *, request_s: float = inf) -> Iterator[None]:
    """Let no request that is made inside the block go on beyond `time_s` from now, nor one alone beyond `request_s`.

    A fault is tried again only where there is time for another request. Tasks and threads that are started inside the
    block keep to it too.
    """
    before = _deadline.set(_Deadline(monotonic() + time_s, request_s))
    try:
        yield
    finally:
        _deadline.reset(before)


def is_bounded() -> bool:
    """Say whether somebody needs the answer by some time."""
    return _deadline.get() is not None


def at_most_s(usual_s: float) -> float:
    """Return how long a request or a wait may take that may otherwise take `usual_s`."""
    deadline = _deadline.get()
    return usual_s if deadline is None else max(0.001, min(usual_s, deadline.request_s, deadline.at - monotonic()))


def time_to_try_again(after_s: float) -> bool:
    """Say whether there is time for another request after waiting for so long."""
    deadline = _deadline.get()
    if deadline is None:
        return True
    needed_s = after_s + (deadline.request_s if deadline.request_s < inf else 0.0)
    return monotonic() + needed_s < deadline.at

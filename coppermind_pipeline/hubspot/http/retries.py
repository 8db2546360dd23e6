"""Faults that pass by themselves are tried again, for a bounded time."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from random import uniform
from typing import TypeVar

import stamina
import structlog
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from coppermind_pipeline.hubspot.errors import PortalUnavailable, RateLimited
from coppermind_pipeline.hubspot.http.answers import DAILY
from coppermind_pipeline.hubspot.http.deadlines import time_to_try_again

T = TypeVar("T")

log = structlog.get_logger(__name__)

_BACKOFF_INITIAL_S = 0.5
_BACKOFF_MAX_S = 15.0
_BACKOFF_JITTER_S = 1.0


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """How long a call is tried again.

    Attributes:
        attempts: requests at most, the first included.
        time_s: from the first fault until the last attempt begins, at most; a longer `Retry-After` is not waited for.
        unanswered_s: the same while HubSpot does not answer: what has failed for so long is asked again by a later
            sync, which goes on from what is stored, and others wait for a turn meanwhile.
    """

    attempts: int = 10
    time_s: float = 120.0
    unanswered_s: float = 10.0


async def retried(
    attempt: Callable[[], Awaitable[T]],
    *,
    limits: RetryLimits,
    clock: Callable[[], datetime],
    attempts_if_too_much: int | None = None,
) -> T:
    """Return what `attempt` returns, tried again after PortalUnavailable and RateLimited.

    The wait is what HubSpot asked for, else it grows with jitter. A used-up day is not waited for, nor anything beyond
    the time of whoever asks (`deadlines.within`).

    Args:
        attempt: makes the request once.
        limits: how long it is tried again.
        clock: the current time, aware.
        attempts_if_too_much: so many while what is asked for is too much; None: like any other fault.

    Raises:
        PortalUnavailable: still so after `limits`, or HubSpot asks for a longer wait.
        RateLimited: likewise, or the day's calls are used up.
    """
    faulty_since: datetime | None = None
    faults = too_much = 0

    def wait_s(error: Exception) -> bool | float:
        nonlocal faulty_since, faults, too_much
        if not isinstance(error, PortalUnavailable | RateLimited) or error.retries_spent:
            return False
        if isinstance(error, RateLimited) and error.policy == DAILY:
            return False
        if error.is_too_much and attempts_if_too_much is not None:
            too_much += 1
            if too_much >= attempts_if_too_much:
                return False
        now = clock()
        faulty_since = faulty_since or now
        patience_s = limits.time_s if isinstance(error, RateLimited) else min(limits.time_s, limits.unanswered_s)
        left_s = patience_s - (now - faulty_since).total_seconds()
        asked_s = max(0.0, (error.retry_at - now).total_seconds()) if error.retry_at else None
        pause_s = min(_backoff_s(faults), left_s) if asked_s is None else asked_s
        faults += 1
        return pause_s if 0 <= pause_s <= left_s and time_to_try_again(pause_s) else False

    try:
        async for retry in stamina.retry_context(on=wait_s, attempts=limits.attempts, timeout=None):
            with retry:
                return await attempt()
    except (PortalUnavailable, RateLimited) as error:
        error.retries_spent = True
        raise
    raise AssertionError  # the loop above returns or raises


def _backoff_s(faults: int) -> float:
    """Return how long is waited after so many faults before this one."""
    return min(_BACKOFF_INITIAL_S * 2**faults, _BACKOFF_MAX_S) + uniform(0.0, _BACKOFF_JITTER_S)  # noqa: S311


def _tell(details: RetryDetails) -> None:
    # What is tried again is nothing to warn of: a person who waits for an answer would read it in the midst of that.
    log.info(
        "hubspot tried again",
        after=str(details.caused_by),
        attempt=details.retry_num,
        wait_s=round(details.wait_for, 2),
    )


set_on_retry_hooks([_tell])

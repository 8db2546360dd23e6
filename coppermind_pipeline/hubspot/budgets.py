"""HubSpot's rate limits as budgets: a call waits for its turn before it is sent, instead of being turned away.

The limits: search 5 a second per portal, associations 100 in ten seconds on the smallest plan, every other call of an
app 110 in ten seconds per installing portal (HubSpot, "API usage guidelines", "Search the CRM", "Associations").
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

from pyrate_limiter import GCRA, Limiter, Rate, SingleBucketFactory, StateBucket

from coppermind_pipeline.hubspot.errors import RateLimited

# A pause beyond this (a day's limit) is not waited for: the caller learns `retry_at` and does something else.
PAUSE_WAITED_MAX_S = 60.0
# By so much may calls that left in good order bunch up before HubSpot counts them.
JITTER_MS = 50


class Budget(StrEnum):
    """What a call is charged to; each call takes exactly one."""

    SEARCH = "search"
    ASSOCIATIONS = "associations"
    GENERAL = "general"


class Budgets(Protocol):
    """The rate budgets of one portal. Whoever talks to the portal shares them."""

    async def acquire(self, budget: Budget) -> None:
        """Wait until one call may be sent.

        Raises:
            RateLimited: the budget is paused for longer than `PAUSE_WAITED_MAX_S`; `retry_at` says until when.
        """
        ...

    async def back_off(self, budget: Budget, *, until: datetime) -> None:
        """Let nobody send a call of this budget before `until` (aware); called when HubSpot answered 429."""
        ...

    async def observe(
        self, budget: Budget, *, limit_max: int | None, remaining: int | None, interval_ms: int | None
    ) -> None:
        """Take note of what an answer's rate-limit headers state; a value is None where the header is absent."""
        ...


def paced(limit: int, interval_ms: int) -> Rate:
    """Return a smooth rate that stays within `limit` calls in any window of `interval_ms`.

    GCRA admits at most `burst` + window ÷ emission calls in a window; the emission interval is chosen so that this is
    `limit` even in a window that is `JITTER_MS` longer. Bursts are a twentieth of the limit.
    """
    burst = max(1, limit // 20)
    return Rate(limit - burst + 1, interval_ms + JITTER_MS, burst=burst)


DEFAULT_RATES = {
    Budget.SEARCH: (5, 1_000),
    Budget.ASSOCIATIONS: (100, 10_000),
    Budget.GENERAL: (110, 10_000),
}


class LocalBudgets:
    """Budgets of one process, first come, first served. Enough where nobody else talks to the portal."""

    def __init__(self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._limits = dict(DEFAULT_RATES)
        self._buckets = {b: StateBucket([paced(*limit)], GCRA()) for b, limit in self._limits.items()}
        self._limiters = {
            b: Limiter(SingleBucketFactory(bucket, schedule_leak=False), buffer_ms=0)
            for b, bucket in self._buckets.items()
        }
        self._paused_until: dict[Budget, datetime] = {}

    async def acquire(self, budget: Budget) -> None:
        """Wait until one call may be sent; see `Budgets.acquire`."""
        await self._wait_for_pause(budget)
        await self._limiters[budget].try_acquire_async(budget)
        # A 429 may have come in while this call stood in line.
        await self._wait_for_pause(budget)

    async def back_off(self, budget: Budget, *, until: datetime) -> None:
        """Pause the budget; a pause that is under way is never shortened."""
        self._paused_until[budget] = max(until, self._paused_until.get(budget, until))

    async def observe(
        self,
        budget: Budget,
        *,
        limit_max: int | None,
        remaining: int | None,  # noqa: ARG002 - the pace keeps inside the limit without it
        interval_ms: int | None,
    ) -> None:
        """Take over the stated limit where it differs from the one in force."""
        stated = (limit_max or 0, interval_ms or self._limits[budget][1])
        if stated[0] >= 1 and stated != self._limits[budget]:
            self._limits[budget] = stated
            self._buckets[budget].rates = [paced(*stated)]

    async def _wait_for_pause(self, budget: Budget) -> None:
        while (until := self._paused_until.get(budget)) is not None:
            left_s = (until - self._clock()).total_seconds()
            if left_s <= 0:
                self._paused_until.pop(budget, None)
            elif left_s > PAUSE_WAITED_MAX_S:
                raise RateLimited(f"The {budget} calls of this portal are used up for now.", retry_at=until)
            else:
                await asyncio.sleep(left_s)

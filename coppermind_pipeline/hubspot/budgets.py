"""HubSpot's rate limits as budgets: a call waits for its turn before it is sent, instead of being turned away.

The limits: search 5 a second per portal, associations 100 in ten seconds on the smallest plan, every other call of an
app 110 in ten seconds per installing portal (HubSpot, "API usage guidelines", "Search the CRM", "Associations").
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

# A pause beyond this (a day's limit) is not waited for: the caller learns `retry_at` and does something else.
PAUSE_WAITED_MAX_S = 60.0
# By so much may calls that left in good order bunch up before HubSpot counts them, with nobody able to see it.
JITTER_MS = 30


class Budget(StrEnum):
    """What a call is charged to; each call takes exactly one."""

    SEARCH = "search"
    ASSOCIATIONS = "associations"
    GENERAL = "general"


class Turn(Protocol):
    """The turn of one call. Calls behind it keep their distance from when it went out, not from when it could have."""

    async def sent(self) -> None:
        """Take note that the call has gone out just now."""
        ...

    async def answered(self) -> None:
        """Take note that the answer to the call, sent before, has begun to come in."""
        ...


class Budgets(Protocol):
    """The rate budgets of one portal. Whoever talks to the portal shares them."""

    async def acquire(self, budget: Budget) -> Turn:
        """Wait until one call may be sent, and return its turn.

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


@dataclass(frozen=True, slots=True)
class Pace:
    """A smooth pace: a call every `emission_s`, and after idle time up to `burst` calls at once."""

    emission_s: float
    burst: int


def paced(limit: int, interval_ms: int, *, jitter_ms: int = JITTER_MS) -> Pace:
    """Return the pace that stays within `limit` calls in any window of `interval_ms`.

    The generic cell rate algorithm admits at most `burst` + window ÷ emission calls in a window; the emission interval
    is chosen so that this is `limit` even in a window that is `jitter_ms` longer. Bursts are a twentieth of the limit.
    """
    burst = max(1, limit // 20)
    return Pace((interval_ms + jitter_ms) / 1_000 / (limit - burst + 1), burst)


DEFAULT_RATES = {
    Budget.SEARCH: (5, 1_000),
    Budget.ASSOCIATIONS: (100, 10_000),
    Budget.GENERAL: (110, 10_000),
}

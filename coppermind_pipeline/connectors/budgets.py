"""A portal's rate budgets, shared by every process that talks to it: one row per budget in the database.

Each call takes its turn in one statement: GCRA with the theoretical arrival time as the row's state, advanced at once
for every caller. So callers leave in the order in which they came, evenly spaced, and nobody asks twice for one turn.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

from sqlalchemy import Row, text

from coppermind_pipeline.hubspot import DEFAULT_RATES, JITTER_MS, PAUSE_WAITED_MAX_S, Budget, RateLimited, paced
from coppermind_pipeline.store import Database

# Turns lie a little wider apart than the limit asks; so late may a call go out, from a process that was busy when its
# turn came, before the calls behind it have to wait for their distance.
LATENESS_ABSORBED_MS = 30


class SharedBudgets:
    """The budgets of one portal, by the database's clock."""

    def __init__(self, database: Database, hub_id: int) -> None:
        self._database = database
        self._hub_id = hub_id
        self._calls: dict[Budget, list[_Call]] = {budget: [] for budget in Budget}
        self._limits = {budget: calls for budget, (calls, _) in DEFAULT_RATES.items()}

    async def acquire(self, budget: Budget) -> Callable[[], None]:
        """Wait until one call may be sent.

        Returns:
            what to call once it has gone out: calls behind it keep their distance from that moment on.

        Raises:
            RateLimited: the budget is paused for longer than `PAUSE_WAITED_MAX_S`; `retry_at` says until when.
        """
        while True:
            turn = await asyncio.to_thread(self._take_turn, budget)
            if turn.wait_s > 0:
                await asyncio.sleep(turn.wait_s)
                # A 429 may have come in while this call stood in line; then it lines up again behind the pause.
                if await asyncio.to_thread(self._is_paused, budget):
                    continue
            return (await self._keep_apart_from_late_calls(budget)).note_sent

    async def back_off(self, budget: Budget, *, until: datetime) -> None:
        """Pause the budget for everybody; a pause that is under way is never shortened."""
        await asyncio.to_thread(self._pause, budget, until)

    async def observe(
        self,
        budget: Budget,
        *,
        limit_max: int | None,
        remaining: int | None,  # noqa: ARG002 - the pace keeps inside the limit without it
        interval_ms: int | None,
    ) -> None:
        """Take over the stated limit, for everybody, where it differs from the one in force."""
        default_interval_ms = DEFAULT_RATES[budget][1]
        limit = (limit_max or 0) * default_interval_ms // (interval_ms or default_interval_ms)
        if limit >= 1 and limit != self._limits[budget]:
            self._limits[budget] = limit
            await asyncio.to_thread(self._store_limit, budget, limit)

    async def _keep_apart_from_late_calls(self, budget: Budget) -> "_Call":
        """Wait until the limit's window holds room for this call, by the moments at which this process really sent."""
        window_s = (DEFAULT_RATES[budget][1] + JITTER_MS - LATENESS_ABSORBED_MS) / 1_000
        while True:
            now = monotonic()
            calls = self._calls[budget] = [call for call in self._calls[budget] if call.sent_at > now - window_s]
            if len(calls) < self._limits[budget]:
                calls.append(call := _Call(now))
                return call
            await asyncio.sleep(min(call.sent_at for call in calls) + window_s - now)

    def _take_turn(self, budget: Budget) -> Row:
        pace = paced(self._limits[budget], DEFAULT_RATES[budget][1])
        values = {
            "hub": self._hub_id,
            "budget": budget.value,
            "emission_s": pace.emission_s,
            "tolerance_s": pace.burst * pace.emission_s,
            "pause_max_s": PAUSE_WAITED_MAX_S,
        }
        with self._database.nobody() as connection:
            turn = connection.execute(_TAKE_TURN, values).one_or_none()
            if turn is None:
                until = connection.scalar(_PAUSED_UNTIL, values)
                raise RateLimited(f"The {budget} calls of this portal are used up for now.", retry_at=until)
        if turn.limit_calls is not None:
            self._limits[budget] = turn.limit_calls
        return turn

    def _is_paused(self, budget: Budget) -> bool:
        with self._database.nobody() as connection:
            return bool(connection.scalar(_IS_PAUSED, {"hub": self._hub_id, "budget": budget.value}))

    def _pause(self, budget: Budget, until: datetime) -> None:
        with self._database.nobody() as connection:
            connection.execute(
                _PAUSE, {"hub": self._hub_id, "budget": budget.value, "until": until, "now": datetime.now(UTC)}
            )

    def _store_limit(self, budget: Budget, limit: int) -> None:
        with self._database.nobody() as connection:
            connection.execute(_STORE_LIMIT, {"hub": self._hub_id, "budget": budget.value, "limit": limit})


@dataclass(slots=True)
class _Call:
    sent_at: float

    def note_sent(self) -> None:
        self.sent_at = monotonic()


_NOW = "extract(epoch FROM clock_timestamp())::float8"

# `state` is the theoretical arrival time, in seconds of the epoch. No row comes back while a long pause is on.
_TAKE_TURN = text(
    f"""INSERT INTO rate_limit_states AS s (hub_id, budget, state)
        VALUES (:hub, :budget, {_NOW} + CAST(:emission_s AS float8))
        ON CONFLICT (hub_id, budget) DO UPDATE
           SET state = greatest(s.state, {_NOW}, extract(epoch FROM s.blocked_until)::float8)
                       + CAST(:emission_s AS float8)
         WHERE s.blocked_until IS NULL
            OR s.blocked_until <= clock_timestamp() + make_interval(secs => :pause_max_s)
        RETURNING greatest(state - CAST(:tolerance_s AS float8), extract(epoch FROM blocked_until)::float8) - {_NOW}
                      AS wait_s,
                  limit_calls"""
)
_PAUSED_UNTIL = text("SELECT blocked_until FROM rate_limit_states WHERE hub_id = :hub AND budget = :budget")
_IS_PAUSED = text(
    "SELECT blocked_until > clock_timestamp() FROM rate_limit_states WHERE hub_id = :hub AND budget = :budget"
)
# The pause is counted from the caller's clock and kept by the database's, whatever lies between the two.
_PAUSE = text(
    """INSERT INTO rate_limit_states AS s (hub_id, budget, blocked_until)
       VALUES (:hub, :budget, clock_timestamp() + (CAST(:until AS timestamptz) - CAST(:now AS timestamptz)))
       ON CONFLICT (hub_id, budget) DO UPDATE SET blocked_until = greatest(s.blocked_until, excluded.blocked_until)"""
)
_STORE_LIMIT = text(
    """INSERT INTO rate_limit_states AS s (hub_id, budget, limit_calls) VALUES (:hub, :budget, :limit)
       ON CONFLICT (hub_id, budget) DO UPDATE SET limit_calls = excluded.limit_calls"""
)

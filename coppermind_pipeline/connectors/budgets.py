"""A portal's rate budgets, shared by every process that talks to it: one row per budget in the database.

Each call takes its turn in one statement: GCRA with the theoretical arrival time as the row's state, advanced at once
for every caller. So callers leave in the order in which they came, evenly spaced, and nobody asks twice for one turn.

A turn says when a call may leave, not when it does, nor when HubSpot counts it. One that goes out late, from a process
that was busy, or that may have been counted late, since its answer took longer than others, is written down, and the
calls whose window it has moved into wait for their distance from it.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

from sqlalchemy import Connection, Row, text

from coppermind_pipeline.hubspot import DEFAULT_RATES, JITTER_MS, PAUSE_WAITED_MAX_S, Budget, RateLimited, paced
from coppermind_pipeline.store import Database
from coppermind_pipeline.wording import utc_minute

# Turns lie a little wider apart than the limit asks: so late may a call go out without anybody having to know.
LATENESS_ABSORBED_MS = 15
# An answer that took longer than the quickest of so many may have waited on its way before the call was counted, but no
# longer than this: most of a long time is HubSpot's work, which comes after counting.
QUICKEST_OF = 20
COUNTED_LATE_MAX_MS = 80
# Where the way to HubSpot is uneven, calls bunch up by more than is allowed for, and a 429 tells; then more is.
JITTER_STEP_MS = 15
JITTER_MAX_MS = 150
# What a portal states beyond this is as good as no limit.
LIMIT_MAX = 1_000_000


class SharedBudgets:
    """The budgets of one portal, by the database's clock."""

    def __init__(self, database: Database, hub_id: int) -> None:
        self._database = database
        self._hub_id = hub_id
        self._limits = {budget: calls for budget, (calls, _) in DEFAULT_RATES.items()}
        self._jitter_ms = dict.fromkeys(Budget, JITTER_MS)
        self._took_s = {budget: deque[float](maxlen=QUICKEST_OF) for budget in Budget}

    async def acquire(self, budget: Budget) -> "_Turn":
        """Wait until one call may be sent, and return its turn.

        Raises:
            RateLimited: the budget is paused for longer than `PAUSE_WAITED_MAX_S`; `retry_at` says until when.
        """
        while True:
            asked_at = monotonic()
            turn = await asyncio.to_thread(self._take_turn, budget)
            if await self._has_come(budget, turn):
                return _Turn(self, budget, turn.rank, due_at=asked_at + max(0.0, turn.wait_s))

    async def back_off(self, budget: Budget, *, until: datetime) -> None:
        """Pause the budget for everybody, never shortening a pause under way; this process goes on wider apart."""
        self._jitter_ms[budget] = min(self._jitter_ms[budget] + JITTER_STEP_MS, JITTER_MAX_MS)
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
        limit = min(limit, LIMIT_MAX)
        if limit >= 1 and limit != self._limits[budget]:
            self._limits[budget] = limit
            await asyncio.to_thread(self._store_limit, budget, limit)

    async def _has_come(self, budget: Budget, turn: Row) -> bool:
        """Wait for a turn; False where a 429 has come in meanwhile: the call has to line up again behind the pause."""
        wait_s = max(turn.wait_s, turn.late_calls_s or 0.0)
        while wait_s > 0:
            await asyncio.sleep(wait_s)
            changed = await asyncio.to_thread(self._look_again, budget, turn.rank)
            if changed.is_paused:
                return False
            wait_s = changed.late_calls_s or 0.0
        return True

    async def _note_answered(self, turn: "_Turn", took_s: float) -> None:
        """Take an answer's time as a sign of when its call was counted at the latest."""
        others = self._took_s[turn.budget]
        longer_s = took_s - min(others, default=took_s)
        others.append(took_s)
        await self._note_counted(turn, turn.sent_at + min(longer_s, COUNTED_LATE_MAX_MS / 1_000))

    async def _note_counted(self, turn: "_Turn", counted_at: float) -> None:
        if counted_at - turn.due_at > LATENESS_ABSORBED_MS / 1_000:
            await asyncio.to_thread(self._store_late_call, turn.budget, turn.rank, counted_at)

    def _take_turn(self, budget: Budget) -> Row:
        pace = paced(self._limits[budget], DEFAULT_RATES[budget][1], jitter_ms=self._jitter_ms[budget])
        values = {
            "hub": self._hub_id,
            "budget": budget.value,
            "emission_s": pace.emission_s,
            "tolerance_s": pace.burst * pace.emission_s,
            "pause_max_s": PAUSE_WAITED_MAX_S,
            "limit": self._limits[budget],
        }
        with self._database.nobody() as connection:
            turn = connection.execute(_TAKE_TURN, values).one_or_none()
            if turn is None:
                until = connection.scalar(_PAUSED_UNTIL, values)
                when = f"until {utc_minute(until)} UTC" if until else "for now"
                raise RateLimited(f"HubSpot has the {budget} calls of this portal pause {when}.", retry_at=until)
        if turn.limit_calls is not None:
            self._limits[budget] = turn.limit_calls
        return turn

    def _look_again(self, budget: Budget, rank: int) -> Row:
        values = {"hub": self._hub_id, "budget": budget.value, "rank": rank, "limit": self._limits[budget]}
        with self._database.nobody() as connection:
            return connection.execute(_LOOK_AGAIN, values).one()

    def _store_late_call(self, budget: Budget, rank: int, counted_at: float) -> None:
        window_s = (DEFAULT_RATES[budget][1] + self._jitter_ms[budget] - LATENESS_ABSORBED_MS) / 1_000
        values = {"hub": self._hub_id, "budget": budget.value, "rank": rank}
        with self._database.nobody() as connection:
            connection.execute(_STORE_LATE_CALL, values | {"left_s": counted_at + window_s - monotonic()})

    def _pause(self, budget: Budget, until: datetime) -> None:
        with self._database.nobody() as connection:
            connection.execute(
                _PAUSE, {"hub": self._hub_id, "budget": budget.value, "until": until, "now": datetime.now(UTC)}
            )

    def _store_limit(self, budget: Budget, limit: int) -> None:
        with self._database.nobody() as connection:
            connection.execute(_STORE_LIMIT, {"hub": self._hub_id, "budget": budget.value, "limit": limit})


def calls_a_second(connection: Connection, hub_id: int | None) -> float:
    """Return how many calls the portal allows in a second, by its general limit as it was stated last."""
    calls, window_ms = DEFAULT_RATES[Budget.GENERAL]
    stated = connection.scalar(_STATED_LIMIT, {"hub": hub_id, "budget": Budget.GENERAL.value})
    return (stated or calls) * 1_000 / window_ms


_STATED_LIMIT = text("SELECT limit_calls FROM rate_limit_states WHERE hub_id = :hub AND budget = :budget")


def waited_for_turns(database: Database) -> dict[Budget, float]:
    """Return for how many seconds calls have waited for their turn, of all portals together; a crash clears it."""
    with database.nobody() as connection:
        rows = connection.execute(_WAITED).all()
    return dict.fromkeys(Budget, 0.0) | {Budget(row.budget): row.waited_s for row in rows}


_WAITED = text("SELECT budget, sum(waited_s) AS waited_s FROM rate_limit_states GROUP BY budget")


def lift_pauses(connection: Connection, hub_id: int) -> None:
    """Let the portal be asked again at once: a person wants to see. Where it refuses again, it is paused again."""
    connection.execute(text("UPDATE rate_limit_states SET blocked_until = NULL WHERE hub_id = :hub"), {"hub": hub_id})


@dataclass(slots=True)
class _Turn:
    """One call's turn; times are those of this process's monotonic clock, in seconds."""

    budgets: SharedBudgets
    budget: Budget
    rank: int
    due_at: float
    sent_at: float = 0.0

    async def sent(self) -> None:
        """Take note that the call has gone out just now."""
        self.sent_at = monotonic()
        await self.budgets._note_counted(self, self.sent_at)

    async def answered(self) -> None:
        """Take note that the answer has begun to come in."""
        await self.budgets._note_answered(self, monotonic() - self.sent_at)


_NOW = "extract(epoch FROM clock_timestamp())::float8"

# In whose window a late call lies: those that come as many turns after it as the limit allows, and more.
_LATE_CALLS_S = f"""(
    SELECT max(window_ends) - {_NOW} FROM rate_limit_late_calls AS late
     WHERE late.hub_id = :hub AND late.budget = :budget AND late.rank <= %s - CAST(:limit AS bigint))"""

# The theoretical arrival time after this call, in seconds of the epoch, and how long the call waits for its turn.
_ARRIVAL = f"""greatest(stored.state, {_NOW}, extract(epoch FROM stored.blocked_until)::float8)
                       + CAST(:emission_s AS float8)"""
_WAIT_S = f"""greatest(0, {_ARRIVAL} - CAST(:tolerance_s AS float8) - {_NOW},
                                extract(epoch FROM stored.blocked_until)::float8 - {_NOW})"""

# No row comes back while a long pause is on.
_TAKE_TURN = text(
    f"""INSERT INTO rate_limit_states AS stored (hub_id, budget, state, calls)
        VALUES (:hub, :budget, {_NOW} + CAST(:emission_s AS float8), 1)
        ON CONFLICT (hub_id, budget) DO UPDATE
           SET calls = stored.calls + 1, state = {_ARRIVAL}, waited_s = stored.waited_s + {_WAIT_S}
         WHERE stored.blocked_until IS NULL
            OR stored.blocked_until <= clock_timestamp() + make_interval(secs => :pause_max_s)
        RETURNING greatest(state - CAST(:tolerance_s AS float8), extract(epoch FROM blocked_until)::float8) - {_NOW}
                      AS wait_s,
                  {_LATE_CALLS_S % "stored.calls"} AS late_calls_s, stored.calls AS rank, limit_calls"""
)
_PAUSED_UNTIL = text("SELECT blocked_until FROM rate_limit_states WHERE hub_id = :hub AND budget = :budget")
_LOOK_AGAIN = text(
    f"""SELECT coalesce(blocked_until > clock_timestamp(), false) AS is_paused,
               {_LATE_CALLS_S % "CAST(:rank AS bigint)"} AS late_calls_s
          FROM rate_limit_states WHERE hub_id = :hub AND budget = :budget"""
)
_STORE_LATE_CALL = text(
    f"""WITH past AS (
            DELETE FROM rate_limit_late_calls WHERE hub_id = :hub AND budget = :budget AND window_ends < {_NOW})
        INSERT INTO rate_limit_late_calls AS late (hub_id, budget, rank, window_ends)
        VALUES (:hub, :budget, :rank, {_NOW} + CAST(:left_s AS float8))
        ON CONFLICT (hub_id, budget, rank) DO UPDATE
           SET window_ends = greatest(late.window_ends, excluded.window_ends)"""
)
# The pause is counted from the caller's clock and kept by the database's, whatever lies between the two.
_PAUSE = text(
    """INSERT INTO rate_limit_states AS stored (hub_id, budget, blocked_until)
       VALUES (:hub, :budget, clock_timestamp() + (CAST(:until AS timestamptz) - CAST(:now AS timestamptz)))
       ON CONFLICT (hub_id, budget) DO UPDATE
          SET blocked_until = greatest(stored.blocked_until, excluded.blocked_until)"""
)
_STORE_LIMIT = text(
    """INSERT INTO rate_limit_states AS stored (hub_id, budget, limit_calls) VALUES (:hub, :budget, :limit)
       ON CONFLICT (hub_id, budget) DO UPDATE SET limit_calls = excluded.limit_calls"""
)

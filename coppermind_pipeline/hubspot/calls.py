"""One call of HubSpot's API: charged to its budget, authorized, sent, tried again, and its answer read."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from time import monotonic, perf_counter
from typing import Any, Protocol, TypeVar

import orjson
import structlog
from pydantic import SecretStr

from coppermind_pipeline.hubspot import paths
from coppermind_pipeline.hubspot.budgets import Budget, Budgets
from coppermind_pipeline.hubspot.errors import PortalUnavailable, RateLimited
from coppermind_pipeline.hubspot.http.answers import decoded, error_body, error_for
from coppermind_pipeline.hubspot.http.retries import RetryLimits, retried
from coppermind_pipeline.hubspot.http.silence import Silence
from coppermind_pipeline.hubspot.http.transport import Answer, Transport

log = structlog.get_logger(__name__)

T = TypeVar("T")

HEADER_DIGITS_MAX = 9

# A budget is in full use if one of so many calls, the last ones, had to wait so long for its turn.
LAST_CALLS, WAITED_S = 5, 0.1

# A token that lives for seconds may expire while its call waits for its turn, a fresh one too: that is no refusal.
REFRESHES_MAX = 4
EXPIRED = "EXPIRED_AUTHENTICATION"


class AccessTokens(Protocol):
    """Where the access token of one portal comes from."""

    async def current(self) -> SecretStr:
        """Return the access token, refreshed ahead of its expiry."""
        ...

    async def refreshed(self, rejected: SecretStr) -> SecretStr:
        """Return a token other than `rejected`, which HubSpot just answered with 401."""
        ...


@dataclass(frozen=True, slots=True)
class SentRequest:
    """One request as it went over the wire, for counting.

    Attributes:
        status: None where no complete answer came.
    """

    method: str
    path: str
    budget: Budget
    status: int | None
    took_ms: float


@dataclass(frozen=True, slots=True)
class PortalCalls:
    """The way in which every call to one portal is made.

    Attributes:
        waits_s: how long the last calls of each budget waited for their turns.
    """

    transport: Transport
    tokens: AccessTokens
    budgets: Budgets
    retry_limits: RetryLimits
    clock: Callable[[], datetime]
    zone: tzinfo
    on_request: Callable[[SentRequest], None] | None = None
    silence: Silence = field(init=False)
    waits_s: Mapping[Budget, deque[float]] = field(
        default_factory=lambda: {budget: deque(maxlen=LAST_CALLS) for budget in Budget}
    )

    def __post_init__(self) -> None:
        """Let long requests be doubted by a small one."""
        object.__setattr__(self, "silence", Silence(self._ask_for_a_sign_of_life))

    async def call(
        self,
        method: str,
        path: str,
        *,
        budget: Budget,
        read: Callable[[Any], T],
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        decode: Callable[[bytes], Any] = decoded,
        attempts_if_too_much: int | None = None,
    ) -> T:
        """Make one call and return what `read` makes of the answer's JSON, as `decode` returns it.

        An answer that is cut off, is no JSON, or lacks what `read` needs counts as a fault of the portal and is asked
        for again: it never reads as an empty one.

        Raises:
            TokenRejected: 401, also with a token fresh from `tokens.refreshed`, or with several that had expired.
            ScopeMissing: the grant lacks a scope.
            RateLimited: still limited after the retries, or for the rest of the day.
            PortalUnavailable: still unreachable or broken after the retries.
            RequestRefused: any other answer that is no success.
        """
        request = _Request(method, path, budget, query, orjson.dumps(body) if body is not None else None)

        async def attempt() -> T:
            token = await self.tokens.current()
            answer = await self.silence.bear(self._send(request, token))
            for refreshes in range(REFRESHES_MAX):
                if answer.status != 401 or (refreshes and not _says_expired(answer)):
                    break
                token = await self.tokens.refreshed(token)
                answer = await self.silence.bear(self._send(request, token))
            return await self._read(request, answer, decode, read)

        return await retried(
            attempt, limits=self.retry_limits, clock=self.clock, attempts_if_too_much=attempts_if_too_much
        )

    async def _send(self, request: "_Request", token: SecretStr) -> Answer:
        lined_up = monotonic()
        turn = await self.budgets.acquire(request.budget)
        self.waits_s[request.budget].append(monotonic() - lined_up)
        started = perf_counter()
        try:
            answer = await self.transport.send(
                request.method,
                request.path,
                query=request.query,
                json_body=request.json_body,
                bearer=token,
                on_sent=turn.sent,
                on_answered=turn.answered,
            )
        except PortalUnavailable:
            self._count(request, None, took_ms=(perf_counter() - started) * 1000)
            raise
        self._count(request, answer, took_ms=(perf_counter() - started) * 1000)
        if answer.status < 500:
            self.silence.break_()
        await self._observe(request.budget, answer.headers)
        return answer

    async def _ask_for_a_sign_of_life(self) -> None:
        """Ask for the account's details: whatever is said about them, an answer is an answer."""
        request = _Request("GET", paths.ACCOUNT, Budget.GENERAL, query=None, json_body=None)
        answer = await self._send(request, await self.tokens.current())
        if answer.status >= 500:
            raise error_for(str(request), answer, budget=request.budget, now=self.clock(), zone=self.zone)

    def _count(self, request: "_Request", answer: Answer | None, *, took_ms: float) -> None:
        sent = SentRequest(
            method=request.method,
            path=request.path,
            budget=request.budget,
            status=answer.status if answer else None,
            took_ms=took_ms,
        )
        log.debug(
            "hubspot request",
            method=sent.method,
            path=sent.path,
            budget=sent.budget.value,
            status=sent.status,
            took_ms=round(sent.took_ms),
        )
        if self.on_request is not None:
            self.on_request(sent)

    async def _observe(self, budget: Budget, headers: Mapping[str, str]) -> None:
        # The headers describe the ten-second policy, which search and associations are exempt from.
        if budget is Budget.GENERAL and "x-hubspot-ratelimit-max" in headers:
            await self.budgets.observe(
                budget,
                limit_max=_whole(headers.get("x-hubspot-ratelimit-max")),
                remaining=_whole(headers.get("x-hubspot-ratelimit-remaining")),
                interval_ms=_whole(headers.get("x-hubspot-ratelimit-interval-milliseconds")),
            )

    async def _read(
        self, request: "_Request", answer: Answer, decode: Callable[[bytes], Any], read: Callable[[Any], T]
    ) -> T:
        if answer.status < 300:
            return read_answer(str(request), answer, read, decode=decode)
        budget = request.budget
        error = error_for(str(request), answer, budget=budget, now=self.clock(), zone=self.zone)
        if isinstance(error, RateLimited) and error.retry_at is not None:
            log.warning("hubspot budget paused", budget=budget.value, policy=error.policy, until=error.retry_at)
            await self.budgets.back_off(budget, until=error.retry_at)
        raise error


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    budget: Budget
    query: Mapping[str, str] | None
    json_body: bytes | None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def read_answer(what: str, answer: Answer, read: Callable[[Any], T], *, decode: Callable[[bytes], Any] = decoded) -> T:
    """Return what `read` makes of a successful answer's JSON.

    Raises:
        PortalUnavailable: the body is cut off, no JSON, or not of the documented shape.
    """
    try:
        return read(decode(answer.content))
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError) as error:
        missing = f": {error} is missing" if isinstance(error, KeyError) else ""
        # Without the cause: a JSON error carries the whole body, which may hold a token or a person's data.
        raise PortalUnavailable(f"HubSpot's answer to {what} can't be read{missing}.") from None


def _says_expired(answer: Answer) -> bool:
    return error_body(answer).category == EXPIRED


def _whole(value: str | None) -> int | None:
    """Return what a header states as a number; None where that is no number, or too large to be one of calls or ms."""
    text = "" if value is None else value.strip()
    return int(text) if text.isdecimal() and len(text) <= HEADER_DIGITS_MAX else None

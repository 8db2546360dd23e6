"""What is too much for HubSpot in one request is asked for in halves, down to one record; a page in smaller pages."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import structlog

from coppermind_pipeline.hubspot.errors import HubSpotError
from coppermind_pipeline.hubspot.http.deadlines import is_bounded, time_to_try_again

log = structlog.get_logger(__name__)

T = TypeVar("T")
A = TypeVar("A")

# How often a request that may be too much is sent before it is halved: a fault that passes at once is none of size.
ATTEMPTS_BEFORE_HALVING = 2


@dataclass(slots=True)
class InParts(Generic[T, A]):
    """The answers to what was asked for, each with what it is about; and what fails even alone, with its error."""

    answers: list[tuple[Sequence[T], A]] = field(default_factory=list)
    failed: list[tuple[T, HubSpotError]] = field(default_factory=list)


@dataclass(slots=True)
class Halving(Generic[T]):
    """How much one endpoint is asked for at once, as far as it has shown what it can answer.

    Attributes:
        witnesses: asks, with full patience, for a few records of which HubSpot surely has an answer. Where that fails,
            the portal is down rather than the request too large.
        most: so many in one request; None until it has turned out that what HubSpot documents is too much.
    """

    witnesses: Callable[[], Awaitable[Sequence[T]]]
    most: int | None = None
    # One batch at a time finds out: a portal in trouble gets no storm of ever smaller requests.
    _finding_out: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def ask(self, items: Sequence[T], send: Callable[[Sequence[T], int], Awaitable[A]]) -> InParts[T, A]:
        """Return what `send` answers to all items, at once or in parts.

        Args:
            items: what is asked for.
            send: asks for some of them, as often as its second argument says while that is too much.

        Raises:
            HubSpotError: not one of the items can be had, nor one of the witnesses.
        """
        parts: InParts[T, A] = InParts()
        left = [items]
        while left:
            part = left.pop()
            if self.most is not None and len(part) > self.most:
                left += [part[self.most :], part[: self.most]]
                continue
            try:
                parts.answers.append((part, await send(part, ATTEMPTS_BEFORE_HALVING)))
            except HubSpotError as error:
                if not error.is_too_much:
                    raise
                async with self._finding_out:
                    if self.most is not None and len(part) > self.most:
                        left.append(part)  # another batch has found out meanwhile
                    else:
                        await self._find_out(part, send, parts)
        return parts

    async def _find_out(
        self, items: Sequence[T], send: Callable[[Sequence[T], int], Awaitable[A]], parts: InParts[T, A]
    ) -> None:
        """Ask in halves; where that does not come down to single items, remember the size that it came down to."""
        division = _Division(send, await self.witnesses())
        await division.halve(items)
        parts.answers += division.answers
        parts.failed += division.failed
        if not division.failed and division.largest < len(items):
            self.most = division.largest
        log.warning("asked in parts", of=len(items), largest=division.largest, failed=len(division.failed))


@dataclass(slots=True)
class PageSize:
    """How many records a page of one endpoint is asked to have, as far as it has shown what it can answer.

    Attributes:
        most: so many; None until it has turned out that what HubSpot documents is too much.
    """

    most: int | None = None

    async def ask(self, records: int, send: Callable[[int, int | None], Awaitable[A]]) -> A:
        """Return a page of so many records, or of fewer where that is too much.

        A page that is too much is answered by one of a single record: it tells a large page from a portal that is
        down, and gets on. The pages after it are half as large.

        Args:
            records: what is asked for.
            send: asks for a page of so many, as often as its second argument says while that is too much; None: as
                often as anything that fails.

        Raises:
            HubSpotError: not even one record can be had.
        """
        size = records if self.most is None else min(records, self.most)
        try:
            return await send(size, ATTEMPTS_BEFORE_HALVING if size > 1 else None)
        except HubSpotError as error:
            if not error.is_too_much or size == 1 or not time_to_try_again(0.0):
                raise
        page = await send(1, None)
        # Another page may have found out meanwhile.
        self.most = size // 2 if self.most is None else min(self.most, size // 2)
        log.warning("asked for smaller pages", of=size, most=self.most)
        return page


@dataclass(slots=True)
class _Division(Generic[T, A]):
    """The halving of one batch; `largest` is the size of the largest part that was answered."""

    send: Callable[[Sequence[T], int], Awaitable[A]]
    witnesses: Sequence[T]
    answers: list[tuple[Sequence[T], A]] = field(default_factory=list)
    failed: list[tuple[T, HubSpotError]] = field(default_factory=list)
    largest: int = 0

    async def halve(self, items: Sequence[T]) -> None:
        try:
            answer = await self.send(items, 1)
        except HubSpotError as error:
            if not error.is_too_much or not time_to_try_again(0.0):
                raise
            if len(items) == 1:
                await self._try_alone(items[0], error)
            else:
                await self.halve(items[: len(items) // 2])
                await self.halve(items[len(items) // 2 :])
        else:
            self._take(items, answer)

    async def _try_alone(self, item: T, error: HubSpotError) -> None:
        """Give an item up where it fails once more although HubSpot has answered for another one since it failed.

        What was answered before proves nothing: the portal may have gone down in the midst of the batch.
        """
        # Somebody's time may be what was too short; and an endpoint that answers nobody says nothing of one item.
        if is_bounded() or not await self._answers_for_another(item):
            raise error
        try:
            answer = await self.send([item], 1)
        except HubSpotError as again:
            if not again.is_too_much:
                raise
            self.failed.append((item, again))
        else:
            self._take([item], answer)

    async def _answers_for_another(self, item: T) -> bool:
        answered = [items[0] for items, _ in self.answers[-1:]]
        for witness in (*answered, *self.witnesses):
            if witness == item:
                continue
            try:
                await self.send([witness], 1)
            except HubSpotError as error:
                if not error.is_too_much:
                    raise
            else:
                return True
        return False

    def _take(self, items: Sequence[T], answer: A) -> None:
        self.answers.append((items, answer))
        self.largest = max(self.largest, len(items))

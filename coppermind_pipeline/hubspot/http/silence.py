"""Whether HubSpot answers for a portal at all, while a request waits: a large one may take a minute."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, TypeVar

from coppermind_pipeline.hubspot.errors import PortalUnavailable
from coppermind_pipeline.hubspot.http.deadlines import is_bounded, within

T = TypeVar("T")

# Whether a portal that said nothing for so long answers at all, a small request finds out in the time below.
SILENCE_MAX_S = 12.0
SIGN_OF_LIFE_MAX_S = 8.0


@dataclass(slots=True)
class Silence:
    """How long a portal has said nothing.

    Attributes:
        ask: makes a small request; raises PortalUnavailable where that has no answer.
    """

    ask: Callable[[], Awaitable[object]]
    _broken_at: float = field(default_factory=monotonic)
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def break_(self) -> None:
        """Take note that the portal has answered."""
        self._broken_at = monotonic()

    async def bear(self, request: Coroutine[Any, Any, T]) -> T:
        """Return what a request comes to, however long it takes, as long as the portal answers others.

        Raises:
            PortalUnavailable: it answers nothing; to try again is for a later sync.
        """
        if is_bounded():
            return await request
        sent = asyncio.create_task(request)
        sent.add_done_callback(_retrieve_error)
        try:
            while not (await asyncio.wait({sent}, timeout=SILENCE_MAX_S))[0]:
                await self._expect_an_answer()
            return sent.result()
        finally:
            sent.cancel()

    async def _expect_an_answer(self) -> None:
        async with self._asking:
            if monotonic() - self._broken_at < SILENCE_MAX_S:
                return
            try:
                with within(SIGN_OF_LIFE_MAX_S):
                    await self.ask()
            except PortalUnavailable as error:
                error.retries_spent = True
                raise
            self.break_()


def _retrieve_error(ended: "asyncio.Task[Any]") -> None:
    # Asked for, lest asyncio print it with a trace: of a request that was given up, it is no news.
    if not ended.cancelled():
        ended.exception()

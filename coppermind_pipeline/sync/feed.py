"""A feed: how a stage that reads the store learns that an earlier stage of the same pull has written more to it."""

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True)
class Feed:
    """What an earlier stage brings; `is_finished` once it brings no more."""

    is_finished: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def advance(self) -> None:
        """Say that there is more in the store."""
        self._news.set()

    def finish(self) -> None:
        """Say that there will be no more."""
        self.is_finished = True
        self._news.set()

    async def more(self) -> None:
        """Wait until there is more, or the feed is finished."""
        await self._news.wait()
        if not self.is_finished:
            self._news.clear()

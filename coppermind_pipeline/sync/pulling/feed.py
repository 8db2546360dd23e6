"""A feed: how a task of a pull that reads the store learns that an earlier one has written more to it."""

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True)
class Feed:
    """What an earlier task brings to one later task; anybody may wait for its end."""

    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _end: asyncio.Event = field(default_factory=asyncio.Event)

    def advance(self) -> None:
        """Say that there is more in the store."""
        self._news.set()

    def finish(self) -> None:
        """Say that there will be no more."""
        self._end.set()
        self._news.set()

    @property
    def is_finished(self) -> bool:
        """Whether there will be no more."""
        return self._end.is_set()

    async def more(self) -> None:
        """Wait until there is more, or the feed is finished."""
        await self._news.wait()
        if not self.is_finished:
            self._news.clear()

    async def end(self) -> None:
        """Wait until the feed is finished."""
        await self._end.wait()

"""The sandbox's clock: the machine's, until a test moves it forward."""

import time
from collections.abc import Callable


class Clock:
    """Milliseconds since the epoch; `advance` lets tokens expire and search indexes catch up without waiting."""

    def __init__(self, source: Callable[[], float] = time.time) -> None:
        self._source = source
        self._ahead_ms = 0

    def now_ms(self) -> int:
        """Return the sandbox's present time in whole milliseconds, UTC."""
        return int(self._source() * 1000) + self._ahead_ms

    def advance(self, milliseconds: int) -> int:
        """Move the clock forward and return its new time; it never goes back, as HubSpot's does not."""
        if milliseconds < 0:
            raise ValueError(f"the clock can't go back ({milliseconds} ms)")
        self._ahead_ms += milliseconds
        return self.now_ms()

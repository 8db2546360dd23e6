"""What came of the pull that a request asked for before its answer."""

from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePull:
    """A pull that was done, or not done and why."""

    done: bool = False
    failure: str | None = None

    def for_client(self) -> Self:
        """Return the same without the words of an error."""
        return self if self.failure is None else replace(self, failure="for a technical reason")


NO_LIVE_PULL = LivePull()

"""HubSpot's three budgets of calls per portal, as rolling windows.

Source: HubSpot, usage guidelines (110 in ten seconds for an OAuth app), "Search the CRM" (5 a second),
"Associate records" (100 in ten seconds).
"""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum


class Budget(StrEnum):
    """Which limit a call counts against; exactly one."""

    SEARCH = "search"
    ASSOCIATIONS = "associations"
    GENERAL = "general"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Policy:
    """How many calls in which window."""

    calls: int
    window_ms: int

    @property
    def name(self) -> str:
        """HubSpot's name for it in a 429."""
        return "SECONDLY" if self.window_ms <= 1_000 else "TEN_SECONDLY_ROLLING"


DEFAULT_POLICIES = {
    Budget.SEARCH: Policy(5, 1_000),
    Budget.ASSOCIATIONS: Policy(100, 10_000),
    Budget.GENERAL: Policy(110, 10_000),
}


@dataclass(slots=True)
class Window:
    """The calls of one budget in its rolling window, and what was seen so far."""

    policy: Policy
    enforced: bool
    calls: int = 0
    refused: int = 0
    #: The most calls, refused ones included, that any window saw.
    most: int = 0
    _taken: deque[int] = field(default_factory=deque)
    _seen: deque[int] = field(default_factory=deque)

    def take(self, now_ms: int) -> bool:
        """Count a call; False where the limit refuses it. Refused calls don't use up the limit."""
        self.calls += 1
        self._seen.append(now_ms)
        _forget(self._seen, now_ms - self.policy.window_ms)
        self.most = max(self.most, len(self._seen))
        _forget(self._taken, now_ms - self.policy.window_ms)
        if self.enforced and len(self._taken) >= self.policy.calls:
            self.refused += 1
            return False
        self._taken.append(now_ms)
        return True

    @property
    def remaining(self) -> int:
        """How many more calls the window takes now."""
        return max(0, self.policy.calls - len(self._taken))

    def forget_counts(self) -> None:
        """Count anew from here; the limit itself goes on."""
        self.calls = self.refused = self.most = 0
        self._seen.clear()

    def retry_after_ms(self, now_ms: int) -> int:
        """Return how long until the window takes a call again."""
        if len(self._taken) < self.policy.calls:
            return 0
        return max(0, self._taken[0] + self.policy.window_ms - now_ms)


@dataclass(slots=True)
class Budgets:
    """A portal's windows, and its calls of the day where that is limited too."""

    enforced: bool = True
    daily_calls_max: int | None = None
    windows: dict[Budget, Window] = field(init=False)
    _day: str = ""
    _today: int = 0

    def __post_init__(self) -> None:
        self.windows = {budget: Window(policy, self.enforced) for budget, policy in DEFAULT_POLICIES.items()}

    def refused_by_day(self, day: str) -> bool:
        """Count a call against its day; True where the day's calls are used up."""
        if day != self._day:
            self._day, self._today = day, 0
        self._today += 1
        return self.daily_calls_max is not None and self._today > self.daily_calls_max


def _forget(moments: deque[int], until_ms: int) -> None:
    while moments and moments[0] <= until_ms:
        moments.popleft()

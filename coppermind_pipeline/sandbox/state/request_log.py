"""What was asked of the sandbox, newest last."""

from collections import deque
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One API call as it was answered."""

    at_ms: int
    method: str
    path: str
    budget: str
    status: int
    took_ms: float
    hub_id: int | None
    records: int

    def document(self) -> dict[str, Any]:
        """Spell it for the control API."""
        return {name: getattr(self, name) for name in self.__slots__}


class RequestLog:
    """The last requests, and counts of all."""

    def __init__(self, requests_max: int) -> None:
        self._requests: deque[LoggedRequest] = deque(maxlen=requests_max)
        self.total = 0

    def add(self, request: LoggedRequest) -> None:
        """Note a call."""
        self._requests.append(request)
        self.total += 1

    def clear(self) -> None:
        """Forget all."""
        self._requests.clear()
        self.total = 0

    def matching(self, *, hub_id: int | None = None, path_contains: str = "", since_ms: int = 0) -> list[LoggedRequest]:
        """Return logged calls of a portal, path or time, oldest first."""
        return [
            request
            for request in self._requests
            if (hub_id is None or request.hub_id == hub_id)
            and path_contains in request.path
            and request.at_ms >= since_ms
        ]

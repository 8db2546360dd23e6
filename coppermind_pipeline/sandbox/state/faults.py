"""Faults on command: what to do to which of the coming requests."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, field_validator

Action = Literal["reply", "drop", "truncate"]


@dataclass(frozen=True, slots=True)
class Asked:
    """How many records a request asks for at most, and the ids that it names."""

    records: int = 0
    ids: frozenset[str] = field(default_factory=frozenset)


class Fault(BaseModel):
    """One fault; the first that matches a request and is not used up is applied.

    `reply` answers with `status`, `body` and `headers` instead of the real answer (`status` null: the real answer with
    `headers` besides, `delay_ms` later); `drop` closes the connection without a byte; `truncate` sends the real
    answer's head and the first half of its body.
    """

    model_config = ConfigDict(extra="forbid")

    action: Action = "reply"
    #: Regular expression, searched in the path as requested.
    path: str = ""
    method: str | None = None
    hub_id: int | None = None
    #: Only requests for more records than this, and only those that name one of these ids.
    over: int | None = Field(default=None, ge=0)
    ids: frozenset[str] | None = None
    #: Matching requests let through first, and then how many are hit; null: all.
    after: int = Field(default=0, ge=0)
    count: int | None = Field(default=1, ge=1)
    status: int | None = Field(default=None, ge=200, le=599)
    #: A string is sent as it is (HTML, broken JSON); anything else as JSON.
    body: object = None
    #: The body as bytes, in place of `body`: packed ones, for example.
    body_base64: Base64Bytes | None = None
    content_type: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    delay_ms: int = Field(default=0, ge=0)

    @field_validator("path")
    @classmethod
    def _is_expression(cls, path: str) -> str:
        re.compile(path)
        return path


class Faults:
    """The faults that are set."""

    def __init__(self) -> None:
        self._set: list[_SetFault] = []

    def add(self, fault: Fault) -> None:
        """Set a fault, after those that are set already."""
        self._set.append(_SetFault(fault))

    def clear(self) -> None:
        """Take all faults back."""
        self._set.clear()

    def pending(self) -> list[Fault]:
        """Return the faults that are not used up."""
        return [each.fault for each in self._set if not each.used_up]

    def next_for(
        self, *, method: str, path: str, hub_id: int | None, asked: Callable[[], Asked] = Asked
    ) -> Fault | None:
        """Return what is to happen to a request, and count it."""
        for each in self._set:
            if each.hits(method, path, hub_id, asked):
                return each.fault
        return None


class _SetFault:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._path = re.compile(fault.path)
        self._matched = 0

    @property
    def used_up(self) -> bool:
        count = self.fault.count
        return count is not None and self._matched >= self.fault.after + count

    def hits(self, method: str, path: str, hub_id: int | None, asked: Callable[[], Asked]) -> bool:
        fault = self.fault
        if self.used_up or not self._path.search(path):
            return False
        if fault.method not in {None, method} or (fault.hub_id is not None and fault.hub_id != hub_id):
            return False
        if fault.over is not None and asked().records <= fault.over:
            return False
        if fault.ids is not None and fault.ids.isdisjoint(asked().ids):
            return False
        self._matched += 1
        return self._matched > fault.after

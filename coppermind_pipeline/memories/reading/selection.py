"""Which memories a caller asks for: by kind, by who may see them, by connector and period."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self, TypeVar

from coppermind_pipeline.errors import UsageError
from coppermind_pipeline.memories.memory_types import Audience, MemoryType, Sensitivity

E = TypeVar("E", bound=StrEnum)


class WrongSelection(UsageError):
    """An argument of the memory tool has a value that it does not take."""

    code = "wrong_argument"


class UnknownMemory(UsageError):
    """There is no such memory in this mind."""

    code = "unknown_memory"
    hint = "List the mind's memories with action=list, or search them."


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Arguments that `search` and `list_memories` share, checked; None is every one.

    Attributes:
        sensitivities: those that may be shown; a client sees open memories alone.
        period_key: of aggregates; selects the last text of that period, superseded or not.
    """

    types: tuple[MemoryType, ...] | None
    sensitivities: tuple[Sensitivity, ...]
    connector_id: str | None
    include_superseded: bool
    period_key: str | None

    @classmethod
    def checked(
        cls,
        *,
        types: Collection[str] | None,
        sensitivity: str | None,
        audience: str | None,
        connector_id: str | None,
        include_superseded: bool,
        period_key: str | None,
    ) -> Self:
        """Check the arguments; raises WrongSelection, which names the values that one takes."""
        shown = set(Sensitivity) if sensitivity is None else {_member(Sensitivity, sensitivity, "sensitivity")}
        if audience is not None and _member(Audience, audience, "audience") is Audience.CLIENT:
            shown &= {Sensitivity.OPEN}
        return cls(
            types=None if types is None else tuple(_member(MemoryType, each, "types") for each in types),
            sensitivities=tuple(sorted(shown)),
            connector_id=connector_id,
            include_superseded=include_superseded,
            period_key=period_key,
        )

    def as_parameters(self) -> dict[str, Any]:
        """Return the values that statements bind."""
        return {
            "types": None if self.types is None else [str(each) for each in self.types],
            "sensitivities": [str(each) for each in self.sensitivities],
            "connectors": None if self.connector_id is None else [self.connector_id],
            "period": self.period_key,
            "include_superseded": self.include_superseded,
        }


def checked_limit(limit: int, *, most: int) -> int:
    """Return the number of memories asked for, at most `most`; raises WrongSelection for less than one."""
    if limit < 1:
        raise WrongSelection(f"limit must be at least 1, not {limit}.")
    return min(limit, most)


def _member(enumeration: type[E], value: str, argument: str) -> E:
    try:
        return enumeration(value)
    except ValueError:
        known = ", ".join(enumeration)
        raise WrongSelection(f"{argument} takes {known}; not {value!r}.") from None

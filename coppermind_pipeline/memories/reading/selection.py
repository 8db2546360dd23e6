"""Which memories a caller asks for: by kind, outcome and day, by who may see them, by connector and period."""

import calendar
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Self, TypeVar

from coppermind_pipeline.connectors import parse_period_key
from coppermind_pipeline.errors import UsageError
from coppermind_pipeline.memories.memory_types import Audience, MemoryType, Sensitivity

E = TypeVar("E", bound=StrEnum)


class WrongSelection(UsageError):
    """An argument of the memory tool has a value that it does not take."""

    code = "wrong_argument"


class UnknownMemory(UsageError):
    """There is no such memory in this mind."""

    code = "unknown_memory"
    hint = "`memory action=list` lists the mind's memories, and `memory action=search` finds them by words."


class Outcome(StrEnum):
    """What became of a deal, as far as memories tell."""

    WON = "won"
    LOST = "lost"
    OPEN = "open"


_TYPES_OF_OUTCOME = {
    Outcome.WON: (MemoryType.CAMPAIGN_OUTCOME,),
    Outcome.LOST: (MemoryType.OBJECTION, MemoryType.PAIN_POINT),
    Outcome.OPEN: (MemoryType.BUYING_SIGNAL,),
}

# Of a time its day.
_DATE = re.compile(r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2})(?:[T ].*)?)?)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Arguments that `search` and `list_memories` share, checked; None is every one.

    Attributes:
        types: those that were asked for and tell of the outcome that was.
        sensitivities: those that may be shown; a client sees open memories alone.
        period_key: of aggregates; selects the last text of that period, superseded or not.
        first_day, last_day: of the days that memories speak of, both included.
    """

    types: tuple[MemoryType, ...] | None
    sensitivities: tuple[Sensitivity, ...]
    connector_id: str | None
    include_superseded: bool
    period_key: str | None
    first_day: date | None
    last_day: date | None

    @classmethod
    def checked(
        cls,
        *,
        types: str | Collection[str] | None,
        sensitivity: str | None,
        audience: str | None,
        connector_id: str | None,
        include_superseded: bool,
        period_key: str | None,
        outcome: str | Collection[str] | None,
        since: str | None,
        until: str | None,
    ) -> Self:
        """Check the arguments.

        Args:
            types, outcome: none of them is no condition, as is leaving them out.
            since, until: a day (2026-11-18), a month (2026-11) or a year.

        Raises:
            WrongSelection: names the argument, and the values that it takes.
            PeriodKeyError: it is no period's key.
        """
        shown = set(Sensitivity) if sensitivity is None else {_member(Sensitivity, sensitivity, "sensitivity")}
        if audience is not None and _member(Audience, audience, "audience") is Audience.CLIENT:
            shown &= {Sensitivity.OPEN}
        first_day = None if since is None else days_of(since, "since")[0]
        last_day = None if until is None else days_of(until, "until")[1]
        if first_day is not None and last_day is not None and first_day > last_day:
            raise WrongSelection(f"since, {first_day}, lies after until, {last_day}.")
        if period_key is not None:
            parse_period_key(period_key)
        return cls(
            types=_types(types, outcome),
            sensitivities=tuple(sorted(shown)),
            connector_id=connector_id,
            include_superseded=include_superseded,
            period_key=period_key,
            first_day=first_day,
            last_day=last_day,
        )

    def as_parameters(self) -> dict[str, Any]:
        """Return the values that statements bind."""
        return {
            "types": None if self.types is None else [str(each) for each in self.types],
            "sensitivities": [str(each) for each in self.sensitivities],
            "connectors": None if self.connector_id is None else [self.connector_id],
            "period": self.period_key,
            "include_superseded": self.include_superseded,
            "first_day": self.first_day,
            "last_day": self.last_day,
        }


def checked_limit(limit: int, *, most: int) -> int:
    """Return the number of memories asked for, at most `most`; raises WrongSelection for less than one."""
    if limit < 1:
        raise WrongSelection(f"limit must be at least 1, not {limit}.")
    return min(limit, most)


def _types(types: str | Collection[str] | None, outcome: str | Collection[str] | None) -> tuple[MemoryType, ...] | None:
    asked = [_member(MemoryType, each, "types") for each in _several(types)]
    told = [
        memory_type
        for each in _several(outcome)
        for memory_type in _TYPES_OF_OUTCOME[_member(Outcome, each.strip().lower(), "outcome")]
    ]
    if not told:
        return tuple(asked) or None
    return tuple(each for each in told if not asked or each in asked)


def _several(given: str | Collection[str] | None) -> Collection[str]:
    """Return what was given as a list: one value may stand alone."""
    return [given] if isinstance(given, str) else given or ()


def days_of(value: str, argument: str) -> tuple[date, date]:
    """Return the first and the last day that a day, a month or a year has; raises WrongSelection for anything else."""
    written = _DATE.fullmatch(value.strip())
    year, month, day = (written["year"], written["month"], written["day"]) if written else ("", "", "")
    try:
        first = date(int(year), int(month or 1), int(day or 1))
        last_month = int(month or 12)
        return first, date(first.year, last_month, int(day or calendar.monthrange(first.year, last_month)[1]))
    except ValueError:
        raise WrongSelection(
            f"{argument} takes a day such as 2026-11-18, a month such as 2026-11 or a year; not {value!r}."
        ) from None


def _member(enumeration: type[E], value: str, argument: str) -> E:
    try:
        return enumeration(value)
    except ValueError:
        known = ", ".join(enumeration)
        raise WrongSelection(f"{argument} takes {known}; not {value!r}.") from None

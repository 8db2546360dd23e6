"""The ranges that questions name, as a person with a calendar finds them; days of the portal's zone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from coppermind_pipeline_tests.questions.portals import NOW, Asked

_NAMED = {
    "this_month": (date(2026, 11, 1), date(2026, 12, 1)),
    "last_month": (date(2026, 10, 1), date(2026, 11, 1)),
    "this_quarter": (date(2026, 10, 1), date(2027, 1, 1)),
    "last_quarter": (date(2026, 7, 1), date(2026, 10, 1)),
    "Q2 2026": (date(2026, 4, 1), date(2026, 7, 1)),
    "this_year": (date(2026, 1, 1), date(2027, 1, 1)),
}
# When the range begins that an unfinished one is compared with.
_BEFORE = {
    ("this_quarter", "previous_period"): date(2026, 7, 1),
    ("this_year", "previous_year"): date(2025, 1, 1),
}


@dataclass(frozen=True, slots=True)
class Days:
    """Days from the first on, up to the one before `end`."""

    first: date
    end: date

    def moments(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        return datetime.combine(self.first, time(), zone), datetime.combine(self.end, time(), zone)


def asked_range(asked: Asked, call: Mapping[str, Any]) -> Days:
    if "start" in call:
        return Days(date.fromisoformat(call["start"]), date.fromisoformat(call["end"]))
    period = call.get("period", "this_quarter")
    if period == "this_fiscal_year":
        return Days(date(2026, asked.made.fiscal_month, 1), date(2027, asked.made.fiscal_month, 1))
    return Days(*_NAMED[period])


def compared_range(asked: Asked, call: Mapping[str, Any]) -> Days | None:
    """Return the earlier range: as many days of it as have begun of the one that is not over."""
    if "compare_to" not in call:
        return None
    first = _BEFORE[call["period"], call["compare_to"]]
    return Days(first, first + timedelta(days=elapsed_days(asked, call) or 0))


def elapsed_days(asked: Asked, call: Mapping[str, Any]) -> int | None:
    """Return how many days of the range have begun; None where it is compared with none."""
    today = NOW.astimezone(asked.zone).date()
    return (today - asked_range(asked, call).first).days + 1 if "compare_to" in call else None

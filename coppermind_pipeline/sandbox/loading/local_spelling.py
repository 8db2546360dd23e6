"""Numbers and dates as people's settings spell them: `1.234,50 €`, `31/12/2026 9:05 PM`."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self, TypeVar
from zoneinfo import ZoneInfo

from coppermind_pipeline.sandbox.timestamps import parse_ms

T = TypeVar("T")

_GROUPING_SPACE = re.compile(r"(?<=\d)[\s'\u2019](?=\d{3})")
_NUMBER = re.compile(r"(?:[A-Z]{3}|kr)? ?(?P<bare>[+-]? ?\d[\d.,]*) ?(?:[A-Z]{3}|kr)?", re.ASCII)
_MOMENT = re.compile(
    r"(?:(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})"
    r"|(?P<first>\d{1,2})(?P<mark>[-/.])(?P<second>\d{1,2})(?P=mark)(?P<last>\d{4}))"
    r"(?P<time>,?[ T]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<seconds>\d{2}))?\s*(?P<half>[ap]\.?m\.?)?)?",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class LocalSpelling:
    """How one file spells what can be read in two ways; None where nothing in it tells."""

    decimal_mark: str | None
    day_first: bool | None

    @classmethod
    def found_in(cls, *, numbers: Iterable[str], moments: Iterable[str]) -> Self:
        """Find it by the texts that can be read in one way only: `1.234,50`, `31/12/2026`."""
        return cls(_only({_decimal_mark(text) for text in numbers}), _only({_day_first(text) for text in moments}))

    def number(self, text: str) -> str:
        """Spell a number as HubSpot's API does; raises ValueError saying why it can't be."""
        bare = _bare(text)
        if bare is None:
            raise ValueError("is no number")
        mark = _decimal_mark(text) or self.decimal_mark
        if mark is None and "," in bare:
            mark = "."  # a comma before three digits; a fraction that an export writes has a point, or two digits
        if mark is None and "." in bare:
            raise ValueError("can be read as thousands or as a fraction, and no other number of the file tells which")
        grouping = "." if mark == "," else ","
        if not re.fullmatch(rf"[+-]?\d+(?:{re.escape(grouping)}\d{{2,3}})*(?:{re.escape(mark or '.')}\d+)?", bare):
            raise ValueError("is no number")
        return bare.replace(grouping, "").replace(mark or ".", ".").removeprefix("+")

    def instant(self, text: str, zone: ZoneInfo) -> int:
        """Read a moment, in a zone where it names none, as epoch milliseconds; a bare day is midnight UTC.

        Raises:
            ValueError: saying why it can't be read.
        """
        found = _MOMENT.fullmatch(text.strip())
        if found is None:
            instant_ms = parse_ms(text)
            if instant_ms is None:
                raise ValueError("is no date that can be read; write it as 2026-12-31 or 2026-12-31 18:30")
            return instant_ms
        day, time = self._day(found), _time(found)
        try:
            moment = datetime(*day, *time, tzinfo=zone if found["time"] else UTC)
        except ValueError:
            raise ValueError("is no day of the calendar, or no time of day") from None
        return round(moment.timestamp() * 1000)

    def _day(self, found: re.Match[str]) -> tuple[int, int, int]:
        if found["year"]:
            return int(found["year"]), int(found["month"]), int(found["day"])
        told = _day_first(found[0])
        day_first = self.day_first if told is None else told
        first, second, year = int(found["first"]), int(found["second"]), int(found["last"])
        if day_first is None and first != second:
            raise ValueError("can be read as day or as month first, and no other date of the file tells which")
        return (year, second, first) if day_first else (year, first, second)


def _decimal_mark(text: str) -> str | None:
    """Return the mark before a number's fraction where the number alone tells: it may be one that has none."""
    bare = _bare(text) or ""
    marks = [char for char in bare if char in ".,"]
    if not marks:
        return None
    other = "," if marks[-1] == "." else "."
    if other in marks:
        return marks[-1]
    if len(marks) > 1:
        return other
    before, after = bare.lstrip("+-").split(marks[-1])
    return marks[-1] if len(after) != 3 or len(before) > 3 or before == "0" else None


def _bare(text: str) -> str | None:
    """Return sign, digits and marks without a currency and grouping spaces; None where it is no number."""
    text = _GROUPING_SPACE.sub("", "".join(c for c in text if unicodedata.category(c) != "Sc").strip())
    found = _NUMBER.fullmatch(text.replace("\N{MINUS SIGN}", "-").replace("\N{NO-BREAK SPACE}", " "))
    return None if found is None else found["bare"].replace(" ", "")


def _day_first(text: str) -> bool | None:
    found = _MOMENT.fullmatch(text.strip())
    if found is None or not found["mark"]:
        return None
    if found["mark"] == "." or int(found["first"]) > 12:
        return True
    return False if int(found["second"]) > 12 else None


def _time(found: re.Match[str]) -> tuple[int, int, int]:
    if not found["time"]:
        return 0, 0, 0
    hour, half = int(found["hour"]), (found["half"] or "").lower()
    if half and not 1 <= hour <= 12:
        raise ValueError("is no time of day")
    if half:
        hour = hour % 12 + (12 if half.startswith("p") else 0)
    return hour, int(found["minute"]), int(found["seconds"] or 0)


def _only(found: set[T | None]) -> T | None:
    """Return the one thing that was found; None where there is nothing, or one against the other."""
    told = found - {None}
    return told.pop() if len(told) == 1 else None

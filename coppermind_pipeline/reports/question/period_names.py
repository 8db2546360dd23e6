"""What people call a period: "Last quarter", "Q3 2026", "past 30 days" or "week 47 of 2026", each to its one name."""

import calendar
import re
from datetime import date

from coppermind_pipeline.reports.errors import ReportArgumentError

HINT = (
    "Periods are today, yesterday; this_ or last_ with week, month, quarter, year, fiscal_quarter or fiscal_year; "
    "last_30_days, last_12_months and the like, which end before the day or month that it is; 2026, 2026-11, 2026-Q3, "
    "2026-H1 or 2026-W47; FY2026 or FY2026-Q3; or the same as people write it, such as 'Q3 2026' or YTD. Any other "
    "range goes into start and end."
)

_MONTHS = {
    name.lower(): number
    for names in (calendar.month_name, calendar.month_abbr)
    for number, name in enumerate(names)
    if number
} | {"sept": 9}

_WRITTEN = re.compile(r"[A-Za-z0-9\s_./,'-]*")
_WORD = re.compile(r"[a-z]+|[0-9]+")
_SAY_NOTHING = frozenset({"the", "of", "in"})

# All that follows is matched against words in lower case with single spaces between them: "2026-Q3" is "2026 q 3".
_FISCAL = r"(?P<fiscal>(?:fy|(?:fiscal|financial)(?: year)?) )?"
# Four digits from 1900 to 2999: the years in which CRM dates can be read.
_YEAR = r"(?P<year>(?:19|2\d)\d\d)"
_HALF = r"(?:h|half) (?P<half>[12])"
_QUARTER = r"(?:q|quarter) (?P<quarter>[1-4])"
_WEEK = r"(?:w|week) (?P<week>\d\d?)"
_MONTH = rf"(?P<month>0[1-9]|1[0-2]|{'|'.join(_MONTHS)})"
_PART = rf"(?:{_HALF}|{_QUARTER}|{_WEEK}|{_MONTH})"

# An unfinished period is told and compared so far, which is what "to date" means.
_TO_DATE = re.compile(r"(?P<letter>[wmqy])td|(?P<unit>week|month|(?:fiscal )?(?:quarter|year)) to date")
_UNITS = {unit[0]: unit for unit in ("week", "month", "quarter", "year")}
# Three digits: a thousand years, and as many before them to compare with, are still dates.
_ROLLING = re.compile(
    r"(?:last|past|previous|trailing|rolling) (?P<count>[1-9]\d{0,2}) (?P<unit>day|week|month|quarter|year)s?"
)

_RELATIVE = re.compile(
    r"(?:(?P<this>this|current)|last|previous) (?P<fiscal>fiscal |financial )?(?P<unit>week|month|quarter|year)"
)
_ABSOLUTE = (re.compile(rf"{_FISCAL}{_YEAR}(?: {_PART})?"), re.compile(rf"{_PART} {_FISCAL}{_YEAR}"))


def period_name(written: str) -> str:
    """Return the name of a period, however it is written: `last_quarter`, `2026-Q3`, `2026-11`, `2026-W47`, `FY2026`.

    Raises:
        ReportArgumentError: it names no period, or a week that its year does not have.
    """
    words = [word for word in _WORD.findall(written.lower()) if word not in _SAY_NOTHING]
    name = _name(" ".join(words)) if _WRITTEN.fullmatch(written) else None
    if name is None:
        raise ReportArgumentError(f"{written!r} is not a period.", hint=HINT)
    return name


def _name(words: str) -> str | None:
    if relative := _RELATIVE.fullmatch(words):
        fiscal, unit = relative["fiscal"], relative["unit"]
        if fiscal and unit in {"week", "month"}:
            return None
        return f"{'this' if relative['this'] else 'last'}_{'fiscal_' if fiscal else ''}{unit}"
    if words in {"today", "yesterday"}:
        return words
    if to_date := _TO_DATE.fullmatch(words):
        return "this_" + (to_date["unit"] or _UNITS[to_date["letter"]]).replace(" ", "_")
    if rolling := _ROLLING.fullmatch(words):
        return f"last_{rolling['count']}_{rolling['unit']}s"
    found = next((match for form in _ABSOLUTE if (match := form.fullmatch(words))), None)
    if found is None or (found["fiscal"] and (found["month"] or found["week"])):
        return None
    year = f"{'FY' if found['fiscal'] else ''}{found['year']}"
    if found["half"]:
        return f"{year}-H{found['half']}"
    if found["quarter"]:
        return f"{year}-Q{found['quarter']}"
    if found["week"]:
        return f"{year}-W{_week(int(year), int(found['week'])):02}"
    month = found["month"]
    return f"{year}-{_MONTHS.get(month) or int(month):02}" if month else year


def _week(year: int, week: int) -> int:
    weeks = date(year, 12, 28).isocalendar().week  # always in the year's last week
    if not 1 <= week <= weeks:
        raise ReportArgumentError(
            f"{year} has no week {week}.", hint=f"Its weeks are 1 to {weeks}, as ISO 8601 counts them."
        )
    return week

"""A report's months as lines, beside those of the year before."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from coppermind_pipeline.crm import day_of
from coppermind_pipeline.reports.figures.measures import Figures
from coppermind_pipeline.reports.figures.panorama import MonthFigures, Panorama, a_year_before
from coppermind_pipeline.reports.figures.worth import amount_in_words
from coppermind_pipeline.reports.models import PanoramicReport
from coppermind_pipeline.reports.rendering.tables import NOTHING
from coppermind_pipeline.reports.rendering.units import Unit, titled, units_of
from coppermind_pipeline.wording import compact_money, day, month, number, report_percent

# Of more, a line's axis names every second or third.
MONTHS_NAMED_MAX = 12

# A drawing is as wide and high as this in its own measure; a style sheet makes it as large as there is room.
EXTENT = 1000
_TICKS_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One line: its name, where it runs, and its points."""

    kind: str
    name: str
    path: str
    points: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChart:
    """Lines over months under a title; `ticks` from the top down, `rows` the figures in words."""

    title: str
    unit: str
    months: Sequence[tuple[str, str]]
    ticks: Sequence[str]
    curves: Sequence[Curve]
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    form: str = "lines"


def month_charts(report: PanoramicReport) -> list[LineChart]:
    """Return revenue and win rate by month."""
    note = _of_months(report)
    return [*revenue_by_month(report.panorama, note=note), *_win_rate_by_month(report.panorama, note=note)]


def _of_months(report: PanoramicReport) -> str:
    """Say of which months less is known than of the others."""
    seen, covered = report.panorama, report.trust.coverage_since
    said: list[str] = []
    if seen.unfinished is not None:
        said.append(f"{month(seen.unfinished)} is not over yet.")
    covered_on = None if covered is None else day_of(covered, ZoneInfo(report.period.timezone))
    if covered_on is not None and covered_on > a_year_before(seen.months[0].first_day):
        said.append(f"Deals last changed before {day(covered_on)} were not read.")
    return " ".join(said)


def revenue_by_month(seen: Panorama, *, note: str) -> list[LineChart]:
    """Return what was won in each month, beside the year before: a chart for each currency, none without amounts."""
    sums = [
        each.closed_won
        for month in seen.months
        for each in (month.figures, month.year_before)
        if each is not None and each.closed_won.deals
    ]

    def chart(unit: Unit) -> LineChart:
        def amount(figures: Figures | None) -> float | None:
            if figures is None:
                return None
            found = unit.amount_of(figures.closed_won)
            return 0.0 if found is None else float(Decimal(found.amount))

        def words(figures: Figures | None) -> str:
            if figures is None:
                return NOTHING
            found = unit.amount_of(figures.closed_won)
            none = "no amount" if figures.closed_won.deals else NOTHING
            return f"{none if found is None else amount_in_words(found, whole=True)}"

        return _lines(
            seen,
            titled("Closed won by month", unit, units),
            unit.words,
            amount,
            words,
            note=note,
            axis=lambda value: compact_money(Decimal(str(value)), unit.currency),
        )

    units = units_of(sums)
    return [chart(unit) for unit in units if unit is not None]


def _win_rate_by_month(seen: Panorama, *, note: str) -> list[LineChart]:
    def rate(figures: Figures | None) -> float | None:
        return None if figures is None or figures.win_rate is None else 100 * float(Decimal(figures.win_rate))

    def words(figures: Figures | None) -> str:
        if figures is None or figures.win_rate is None:
            return NOTHING
        won, lost = figures.closed_won.deals, figures.closed_lost.deals
        return f"{report_percent(Decimal(figures.win_rate))} ({number(won)} of {number(won + lost)})"

    if all(rate(each) is None for month in seen.months for each in (month.figures, month.year_before)):
        return []
    return [
        _lines(
            seen,
            "Win rate by month",
            "percent of closed deals",
            rate,
            words,
            note=note,
            axis=lambda value: f"{value:g} %",
            span=(0.0, 100.0),
        )
    ]


def _lines(
    seen: Panorama,
    title: str,
    unit: str,
    value: Callable[[Figures | None], float | None],
    words: Callable[[Figures | None], str],
    *,
    note: str,
    axis: Callable[[float], str],
    span: tuple[float, float] | None = None,
) -> LineChart:
    now = [value(month.figures) for month in seen.months]
    before = [value(month.year_before) for month in seen.months]
    known = [each for each in (*now, *before) if each is not None]
    ticks = _ticks(*(span or (min(0.0, *known), max(0.0, *known))))
    low, high = ticks[0], ticks[-1]
    first, last = seen.months[0].first_day, seen.months[-1].first_day
    this_one = f"{month(first)} to {month(last)}"
    return LineChart(
        title=title,
        unit=unit,
        months=_month_names(seen.months),
        ticks=[axis(tick) for tick in reversed(ticks)],
        curves=[_curve("before", "The year before", before, low, high), _curve("now", this_one, now, low, high)],
        headings=("Month", "Figure", "The year before"),
        rows=[[month(each.first_day), words(each.figures), words(each.year_before)] for each in seen.months],
        note=note,
    )


def _curve(kind: str, name: str, values: Sequence[float | None], low: float, high: float) -> Curve:
    path: list[str] = []
    points: list[str] = []
    joined = False
    for place, value in enumerate(values):
        if value is None:
            joined = False
            continue
        x = round((place + 0.5) / len(values) * EXTENT, 1)
        y = round((high - value) / (high - low) * EXTENT, 1)
        path.append(f"{'L' if joined else 'M'}{x:g} {y:g}")
        points.append(f"M{x:g} {y:g}h0")
        joined = True
    return Curve(kind=kind, name=name, path="".join(path), points="".join(points))


def _ticks(low: float, high: float) -> list[float]:
    """Return round numbers from below the lowest value to above the highest, equally far apart."""
    rough = ((high - low) or 1.0) / (_TICKS_MAX - 1)
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(magnitude * factor for factor in (1, 2, 2.5, 5, 10) if magnitude * factor >= rough)
    first, last = math.floor(low / step), max(math.ceil(high / step), 1)
    return [step * place for place in range(first, last + 1)]


def _month_names(months: Sequence[MonthFigures]) -> list[tuple[str, str]]:
    """Return each month's short name, and the year where one begins."""
    apart = math.ceil(len(months) / MONTHS_NAMED_MAX)
    return [
        (_short(each.first_day), str(each.first_day.year) if place == 0 or each.first_day.month <= apart else "")
        if place % apart == 0
        else ("", "")
        for place, each in enumerate(months)
    ]


def _short(first_day: date) -> str:
    return month(first_day)[:3]

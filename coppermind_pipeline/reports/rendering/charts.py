"""The charts of a report: what is drawn, as lengths and points. `templates/charts.html` draws it.

Bars are rows of a table, each with its figure in words; a line's figures are a table below it. So nothing depends on
seeing colours or lengths, and no text is cut or shrunk with a drawing.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from coppermind_pipeline.reports.figures.measures import Amount, DealSum, Figures
from coppermind_pipeline.reports.figures.panorama import MonthFigures, Panorama, Part
from coppermind_pipeline.reports.figures.worth import amount_in_words
from coppermind_pipeline.reports.models import CrmReport, PanoramicReport
from coppermind_pipeline.reports.question.request import GroupBy
from coppermind_pipeline.reports.rendering.tables import NOTHING, groups_title
from coppermind_pipeline.wording import compact_money, count, month, number, report_percent, uncapitalized

BARS_MAX = 20
CURRENCIES_MAX = 3
# Of more, a line's axis names every third.
MONTHS_NAMED_MAX = 12

# A drawing is as wide and high as this in its own measure; a style sheet makes it as large as there is room.
EXTENT = 1000
_TICKS_MAX = 5

# Charts of the panorama that show the same as one of the report's own groups would.
_WORTH_IN_PANORAMA = (GroupBy.SOURCE, GroupBy.COUNTRY, GroupBy.MONTH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """A part of a bar, in hundredths of the longest; `kind` decides its colour."""

    kind: str
    start: float
    length: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One row: its name, its figure in words, what is said beside it, and the parts of its bar."""

    label: str
    figure: str
    beside: str = ""
    parts: Sequence[Length]


@dataclass(frozen=True, slots=True, kw_only=True)
class BarChart:
    """Bars under a title; the unit says what their lengths are. `kinds` are named where there are several."""

    title: str
    unit: str
    of: str
    bars: Sequence[Bar]
    kinds: Sequence[tuple[str, str]] = ()
    note: str = ""

    form: str = "bars"


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


Chart = BarChart | LineChart


def panorama_charts(report: CrmReport) -> list[Chart]:
    """Return what every report shows: revenue and win rate by month, sources, open pipeline by stage, countries."""
    if not isinstance(report, PanoramicReport):
        return []
    seen = report.panorama
    return [
        *_revenue_by_month(seen),
        *_win_rate_by_month(seen),
        *_worth("Closed won by source", "Source", seen.sources, _won),
        *_worth("Closed won by country", "Country", seen.countries, _won),
        *_worth("Open pipeline by stage", "Stage", seen.stages, _open),
    ]


def group_charts(report: CrmReport) -> list[Chart]:
    """Return what the closed-won deals of each group are worth, and how many deals each won and lost.

    Groups in which nothing closed are left out; without others, there is nothing to draw.
    """
    closed = [group for group in report.groups if group.closed_won.deals or group.closed_lost.deals]
    shown = closed[:BARS_MAX]
    several = report.audit.group_by is not None and len(report.trust.portal_ids) > 1
    parts = [
        Part(label=f"{group.label} ({group.portal_id})" if several else group.label,
             figures=Figures(**{name: getattr(group, name) for name in Figures.model_fields}))
        for group in shown
    ]  # fmt: skip
    by = uncapitalized(groups_title(report))
    left_out = len(closed) - len(shown)
    note = f"The first {count(len(shown), 'group')}; the table has {number(left_out)} more." if left_out else ""
    drawn_above = isinstance(report, PanoramicReport) and report.audit.group_by in _WORTH_IN_PANORAMA
    worth = [] if drawn_above else _worth(f"Closed won {by}", groups_title(report)[3:], parts, _won, note=note)
    return [*worth, *_won_and_lost(f"Deals won and lost {by}", groups_title(report)[3:], parts, note)]


def _won(figures: Figures) -> DealSum:
    return figures.closed_won


def _open(figures: Figures) -> DealSum:
    return figures.open


def _worth(
    title: str, of: str, parts: Sequence[Part], measure: Callable[[Figures], DealSum], *, note: str = ""
) -> list[BarChart]:
    """Return one chart for each currency, of the parts that have deals."""
    having = [part for part in parts if measure(part.figures).deals]
    sums = [measure(part.figures) for part in having]
    units = _units(sums)
    return [
        BarChart(
            title=_titled(title, unit, units),
            unit="number of deals" if unit is None else unit.words,
            of=of.capitalize(),
            bars=_worth_bars(having, sums, unit, units),
            note=note,
        )
        for unit in units
    ]


def _titled(title: str, unit: "_Unit | None", units: Sequence["_Unit | None"]) -> str:
    """Return the title, with the currency where there is a chart for each of several."""
    return f"{title}, {unit.words}" if unit is not None and len(units) > 1 else title


def _worth_bars(
    parts: Sequence[Part], sums: Sequence[DealSum], unit: "_Unit | None", units: Sequence["_Unit | None"]
) -> list[Bar]:
    if unit is None:
        lengths = [float(each.deals) for each in sums]
        return [
            Bar(label=part.label, figure=count(each.deals, "deal"), beside="none with an amount", parts=_parts(length))
            for part, each, length in zip(parts, sums, _scaled(lengths), strict=True)
        ]
    found = [(part, each, amount) for part, each in zip(parts, sums, strict=True)
             if (amount := unit.amount_of(each)) is not None or len(units) == 1]  # fmt: skip
    lengths = _scaled([0.0 if amount is None else float(Decimal(amount.amount)) for _, _, amount in found])
    return [
        Bar(
            label=part.label,
            figure=NOTHING if amount is None else amount_in_words(amount, whole=True),
            # How many of them are in each currency is not known.
            beside=_deals(each) if len(units) == 1 else "",
            parts=_parts(length),
        )
        for (part, each, amount), length in zip(found, lengths, strict=True)
    ]


def _deals(deals: DealSum) -> str:
    without = f", {number(deals.without_amount)} without amount" if deals.without_amount else ""
    return f"{count(deals.deals, 'deal')}{without}"


def _won_and_lost(title: str, of: str, parts: Sequence[Part], note: str) -> list[BarChart]:
    if not parts:
        return []
    longest = max(part.figures.closed_won.deals + part.figures.closed_lost.deals for part in parts)

    def bar(part: Part) -> Bar:
        won, lost = part.figures.closed_won.deals, part.figures.closed_lost.deals
        rate = part.figures.win_rate
        return Bar(
            label=part.label,
            figure=f"{number(won)} won, {number(lost)} lost",
            beside="" if rate is None else f"win rate {report_percent(Decimal(rate))}",
            parts=[
                Length(kind="won", start=0, length=_hundredths(won, longest)),
                Length(kind="lost", start=_hundredths(won, longest), length=_hundredths(lost, longest)),
            ],
        )

    kinds = (("won", "Won"), ("lost", "Lost"))
    bars = [bar(part) for part in parts]
    return [BarChart(title=title, unit="number of deals", of=of.capitalize(), bars=bars, kinds=kinds, note=note)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    """A currency that amounts are drawn in: the company's, where each of them is known in it, else the deals' own."""

    currency: str | None
    of_company: bool

    @property
    def words(self) -> str:
        return f"{self.currency or 'unknown currency'}{', company currency' if self.of_company else ''}"

    def amount_of(self, deals: DealSum) -> Amount | None:
        if self.of_company:
            return deals.amount_home if deals.amounts else None
        return next((amount for amount in deals.amounts if amount.currency == self.currency), None)


def _units(sums: Sequence[DealSum]) -> list[_Unit | None]:
    """Return the currencies to draw amounts in, which are never added up; None for deals without any amount."""
    if not sums:
        return []
    priced = [each for each in sums if each.amounts]
    home = {each.amount_home.currency if each.amount_home is not None else None for each in priced}
    if len(home) == 1 and None not in home:
        return [_Unit(currency=home.pop(), of_company=True)]
    found = [amount.currency for each in priced for amount in each.amounts]
    most_used = sorted(set(found), key=lambda code: (-found.count(code), code is None, code or ""))[:CURRENCIES_MAX]
    return [_Unit(currency=code, of_company=False) for code in most_used] or [None]


def _scaled(values: Sequence[float]) -> list[tuple[float, float]]:
    """Return where each bar begins and how long it is; less than nothing runs to the other side."""
    low, high = min(0.0, *values), max(0.0, *values)
    extent = (high - low) or 1.0
    return [(_hundredths(min(value, 0.0) - low, extent), _hundredths(abs(value), extent)) for value in values]


def _parts(scaled: tuple[float, float]) -> list[Length]:
    start, length = scaled
    return [Length(kind="won", start=start, length=length)]


def _hundredths(value: float, of: float) -> float:
    return round(100 * value / of, 2) if of else 0.0


def _revenue_by_month(seen: Panorama) -> list[LineChart]:
    sums = [
        each.closed_won
        for month in seen.months
        for each in (month.figures, month.year_before)
        if each is not None and each.closed_won.deals
    ]

    def chart(unit: _Unit) -> LineChart:
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
            seen, _titled("Closed won by month", unit, units), unit.words, amount, words,
            axis=lambda value: compact_money(Decimal(str(value)), unit.currency),
        )  # fmt: skip

    units = _units(sums)
    return [chart(unit) for unit in units if unit is not None]


def _win_rate_by_month(seen: Panorama) -> list[LineChart]:
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
        _lines(seen, "Win rate by month", "percent of closed deals", rate, words, axis=lambda value: f"{value:g} %",
               span=(0.0, 100.0))
    ]  # fmt: skip


def _lines(
    seen: Panorama,
    title: str,
    unit: str,
    value: Callable[[Figures | None], float | None],
    words: Callable[[Figures | None], str],
    *,
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
        note="" if seen.unfinished is None else f"{month(seen.unfinished)} is not over yet.",
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


def _short(day: date) -> str:
    return month(day)[:3]

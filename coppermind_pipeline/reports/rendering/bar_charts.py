"""Bars: rows of a table, each with its figure in words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from coppermind_pipeline.reports.figures.losses import Losses, LossTheme
from coppermind_pipeline.reports.figures.measures import DealSum, Figures, rate
from coppermind_pipeline.reports.figures.panorama import Part
from coppermind_pipeline.reports.figures.worth import amount_in_words, sums
from coppermind_pipeline.reports.rendering.tables import NOTHING
from coppermind_pipeline.reports.rendering.units import Unit, titled, units_of
from coppermind_pipeline.wording import count, number, report_percent


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


def of_won(figures: Figures) -> DealSum:
    """Return the won deals."""
    return figures.closed_won


def of_open(figures: Figures) -> DealSum:
    """Return the open deals."""
    return figures.open


def worth_bars(
    title: str, of: str, parts: Sequence[Part], measure: Callable[[Figures], DealSum], *, note: str = ""
) -> list[BarChart]:
    """Return one chart for each currency, of the parts that have deals."""
    having = [part for part in parts if measure(part.figures).deals]
    sums = [measure(part.figures) for part in having]
    units = units_of(sums)
    return [
        BarChart(
            title=titled(title, unit, units),
            unit="number of deals" if unit is None else unit.words,
            of=of.capitalize(),
            bars=_worth_bars(having, sums, unit, units),
            note=note,
        )
        for unit in units
    ]


def loss_bars(losses: Losses) -> list[BarChart]:
    """Return how many deals each theme of losses is given for, those without a reason last."""
    rows: list[tuple[str, int, str, LossTheme | None]] = [
        (theme.label, theme.deals, theme.share, theme) for theme in losses.themes
    ]
    rows += [(label, deals, rate(deals, losses.deals), None) for label, deals in losses.beside_themes]
    longest = max((deals for _, deals, _, _ in rows), default=0)
    bars = [
        Bar(
            label=label,
            figure=count(deals, "deal"),
            beside=f"{report_percent(Decimal(share))} of lost{_lost_worth(theme)}",
            parts=[Length(kind="lost", start=0, length=_hundredths(deals, longest))],
        )
        for label, deals, share, theme in rows
    ]
    return [BarChart(title="Why deals were lost", unit="number of lost deals", of="Theme", bars=bars)] if bars else []


def _lost_worth(theme: LossTheme | None) -> str:
    return f", {sums(theme.amounts, nothing='', whole=True)}" if theme is not None and theme.amounts else ""


def _worth_bars(
    parts: Sequence[Part], sums: Sequence[DealSum], unit: Unit | None, units: Sequence[Unit | None]
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


def won_and_lost(title: str, of: str, parts: Sequence[Part], note: str) -> list[BarChart]:
    """Return how many deals each part won and lost."""
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


def scaled_bars(values: Sequence[float], *, kind: str = "won") -> list[list[Length]]:
    """Return each value as a bar, the longest as long as there is room."""
    return [[Length(kind=kind, start=start, length=length)] for start, length in _scaled(values)]


def _scaled(values: Sequence[float]) -> list[tuple[float, float]]:
    """Return where each bar begins and how long it is; less than nothing runs to the other side."""
    low, high = min([0.0, *values]), max([0.0, *values])
    extent = (high - low) or 1.0
    return [(_hundredths(min(value, 0.0) - low, extent), _hundredths(abs(value), extent)) for value in values]


def _parts(scaled: tuple[float, float]) -> list[Length]:
    start, length = scaled
    return [Length(kind="won", start=start, length=length)]


def _hundredths(value: float, of: float) -> float:
    return round(100 * value / of, 2) if of else 0.0

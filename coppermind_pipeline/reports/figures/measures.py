"""The figures of a report: sums of deals, as they come from the store and as they are shown."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import StrEnum
from itertools import accumulate

from pydantic import BaseModel, ConfigDict

from coppermind_pipeline.crm import Outcome
from coppermind_pipeline.reports.question.request import OUTCOMES
from coppermind_pipeline.wording import amount_text

_SUMS = Context(prec=60, rounding=ROUND_HALF_UP)
_RATE = Decimal("0.0001")
_CENT = Decimal("0.01")


class Measure(StrEnum):
    """What a deal is counted in; each has its own date."""

    CLOSED_WON = "closed_won"
    CLOSED_LOST = "closed_lost"
    OPEN = "open"
    OVERDUE = "overdue"
    PIPELINE_CREATED = "pipeline_created"


CLOSED = (Measure.CLOSED_WON, Measure.CLOSED_LOST)
OF_A_RANGE = (*CLOSED, Measure.PIPELINE_CREATED)


class Amount(BaseModel):
    """A sum in one currency; None where neither the deals nor their portal name one."""

    model_config = ConfigDict(frozen=True)

    currency: str | None
    amount: str


class DealSum(BaseModel):
    """Deals and what they are worth.

    `amounts`: in the deals' own currencies, which are never added up. `amount_home`: in the portal's company currency;
    None unless every deal with an amount has one there. A deal without amount is in `without_amount`, not a zero.
    """

    model_config = ConfigDict(frozen=True)

    deals: int = 0
    amounts: list[Amount] = []
    amount_home: Amount | None = None
    without_amount: int = 0


class TopDeal(BaseModel):
    """One of the largest won deals of the range, by what it is worth in the company currency."""

    model_config = ConfigDict(frozen=True)

    connector_id: str
    deal_id: str
    name: str | None
    amount: str | None
    currency: str | None
    amount_home: str | None
    report_date: date | None
    link: str | None


class RangeFigures(BaseModel):
    """What happened within a range.

    `win_rate`: won ÷ (won + lost), 4 digits; None where nothing closed, or where won or lost deals are left out (which
    `Audit.withheld` says). `average_deal`: over won deals with an amount.
    `median_days_to_close`: days from creation to close of won deals; those closed before they were created are left
    out and counted in `closed_before_created`.
    """

    model_config = ConfigDict(frozen=True)

    closed_won: DealSum
    closed_lost: DealSum
    win_rate: str | None
    average_deal: list[Amount]
    median_days_to_close: int | float | None
    closed_before_created: int
    pipeline_created: DealSum


class Figures(BaseModel):
    """All figures of a report or of one of its groups; `open`, `weighted_pipeline` and `overdue` know no range."""

    model_config = ConfigDict(frozen=True)

    closed_won: DealSum
    closed_lost: DealSum
    open: DealSum
    win_rate: str | None
    average_deal: list[Amount]
    median_days_to_close: int | float | None
    closed_before_created: int
    weighted_pipeline: list[Amount]
    pipeline_created: DealSum
    overdue: DealSum
    top_deals: list[TopDeal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The sums of one measure, group and currency of one connector, straight from the store.

    Attributes:
        key: of the group; None where the deals are in none.
        home_currency: the connector's company currency.
        amount, amount_home, weighted: None where no deal has any; `weighted` is not rounded.
        without_home: deals with an amount but none in the company currency.
        worth: what groups are ranked by: the amounts that are known in the company currency.
        disagreeing: deals whose stage and own properties say different outcomes.
        unweighted: deals with an amount, but without a probability.
    """

    connector_id: str
    key: str | None
    measure: Measure
    currency: str | None
    home_currency: str | None
    deals: int
    with_amount: int
    amount: Decimal | None
    amount_home: Decimal | None
    without_home: int
    weighted: Decimal | None
    worth: Decimal
    disagreeing: int = 0
    unweighted: int = 0
    text: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Days:
    """Days from one date of a record to a later one, each with how many took so long; below zero, it came earlier."""

    records: Counter[int] = field(default_factory=Counter)

    def __add__(self, others: "Days") -> "Days":
        return Days(self.records + others.records)

    @property
    def median(self) -> float | None:
        """The median, without those below zero; None where there are no others."""
        days = sorted(each for each in self.records if each >= 0)
        up_to = list(accumulate(self.records[each] for each in days))
        if not up_to:
            return None
        lower, upper = (days[bisect_right(up_to, place)] for place in ((up_to[-1] - 1) // 2, up_to[-1] // 2))
        return (lower + upper) / 2

    @property
    def negative(self) -> int:
        """How many are below zero."""
        return sum(records for days, records in self.records.items() if days < 0)

    @property
    def onwards(self) -> int:
        """How many are not."""
        return self.records.total() - self.negative


@dataclass(slots=True)
class _Sums:
    deals: int = 0
    with_amount: int = 0
    without_home: int = 0
    amounts: defaultdict[str | None, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    priced: defaultdict[str | None, int] = field(default_factory=lambda: defaultdict(int))
    home: defaultdict[str | None, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    weighted: defaultdict[str | None, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def add(self, cell: Cell) -> None:
        self.deals += cell.deals
        self.with_amount += cell.with_amount
        self.without_home += cell.without_home
        if cell.amount is not None:
            self.amounts[cell.currency] = _SUMS.add(self.amounts[cell.currency], cell.amount)
            self.priced[cell.currency] += cell.with_amount
        if cell.amount_home is not None:
            self.home[cell.home_currency] = _SUMS.add(self.home[cell.home_currency], cell.amount_home)
        if cell.weighted is not None:
            self.weighted[cell.currency] = _SUMS.add(self.weighted[cell.currency], cell.weighted)

    def shown(self) -> DealSum:
        return DealSum(
            deals=self.deals,
            amounts=_amounts(self.amounts),
            amount_home=self._amount_home(),
            without_amount=self.deals - self.with_amount,
        )

    def averages(self) -> dict[str | None, Decimal]:
        return {currency: _SUMS.divide(total, Decimal(self.priced[currency])).quantize(_CENT, context=_SUMS)
                for currency, total in self.amounts.items()}  # fmt: skip

    def _amount_home(self) -> Amount | None:
        # Portals with different company currencies have no common one.
        if self.without_home or len(self.home) != 1:
            return None
        ((currency, amount),) = self.home.items()
        return None if currency is None else Amount(currency=currency, amount=amount_text(amount, currency))


def figures_of(
    cells: Iterable[Cell], *, days: Days, top_deals: Sequence[TopDeal], outcomes: Sequence[Outcome] = OUTCOMES
) -> Figures:
    """Add up the cells of a report or of one group, whose deals are those of the outcomes alone."""
    sums = _add_up(cells)
    won, lost = sums[Measure.CLOSED_WON], sums[Measure.CLOSED_LOST]
    return Figures(
        closed_won=won.shown(),
        closed_lost=lost.shown(),
        open=sums[Measure.OPEN].shown(),
        win_rate=_win_rate(won.deals, lost.deals) if {"won", "lost"} <= {*outcomes} else None,
        average_deal=_amounts(won.averages()),
        median_days_to_close=_days(days.median),
        closed_before_created=days.negative,
        weighted_pipeline=_amounts(_to_the_cent(sums[Measure.OPEN].weighted)),
        pipeline_created=sums[Measure.PIPELINE_CREATED].shown(),
        overdue=sums[Measure.OVERDUE].shown(),
        top_deals=list(top_deals),
    )


def range_figures_of(cells: Iterable[Cell], *, days: Days, outcomes: Sequence[Outcome] = OUTCOMES) -> RangeFigures:
    """Add up the cells of an earlier range: what is open now says nothing about it."""
    figures = figures_of(cells, days=days, top_deals=(), outcomes=outcomes)
    return RangeFigures(**{name: getattr(figures, name) for name in RangeFigures.model_fields})


def sum_of(cells: Iterable[Cell]) -> DealSum:
    """Add up cells of one measure."""
    sums = _Sums()
    for cell in cells:
        sums.add(cell)
    return sums.shown()


def rate(part: int, whole: int) -> str:
    """Return part ÷ whole, four digits."""
    return str(_SUMS.divide(Decimal(part), Decimal(whole)).quantize(_RATE, context=_SUMS))


def _add_up(cells: Iterable[Cell]) -> dict[Measure, _Sums]:
    sums = {measure: _Sums() for measure in Measure}
    for cell in cells:
        sums[cell.measure].add(cell)
    return sums


def _to_the_cent(by_currency: Mapping[str | None, Decimal]) -> dict[str | None, Decimal]:
    return {currency: amount.quantize(_CENT, context=_SUMS) for currency, amount in by_currency.items()}


def _amounts(by_currency: dict[str | None, Decimal] | defaultdict[str | None, Decimal]) -> list[Amount]:
    ordered = sorted(by_currency.items(), key=lambda item: (item[0] is None, item[0] or ""))
    return [Amount(currency=currency, amount=amount_text(amount, currency)) for currency, amount in ordered]


def _win_rate(won: int, lost: int) -> str | None:
    return rate(won, won + lost) if won + lost else None


def _days(median: float | None) -> int | float | None:
    return int(median) if median is not None and median.is_integer() else median

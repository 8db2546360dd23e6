"""The currencies that amounts are drawn in, which are never added up."""

from collections.abc import Sequence
from dataclasses import dataclass

from coppermind_pipeline.reports.figures.measures import Amount, DealSum

CURRENCIES_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A currency that amounts are drawn in: the company's, where each of them is known in it, else the deals' own."""

    currency: str | None
    of_company: bool

    @property
    def words(self) -> str:
        """The currency, and whether it is the company's."""
        return f"{self.currency or 'unknown currency'}{', company currency' if self.of_company else ''}"

    def amount_of(self, deals: DealSum) -> Amount | None:
        """Return what deals are worth in it."""
        if self.of_company:
            return deals.amount_home if deals.amounts else None
        return next((amount for amount in deals.amounts if amount.currency == self.currency), None)


def units_of(sums: Sequence[DealSum]) -> list[Unit | None]:
    """Return the currencies to draw amounts in, which are never added up; None for deals without any amount."""
    if not sums:
        return []
    priced = [each for each in sums if each.amounts]
    home = {each.amount_home.currency if each.amount_home is not None else None for each in priced}
    if len(home) == 1 and None not in home:
        return [Unit(currency=home.pop(), of_company=True)]
    found = [amount.currency for each in priced for amount in each.amounts]
    most_used = sorted(set(found), key=lambda code: (-found.count(code), code is None, code or ""))[:CURRENCIES_MAX]
    return [Unit(currency=code, of_company=False) for code in most_used] or [None]


def titled(title: str, unit: Unit | None, units: Sequence[Unit | None]) -> str:
    """Return the title, with the currency where there is a chart for each of several."""
    return f"{title}, {unit.words}" if unit is not None and len(units) > 1 else title

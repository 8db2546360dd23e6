"""What deals are worth, in words."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from coppermind_pipeline.reports.figures.measures import Amount, DealSum
from coppermind_pipeline.wording import listed, money, number


def amount_in_words(amount: Amount, *, whole: bool = False) -> str:
    """Return an amount as a person writes it; `whole` as of `money_in_words`."""
    return money_in_words(Decimal(amount.amount), amount.currency, whole=whole)


def money_in_words(amount: Decimal, currency: str | None, *, whole: bool) -> str:
    """Return an amount as a person writes it; `whole` without minor units, unless there is nothing else."""
    rounded = amount.to_integral_value(rounding=ROUND_HALF_UP)
    return money(rounded if whole and rounded else amount, currency)


def sums(amounts: Sequence[Amount], *, nothing: str, whole: bool = False) -> str:
    """Return amounts, one per currency: "$125,000 and €3,000"."""
    return listed([amount_in_words(amount, whole=whole) for amount in amounts]) if amounts else nothing


def worth(deals: DealSum, *, whole: bool = False) -> str:
    """Return what deals are worth."""
    return sums(deals.amounts, nothing="no known amount", whole=whole)


def without_amount(deals: DealSum) -> str:
    """Return " (3 of them without amount)", or nothing where each has one or none has."""
    if not deals.without_amount or deals.without_amount == deals.deals:
        return ""
    return f" ({number(deals.without_amount)} of them without amount)"

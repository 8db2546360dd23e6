"""What deals are worth, in words."""

from collections.abc import Sequence
from decimal import Decimal

from coppermind_pipeline.reports.figures.measures import Amount, DealSum
from coppermind_pipeline.wording import listed, money


def amount_in_words(amount: Amount) -> str:
    """Return an amount as a person writes it."""
    return money(Decimal(amount.amount), amount.currency)


def sums(amounts: Sequence[Amount], *, nothing: str) -> str:
    """Return amounts, one per currency: "$125,000 and €3,000"."""
    return listed([amount_in_words(amount) for amount in amounts]) if amounts else nothing


def worth(deals: DealSum) -> str:
    """Return what deals are worth."""
    return sums(deals.amounts, nothing="no known amount")

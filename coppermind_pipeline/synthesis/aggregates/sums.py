"""Sums of money by currency, and shares: exact, and never added up across currencies."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal

_CONTEXT = Context(prec=60, rounding=ROUND_HALF_UP)
_CENT = Decimal("0.01")
_SHARE_STEP = Decimal("0.00000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyTotal:
    """What the deals in one currency add up to; `deals` counts those with an amount.

    `currency` is None where neither the deals nor their portal name one.
    """

    currency: str | None
    deals: int
    amount: Decimal

    @property
    def average(self) -> Decimal:
        """The amount per deal with an amount, to the cent."""
        return _CONTEXT.divide(self.amount, Decimal(self.deals)).quantize(_CENT, context=_CONTEXT)


def add_up(totals: Iterable[MoneyTotal]) -> tuple[MoneyTotal, ...]:
    """Return one total per currency that any deal has an amount in, by code, the unknown currency last."""
    deals: defaultdict[str | None, int] = defaultdict(int)
    amounts: defaultdict[str | None, Decimal] = defaultdict(Decimal)
    for total in totals:
        if total.deals:
            deals[total.currency] += total.deals
            amounts[total.currency] = _CONTEXT.add(amounts[total.currency], total.amount)
    return tuple(
        MoneyTotal(currency=currency, deals=deals[currency], amount=amounts[currency])
        for currency in sorted(deals, key=lambda currency: (currency is None, currency or ""))
    )


def share(part: Decimal | int, whole: Decimal | int) -> Decimal:
    """Return part ÷ whole to eight digits, which leaves any rounding to whoever shows it; zero where the whole is."""
    if not whole:
        return Decimal(0)
    return _CONTEXT.divide(Decimal(part), Decimal(whole)).quantize(_SHARE_STEP, context=_CONTEXT)

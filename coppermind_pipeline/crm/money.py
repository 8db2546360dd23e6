"""Money: exact decimals, each in its own currency, never added up across currencies."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import cache

from babel import Locale
from babel.numbers import format_currency, format_decimal, get_currency_precision, is_currency

# Sums of a billion amounts of 15 + 6 digits stay exact.
_SUM_CONTEXT = Context(prec=60)
_NO_CURRENCY_CODES = {"XXX", "XTS"}  # ISO 4217: "no currency" and "for testing"


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in a currency; `currency` is None where neither the deal nor the portal names one."""

    amount: Decimal
    currency: str | None


def sums_by_currency(amounts: Iterable[Money]) -> tuple[Money, ...]:
    """Return one exact sum per currency, by currency code, the unknown currency last."""
    sums: defaultdict[str | None, Decimal] = defaultdict(Decimal)
    for money in amounts:
        sums[money.currency] = _SUM_CONTEXT.add(sums[money.currency], money.amount)
    return tuple(
        Money(amount, currency)
        for currency, amount in sorted(sums.items(), key=lambda item: (item[0] is None, item[0] or ""))
    )


def format_money(amount: Decimal, currency: str | None, locale: str = "en_US") -> str:
    """Return an amount as a person writes it: "$125,000", "€1,250.50", "¥1,200", "1,250 XYZ".

    Whole amounts come without minor units. A code that the locale has no name for follows the number; without any code
    the text says that the currency is unknown.
    """
    if currency is None:
        return f"{_plain(amount, locale)} (currency unknown)"
    if currency in _NO_CURRENCY_CODES or not is_currency(currency, locale):
        return f"{_plain(amount, locale)} {currency}"
    if amount == amount.to_integral_value():
        return format_currency(amount, currency, _whole_pattern(locale), locale=locale, currency_digits=False)
    return format_currency(amount, currency, locale=locale)


def amount_text(amount: Decimal, currency: str | None) -> str:
    """Return an amount as a decimal string for machines: at least the currency's minor units, nothing rounded away."""
    places = get_currency_precision(currency) if currency else 2
    digits = format(amount, "f")
    whole, _, fraction = digits.partition(".")
    fraction = fraction.rstrip("0").ljust(places, "0")
    return f"{whole}.{fraction}" if fraction else whole


@cache
def _whole_pattern(locale: str) -> str:
    return re.sub(r"\.0+", "", Locale.parse(locale).currency_formats["standard"].pattern)


def _plain(amount: Decimal, locale: str) -> str:
    return format_decimal(amount, format="#,##0.##", locale=locale)

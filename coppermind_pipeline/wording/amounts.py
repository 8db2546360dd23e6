"""Amounts: as a person reads them, and as a machine does; each in its own currency."""

import re
from decimal import Decimal
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from babel import Locale
    from babel.numbers import NumberPattern

_LOCALE = "en_US"
_NO_CURRENCY_CODES = {"XXX", "XTS"}  # ISO 4217: "no currency" and "for testing"


def money(amount: Decimal, currency: str | None) -> str:
    """Return an amount as a person writes it: "$125,000", "€1,250.50", "¥1,200", "1,250 XYZ".

    Whole amounts come without minor units. A code that has no name follows the number; without any code the text says
    that the currency is unknown.
    """
    from babel.numbers import format_currency

    if currency is None:
        return f"{_plain(amount)} (currency unknown)"
    if currency in _NO_CURRENCY_CODES or not _has_name(currency):
        return f"{_plain(amount)} {currency}"
    if amount == amount.to_integral_value():
        return format_currency(amount, currency, _whole_pattern(), locale=_locale(), currency_digits=False)
    return format_currency(amount, currency, locale=_locale())


def compact_money(amount: Decimal, currency: str | None) -> str:
    """Return a round amount as an axis names it: "$120K", "€2.5M", "5K XYZ"."""
    from babel.numbers import format_compact_currency, format_compact_decimal

    if currency is None or currency in _NO_CURRENCY_CODES or not _has_name(currency):
        short = format_compact_decimal(amount, locale=_locale(), fraction_digits=1)
        return short if currency is None else f"{short} {currency}"
    return format_compact_currency(amount, currency, locale=_locale(), fraction_digits=1)


def amount_text(amount: Decimal, currency: str | None) -> str:
    """Return an amount as a decimal string for machines: at least the currency's minor units, nothing rounded away."""
    from babel.numbers import get_currency_precision

    places = get_currency_precision(currency) if currency else 2
    digits = format(amount, "f")
    whole, _, fraction = digits.partition(".")
    fraction = fraction.rstrip("0").ljust(places, "0")
    return f"{whole}.{fraction}" if fraction else whole


# Babel finds out anew for each amount what these keep.
@lru_cache(maxsize=1_024)
def _has_name(currency: str) -> bool:
    from babel.numbers import is_currency

    return is_currency(currency, _locale())


@cache
def _whole_pattern() -> "NumberPattern":
    from babel.numbers import parse_pattern

    return parse_pattern(re.sub(r"\.0+", "", _locale().currency_formats["standard"].pattern))


@cache
def _locale() -> "Locale":
    from babel import Locale

    return Locale.parse(_LOCALE)


def _plain(amount: Decimal) -> str:
    from babel.numbers import format_decimal

    return format_decimal(amount, format="#,##0.##", locale=_locale())

"""Percents, in the three spellings that there are: of texts, of reports and of HubSpot's probabilities."""

from decimal import Decimal


def percent(fraction: Decimal) -> str:
    """Return a share as texts say it: "57.1%"."""
    return f"{fraction * 100:,.1f}%"


def report_percent(fraction: Decimal) -> str:
    """Return a share as reports show it, with all that four digits of it say: "41.38 %"."""
    return f"{fraction * 100:.2f} %"


def exact_percent(fraction: Decimal) -> str:
    """Return a share with the digits that it has, neither fewer nor more: "5%", "12.5%"."""
    return f"{(fraction * 100).normalize():f}%"

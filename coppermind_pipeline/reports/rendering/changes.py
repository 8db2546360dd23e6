"""How a figure differs from the earlier range's: the difference, and in percent."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from coppermind_pipeline.reports.figures.measures import Amount
from coppermind_pipeline.reports.figures.worth import money_in_words
from coppermind_pipeline.wording import number, report_percent

_MINUS = "\N{MINUS SIGN}"
UNCHANGED = "unchanged"


def change_of_number(now: float, before: float) -> str:
    """Return "+3, +33.33 %"."""
    return _change(Decimal(str(now)), Decimal(str(before)), number)


def change_of_amounts(now: Sequence[Amount], before: Sequence[Amount], *, whole: bool = False) -> dict[str | None, str]:
    """Return the change in each currency of either range; no amount counts as none earned."""
    amounts_now, amounts_before = (
        {each.currency: Decimal(each.amount) for each in amounts} for amounts in (now, before)
    )
    return {
        currency: _change(
            amounts_now.get(currency, Decimal()),
            amounts_before.get(currency, Decimal()),
            lambda amount, currency=currency: money_in_words(amount, currency, whole=whole),
        )
        for currency in sorted(amounts_now.keys() | amounts_before.keys(), key=lambda code: (code is None, code or ""))
    }


def change_of_rate(now: str | None, before: str | None) -> str:
    """Return "+4.20 points"; a percent of a percent would be read as one."""
    if now is None or before is None:
        return ""
    points = (Decimal(now) - Decimal(before)) * 100
    return f"{_signed(points, lambda value: f'{value:.2f}')} points" if points else UNCHANGED


def percent_of_change(now: Decimal, before: Decimal) -> str:
    """Return "+33.33 %" alone, where the figure of before stands beside it."""
    if now == before:
        return UNCHANGED
    return _signed((now - before) / abs(before), report_percent) if before else ""


def _change(now: Decimal, before: Decimal, words: Callable[[Decimal], str]) -> str:
    difference = now - before
    if not difference:
        return UNCHANGED
    if not before:
        return f"{_signed(difference, words)}, from nothing"
    return f"{_signed(difference, words)}, {_signed(difference / abs(before), report_percent)}"


def _signed(value: Decimal, words: Callable[[Decimal], str]) -> str:
    return f"{_MINUS if value < 0 else '+'}{words(abs(value))}"

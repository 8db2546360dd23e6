"""The numbers at the top of a brief, each beside what it was in the earlier range."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TypeVar

from coppermind_pipeline.reports.brief.models import BriefNumber, Value
from coppermind_pipeline.reports.figures.measures import Amount, DealSum, Figures, RangeFigures
from coppermind_pipeline.reports.figures.worth import amount_in_words
from coppermind_pipeline.reports.leads.models import LeadSummary
from coppermind_pipeline.reports.rendering.changes import change_of_rate, percent_of_change
from coppermind_pipeline.reports.rendering.tables import NOTHING
from coppermind_pipeline.reports.rendering.units import CURRENCIES_MAX
from coppermind_pipeline.wording import number, report_percent

_Known = TypeVar("_Known")


def brief_numbers(deals: Figures, before: RangeFigures, leads: LeadSummary) -> list[BriefNumber]:
    """Return revenue, deals won, win rate, average deal, days to close, new pipeline and new contacts."""
    contacts_before = 0 if leads.compared_with is None else leads.compared_with.new_contacts
    return [
        _sum("closed_won.amounts", "Revenue won", deals.closed_won, before.closed_won),
        _count("closed_won.deals", "Deals won", deals.closed_won.deals, before.closed_won.deals),
        _win_rate(deals, before),
        _money("average_deal", "Average won deal", deals.average_deal, before.average_deal),
        _days(deals, before),
        _sum("pipeline_created.amounts", "New pipeline", deals.pipeline_created, before.pipeline_created),
        _count(None, "New contacts", leads.new_contacts, contacts_before),
    ]


def _count(metric: str | None, name: str, now: int, before: int) -> BriefNumber:
    value = Value(now=number(now), before=number(before), change=_change(now, before))
    return BriefNumber(metric=metric, name=name, values=[value])


def _win_rate(deals: Figures, before: RangeFigures) -> BriefNumber:
    value = Value(
        now=_or_nothing(deals.win_rate, lambda rate: report_percent(Decimal(rate))),
        before=_or_nothing(before.win_rate, lambda rate: report_percent(Decimal(rate))),
        change=change_of_rate(deals.win_rate, before.win_rate),
    )
    return BriefNumber(metric="win_rate", name="Win rate", values=[value])


def _days(deals: Figures, before: RangeFigures) -> BriefNumber:
    days, then = deals.median_days_to_close, before.median_days_to_close
    value = Value(
        now=_or_nothing(days, number),
        before=_or_nothing(then, number),
        change="" if days is None or then is None else _change(days, then),
    )
    return BriefNumber(metric="median_days_to_close", name="Median days to close", values=[value])


def _sum(metric: str, name: str, now: DealSum, before: DealSum) -> BriefNumber:
    """Return what deals are worth: in company currency where both ranges' are, else in each currency of theirs."""
    if all(each.amount_home is not None or not each.amounts for each in (now, before)):
        return _money(metric, name, *([each.amount_home] if each.amount_home else [] for each in (now, before)))
    return _money(metric, name, now.amounts, before.amounts)


def _money(metric: str, name: str, now: Sequence[Amount], before: Sequence[Amount]) -> BriefNumber:
    if not now and not before:
        return BriefNumber(metric=metric, name=name, values=[Value(now=NOTHING, before=NOTHING, change="")])
    amounts, then = ({each.currency: each for each in found} for found in (now, before))
    currencies = sorted(amounts.keys() | then.keys(), key=lambda code: (code is None, code or ""))
    values = [_value(amounts.get(currency), then.get(currency)) for currency in currencies]
    return BriefNumber(
        metric=metric,
        name=name,
        values=values[:CURRENCIES_MAX],
        more_currencies=len(values[CURRENCIES_MAX:]),
    )


def _value(now: Amount | None, before: Amount | None) -> Value:
    return Value(
        now=_or_nothing(now, _whole),
        before=_or_nothing(before, _whole),
        change="" if now is None or before is None else _change(Decimal(now.amount), Decimal(before.amount)),
    )


def _change(now: Decimal | float, before: Decimal | float) -> str:
    return percent_of_change(Decimal(str(now)), Decimal(str(before)))


def _whole(amount: Amount) -> str:
    return amount_in_words(amount, whole=True)


def _or_nothing(value: _Known | None, words: Callable[[_Known], str]) -> str:
    return NOTHING if value is None else words(value)

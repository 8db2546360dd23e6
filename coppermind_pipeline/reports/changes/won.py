"""Won in the bridge beside won in the CRM report of the same range: deal by deal, what makes them differ."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import Connection, Row, text

from coppermind_pipeline.reports.changes.beside import worth_of
from coppermind_pipeline.reports.changes.models import WonCompared, WonDifference
from coppermind_pipeline.reports.changes.steps import Step
from coppermind_pipeline.reports.changes.walk import ChangedDeal, DealStep, Walk
from coppermind_pipeline.reports.figures.measures import Amount
from coppermind_pipeline.reports.figures.selection import DealSelection, Which, with_deals
from coppermind_pipeline.wording import amount_text

_Key = tuple[str, str]


class _Reason(StrEnum):
    """Why a deal counts as won on one side alone, or otherwise."""

    CLOSED_ON_ARRIVAL = "closed_on_arrival"
    WON_EARLIER = "won_earlier"
    WON_LATER = "won_later"
    NOT_FROM_OPEN = "not_from_open"
    DATED_OUTSIDE = "dated_outside"
    NO_LONGER_WON = "no_longer_won"
    WON_AGAIN = "won_again"
    AMOUNT_CHANGED = "amount_changed"


_TEXTS = {
    _Reason.CLOSED_ON_ARRIVAL: "closed in the range, and won already when it was read for the first time",
    _Reason.WON_EARLIER: "close date in the range, and read as won before it",
    _Reason.WON_LATER: "close date in the range, and read as won only after it",
    _Reason.NOT_FROM_OPEN: "won without having been in the open pipeline just before: lost, archived, or moved in",
    _Reason.DATED_OUTSIDE: "read as won in the range, and its close date lies outside",
    _Reason.NO_LONGER_WON: "won in the range, and since reopened, lost, removed or moved out",
    _Reason.WON_AGAIN: "won more than once in the range, which the report counts once",
    _Reason.AMOUNT_CHANGED: "amount or currency changed after it was won",
}


@dataclass(slots=True)
class _Difference:
    deals: int = 0
    amounts: defaultdict[str | None, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def add(self, deals: int, currency: str | None, amount: Decimal | None) -> None:
        self.deals += deals
        if amount is not None:
            self.amounts[currency] += amount

    def shown(self, reason: _Reason) -> WonDifference:
        changed = sorted(((c, a) for c, a in self.amounts.items() if a), key=lambda item: item[0] or "~")
        amounts = [Amount(currency=currency, amount=amount_text(amount, currency)) for currency, amount in changed]
        return WonDifference(reason=reason, text=_TEXTS[reason], deals=self.deals, amounts=amounts)


def won_compared(
    connection: Connection, walk: Walk, selection: DealSelection, *, home_currency: str | None
) -> WonCompared:
    """Return both, and what leads from the bridge's to the report's: their difference exactly.

    Args:
        selection: the won deals of the range, as of now.
    """
    steps: defaultdict[_Key, list[DealStep]] = defaultdict(list)
    for step in walk.steps:
        if step.step is Step.WON and step.in_own_currency:
            steps[step.connector_id, step.hubspot_id].append(step)
    values = selection.values(pipelines=None if walk.pipelines is None else list(walk.pipelines))
    rows = connection.execute(text(with_deals(_WON, selection, Which.CLOSED)), values).all()
    in_report = {(row.connector_id, row.hubspot_id): row for row in rows}
    still_won = _still_won(connection, walk, steps.keys() - in_report.keys())
    changed = {(deal.connector_id, deal.hubspot_id): deal for deal in walk.changed}
    differences: defaultdict[_Reason, _Difference] = defaultdict(_Difference)
    for reason, deals, currency, amount in _differences(steps, in_report, still_won, changed, walk):
        differences[reason].add(deals, currency, amount)
    return WonCompared(
        in_bridge=worth_of(
            ((step.currency, step.amount, step.amount_home) for of_deal in steps.values() for step in of_deal),
            home_currency=home_currency,
        ),
        in_report=worth_of(((row.currency, row.amount, row.amount_home) for row in rows), home_currency=home_currency),
        differences=[differences[reason].shown(reason) for reason in _Reason if reason in differences],
    )


def _differences(
    steps: Mapping[_Key, Sequence[DealStep]],
    in_report: Mapping[_Key, Row],
    still_won: Collection[_Key],
    changed: Mapping[_Key, ChangedDeal],
    walk: Walk,
) -> Iterator[tuple[_Reason, int, str | None, Decimal | None]]:
    for key, of_deal in steps.items():
        *again, last = of_deal
        for step in again:
            yield _Reason.WON_AGAIN, -1, step.currency, _negated(step.amount)
        row = in_report.get(key)
        if row is None:
            reason = _Reason.DATED_OUTSIDE if key in still_won else _Reason.NO_LONGER_WON
            yield reason, -1, last.currency, _negated(last.amount)
        elif (row.currency, row.amount) != (last.currency, last.amount):
            yield _Reason.AMOUNT_CHANGED, 0, last.currency, _negated(last.amount)
            yield _Reason.AMOUNT_CHANGED, 0, row.currency, row.amount
    for key, row in in_report.items():
        if key not in steps:
            yield _why_in_report_alone(changed.get(key), walk), 1, row.currency, row.amount


def _why_in_report_alone(deal: ChangedDeal | None, walk: Walk) -> _Reason:
    opening, closing = (None, None) if deal is None else (deal.opening, deal.closing)
    if deal is None or (opening is not None and opening.is_live and opening.deal.outcome == "won"):
        return _Reason.WON_EARLIER
    if closing is None or not closing.is_live or closing.deal.outcome != "won" or not walk.fits(closing.deal):
        return _Reason.WON_LATER
    return _Reason.CLOSED_ON_ARRIVAL if opening is None and _arrived_won(deal) else _Reason.NOT_FROM_OPEN


def _arrived_won(deal: ChangedDeal) -> bool:
    return deal.arrived is not None and deal.arrived.is_live and deal.arrived.deal.outcome == "won"


def _negated(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else -amount


def _still_won(connection: Connection, walk: Walk, keys: Collection[_Key]) -> set[_Key]:
    values = {
        "connectors": [connector for connector, _ in keys],
        "deals": [deal for _, deal in keys],
        "pipelines": None if walk.pipelines is None else list(walk.pipelines),
    }
    return {(row.connector_id, row.hubspot_id) for row in connection.execute(text(_STILL_WON), values)}


_WON = """
SELECT connector_id, hubspot_id, currency, amount, amount_home
  FROM deal
 WHERE outcome = 'won' AND report_at >= :start AND report_at < :end
   AND (CAST(:pipelines AS text[]) IS NULL OR pipeline_id = ANY (CAST(:pipelines AS text[])))
"""

_STILL_WON = """
SELECT deal.connector_id, deal.hubspot_id
  FROM unnest(CAST(:connectors AS text[]), CAST(:deals AS text[])) AS asked (connector_id, hubspot_id)
  JOIN live_deals AS deal USING (connector_id, hubspot_id)
 WHERE deal.outcome = 'won' AND deal.filtered_reason IS NULL
   AND (CAST(:pipelines AS text[]) IS NULL OR deal.pipeline_id = ANY (CAST(:pipelines AS text[])))
"""

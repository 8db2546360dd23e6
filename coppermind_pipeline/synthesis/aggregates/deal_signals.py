"""Deal signals: what strategy says about single deals, and about those that are late."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from sqlalchemy import Connection, text

from coppermind_pipeline.crm import day_of, start_of
from coppermind_pipeline.synthesis.aggregates.population import Population
from coppermind_pipeline.synthesis.aggregates.sums import MoneyTotal, add_up

RECENT_DAYS = 90
OVERDUE_NAMED_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class NotableDeal:
    """The largest open deal in a late stage, else the largest that was won in the last 90 days.

    Deals are compared in the portal's company currency as far as they have an amount in it.
    """

    outcome: Literal["open", "won"]
    name: str | None
    company: str | None
    amount: Decimal
    currency: str | None
    pipeline_id: str | None
    stage_id: str | None
    owner_id: str | None
    close_day: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OverdueDeal:
    """An open deal that is past its close date; `name` None where it has none."""

    name: str | None
    amount: Decimal
    currency: str | None
    close_day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class DealSignals:
    """Open deals, those of them that are past their close date (`overdue`), and one notable deal.

    `largest_overdue`: a few of those with an amount, compared as notable deals are.
    """

    open: int
    overdue: int
    overdue_value: tuple[MoneyTotal, ...]
    notable: NotableDeal | None
    largest_overdue: tuple[OverdueDeal, ...] = ()


def deal_signals(connection: Connection, population: Population) -> DealSignals:
    """Compute the signals of the population that is laid out; a close date before its day is overdue."""
    as_of = population.as_of
    today = start_of(day_of(as_of, population.zone), population.zone)
    open_deals = connection.scalar(text("SELECT count(*) FROM counted_deals WHERE outcome = 'open'")) or 0
    overdue = connection.execute(text(_OVERDUE), {"today": today}).all()
    largest = connection.execute(text(_LARGEST_OVERDUE), {"today": today, "deals_max": OVERDUE_NAMED_MAX}).mappings()
    notable = (
        connection.execute(
            text(_NOTABLE.format(source=population.source)),
            {"connector": population.connector_id, "as_of": as_of, "recent": as_of - timedelta(days=RECENT_DAYS)},
        )
        .mappings()
        .one_or_none()
    )
    return DealSignals(
        open=open_deals,
        overdue=sum(row.deals for row in overdue),
        overdue_value=add_up(MoneyTotal(currency=r.currency, deals=r.priced, amount=r.amount) for r in overdue),
        notable=None if notable is None else NotableDeal(**notable),
        largest_overdue=tuple(OverdueDeal(**row) for row in largest),
    )


_OVERDUE = """
SELECT currency, count(*) AS deals, count(amount) AS priced, coalesce(sum(amount), 0) AS amount
  FROM counted_deals WHERE is_overdue(outcome, close_at, :today) GROUP BY currency
"""

_LARGEST_OVERDUE = """
SELECT name, amount, currency, close_day
  FROM counted_deals WHERE is_overdue(outcome, close_at, :today) AND amount > 0
 ORDER BY amount_home DESC NULLS LAST, amount DESC, hubspot_id
 LIMIT :deals_max
"""

_NOTABLE = """
SELECT deal.outcome, deal.name, company.name AS company, deal.amount, deal.currency, deal.pipeline_id, deal.stage_id,
       deal.owner_id, deal.close_day
  FROM counted_deals deal
  LEFT JOIN {source.live} company
    ON company.connector_id = :connector AND company.object_type = 'companies' AND company.hubspot_id = deal.company_id
   AND company.filtered_reason IS NULL
 WHERE deal.amount > 0
   AND ((deal.outcome = 'open' AND deal.late_stage)
        OR (deal.outcome = 'won' AND deal.close_at > :recent AND deal.close_at <= :as_of))
 ORDER BY deal.outcome = 'won', deal.amount_home DESC NULLS LAST, deal.amount DESC, deal.hubspot_id
 LIMIT 1
"""

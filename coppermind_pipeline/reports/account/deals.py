"""The deals with a company: what was won, lost and why, and what is open."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from coppermind_pipeline.crm import day_of, recorded_loss_theme
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.reports.account.models import AccountDealPage, AccountDealRow, AccountTotals
from coppermind_pipeline.reports.account.request import AccountDealPlace
from coppermind_pipeline.reports.account.subject import REASON_CHARS_MAX, Subject, shown_name
from coppermind_pipeline.reports.account.tied_deals import DEALS_OF_COMPANY
from coppermind_pipeline.reports.figures.losses import ANOTHER_REASON
from coppermind_pipeline.reports.figures.measures import Cell, Days, Measure, figures_of
from coppermind_pipeline.wording import amount_text, one_line


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDeals:
    """The deals, and what a reader must know of them: each a number of deals.

    Attributes:
        places: of the page's rows.
        more: whether there are deals behind the page.
        left_out: by the connector's filters.
        disagreeing: whose stage and own properties say different outcomes.
    """

    page: AccountDealPage
    places: list[AccountDealPlace]
    more: bool
    totals: AccountTotals
    left_out: int
    disagreeing: int


def deals_of(subject: Subject, *, after: AccountDealPlace | None, rows_max: int) -> AccountDeals:
    """Return a page of the deals, which begins behind a place, and the totals of those whose primary company it is."""
    place = {f"after_{name}": None if after is None else getattr(after, name) for name in AccountDealPlace.model_fields}
    # One more than is shown tells whether there are more.
    found = subject.connection.execute(text(_PAGE), subject.values(rows_max=rows_max + 1, **place)).all()
    counts = found[0]
    every = [row for row in found if row.hubspot_id is not None]
    shown = every[:rows_max]
    return AccountDeals(
        page=AccountDealPage(
            total=counts.total,
            outside_totals=counts.outside_totals,
            rows=[_row(subject, row) for row in shown],
            next_cursor=None,
        ),
        places=[
            AccountDealPlace(is_own=row.is_own, rank=row.rank, closes_at=row.closes_at, deal_id=row.hubspot_id)
            for row in shown
        ],
        more=len(every) > len(shown),
        totals=_totals(subject, lost_without_reason=counts.lost_without_reason),
        left_out=counts.left_out,
        disagreeing=counts.disagreeing,
    )


def _totals(subject: Subject, *, lost_without_reason: int) -> AccountTotals:
    rows = subject.connection.execute(text(_SUMS), subject.values()).mappings()
    known = {"connector_id": subject.portal.connector_id, "key": "", "weighted": None, "worth": Decimal(0),
             "home_currency": subject.portal.company_currency}  # fmt: skip
    cells = [Cell(**known, **{**row, "measure": Measure(row["measure"])}) for row in rows]
    figures = figures_of(cells, days=Days(), top_deals=())
    return AccountTotals(
        closed_won=figures.closed_won,
        closed_lost=figures.closed_lost,
        open=figures.open,
        overdue=figures.overdue,
        lost_without_reason=lost_without_reason,
    )


def _row(subject: Subject, row: Any) -> AccountDealRow:
    labels, for_client = subject.labels, subject.for_client
    reason, theme = _loss(subject, row.loss_reason) if row.outcome == "lost" else (None, None)
    return AccountDealRow(
        deal_id=None if for_client else row.hubspot_id,
        name=None if for_client else shown_name(row.name),
        outcome=row.outcome,
        stage=labels.stage(row.pipeline_id, row.stage_id).text,
        pipeline=labels.pipeline(row.pipeline_id).text,
        owner=None if for_client else labels.owner(row.owner_id).text,
        amount=_amount(row.amount, row.currency),
        currency=row.currency,
        amount_home=_amount(row.amount_home, subject.portal.company_currency),
        close_date=None if row.closes_at is None else day_of(row.closes_at, subject.zone),
        overdue=row.outcome == "open" and row.closes_at is not None and row.closes_at < subject.today,
        loss_reason=reason,
        loss_theme=theme,
        in_totals=row.is_own,
        primary_company=None if row.is_own else shown_name(row.primary_company),
        is_filtered=row.is_filtered,
        last_change=row.modified_at,
        link=subject.link(ObjectType.DEALS, row.hubspot_id),
    )


def _loss(subject: Subject, value: str | None) -> tuple[str | None, str | None]:
    """Return why a deal was lost, and the theme of that; a client reads a theme of the table's alone."""
    if value is None:
        return None, None
    name = subject.portal.config.hubspot_loss_reason_property
    label = subject.labels.option(ObjectType.DEALS, name, value)
    said = label.text if label.resolved else None
    theme = recorded_loss_theme(value, said)
    if subject.for_client:
        # A theme that covers nothing is the reason itself.
        return None, ANOTHER_REASON.label if theme is None or theme.covers is None else theme.label
    reason = one_line(said, REASON_CHARS_MAX) if said is not None else "a reason that HubSpot has no label for"
    return reason, ANOTHER_REASON.label if theme is None else theme.label


def _amount(amount: Decimal | None, currency: str | None) -> str | None:
    return None if amount is None else amount_text(amount, currency)


_SUMS = f"""
{DEALS_OF_COMPANY}
SELECT counted.measure, deal.currency, count(*) AS deals, count(deal.amount) AS with_amount, sum(deal.amount) AS amount,
       sum(deal.amount_home) FILTER (WHERE deal.amount IS NOT NULL) AS amount_home,
       count(*) FILTER (WHERE deal.amount IS NOT NULL AND deal.amount_home IS NULL) AS without_home
  FROM deal
 CROSS JOIN LATERAL (VALUES
    ('closed_won', deal.outcome = 'won'),
    ('closed_lost', deal.outcome = 'lost'),
    ('open', deal.outcome = 'open'),
    ('overdue', deal.outcome = 'open' AND deal.closes_at < :today)
 ) AS counted (measure, applies)
 WHERE counted.applies AND deal.is_own AND (CAST(:include_filtered AS boolean) OR NOT deal.is_filtered)
 GROUP BY counted.measure, deal.currency
"""

_PAGE = f"""
{DEALS_OF_COMPANY}
, shown AS MATERIALIZED (
    SELECT deal.*, CASE outcome WHEN 'open' THEN 0 WHEN 'won' THEN 1 ELSE 2 END AS rank
      FROM deal WHERE CAST(:include_filtered AS boolean) OR NOT is_filtered
)
SELECT counts.*, page.*
  FROM (SELECT count(*) AS total, count(*) FILTER (WHERE NOT is_own) AS outside_totals,
               count(*) FILTER (WHERE is_own AND outcome = 'lost' AND loss_reason IS NULL) AS lost_without_reason,
               count(*) FILTER (WHERE outcome_disagrees) AS disagreeing,
               (SELECT count(*) FROM deal) - count(*) AS left_out
          FROM shown) AS counts
  LEFT JOIN LATERAL (
       SELECT shown.rank, shown.closes_at, shown.is_own, shown.is_filtered, record.hubspot_id,
              record.name,
              record.outcome, record.pipeline_id, record.stage_id, record.owner_id, record.amount, record.currency,
              record.amount_home, record.loss_reason, record.modified_at, other.name AS primary_company
         FROM (SELECT * FROM shown
               WHERE CAST(:after_deal_id AS text) IS NULL
                  OR (NOT is_own, rank, closes_at IS NULL, coalesce(-extract(epoch FROM closes_at), 0),
                      length(hubspot_id), hubspot_id)
                   > (NOT CAST(:after_is_own AS boolean), CAST(:after_rank AS bigint),
                      CAST(:after_closes_at AS timestamptz) IS NULL,
                      coalesce(-extract(epoch FROM CAST(:after_closes_at AS timestamptz)), 0),
                      length(CAST(:after_deal_id AS text)), CAST(:after_deal_id AS text))
               ORDER BY is_own DESC, rank, closes_at DESC NULLS LAST, length(hubspot_id), hubspot_id
               LIMIT :rows_max) AS shown
        CROSS JOIN LATERAL (SELECT stored.* FROM live_records AS stored
                             WHERE stored.connector_id = :connector AND stored.object_type = 'deals'
                               AND stored.hubspot_id = shown.hubspot_id OFFSET 0) AS record
         LEFT JOIN LATERAL (SELECT stored.name FROM live_records AS stored
                             WHERE stored.connector_id = :connector AND stored.object_type = 'companies'
                               AND stored.hubspot_id = shown.primary_company_id OFFSET 0) AS other
           ON NOT shown.is_own) AS page ON true
 ORDER BY page.is_own DESC, page.rank, page.closes_at DESC NULLS LAST, length(page.hubspot_id),
          page.hubspot_id
"""

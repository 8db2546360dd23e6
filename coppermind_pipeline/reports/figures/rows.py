"""Single deals as a report shows them."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from coppermind_pipeline.catalog import Portal
from coppermind_pipeline.crm import Labels, country_label, day_of
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.reports.figures.measures import TopDeal
from coppermind_pipeline.reports.figures.selection import DealSelection, Which, with_deals
from coppermind_pipeline.reports.models import DealRow
from coppermind_pipeline.reports.question.places import DealPlace
from coppermind_pipeline.wording import amount_text

StoredRow = Mapping[Any, Any]


def detail_rows(
    connection: Connection,
    selection: DealSelection,
    *,
    open_ones: bool,
    limit: int,
    offset: int = 0,
    after: DealPlace | None = None,
) -> Sequence[Mapping[Any, Any]]:
    """Return one page of the deals behind the figures: won, lost, then open ones, each newest first.

    Args:
        open_ones: list open deals, too, which are those of now, whatever the range.
        after: only deals behind the one that stands, or stood, at this place; `offset` counts from there.
    """
    looked_at = (Which.CLOSED, Which.OPEN) if open_ones else (Which.CLOSED,)
    place = {f"after_{name}": None if after is None else getattr(after, name) for name in DealPlace.model_fields}
    values = selection.values(open_ones=open_ones, offset=offset, limit=limit, **place)
    return connection.execute(text(with_deals(_ROWS, selection, *looked_at)), values).mappings().all()


def deal_rows(
    rows: Sequence[StoredRow], *, portals: Mapping[str, Portal], labels: Mapping[str, Labels], zone: ZoneInfo
) -> list[DealRow]:
    """Return rows of the store with labels, days of the zone, and links into HubSpot."""
    return [_deal_row(row, portals[row["connector_id"]], labels[row["connector_id"]], zone) for row in rows]


def place_of(row: StoredRow) -> DealPlace:
    """Return where a row stands among the others."""
    return DealPlace(
        outcome=row["outcome"],
        report_at=row["report_at"],
        connector_id=row["connector_id"],
        deal_id=row["hubspot_id"],
    )


def top_deal(row: StoredRow, *, portal: Portal, zone: ZoneInfo) -> TopDeal:
    """Return one of the largest won deals."""
    return TopDeal(
        connector_id=portal.connector_id,
        deal_id=row["hubspot_id"],
        name=row["name"],
        amount=_amount(row["amount"], row["currency"]),
        currency=row["currency"],
        amount_home=_amount(row["amount_home"], row["company_currency"]),
        report_date=_day(row["report_at"], zone),
        link=portal.record_url(ObjectType.DEALS, row["hubspot_id"]),
    )


def _deal_row(row: StoredRow, portal: Portal, labels: Labels, zone: ZoneInfo) -> DealRow:
    return DealRow(
        deal_id=row["hubspot_id"],
        connector_id=portal.connector_id,
        name=row["name"],
        outcome=row["outcome"],
        stage=labels.stage(row["pipeline_id"], row["stage_id"]).text,
        pipeline=labels.pipeline(row["pipeline_id"]).text,
        owner=labels.owner(row["owner_id"]).text,
        source=labels.source(row["attributed_source"]).text,
        company=row["company"],
        country=country_label(row["place_country_code"], row["place_country_text"]),
        amount=_amount(row["amount"], row["currency"]),
        currency=row["currency"],
        amount_home=_amount(row["amount_home"], row["company_currency"]),
        close_date=_day(row["close_at"], zone),
        report_date=_day(row["report_at"], zone),
        link=portal.record_url(ObjectType.DEALS, row["hubspot_id"]),
    )


def _amount(amount: Decimal | None, currency: str | None) -> str | None:
    return None if amount is None else amount_text(amount, currency)


def _day(moment: datetime | None, zone: ZoneInfo) -> date | None:
    return None if moment is None else day_of(moment, zone)


_ROWS = """
SELECT deal.connector_id, deal.hubspot_id, deal.name, deal.outcome, deal.pipeline_id, deal.stage_id, deal.owner_id,
       deal.attributed_source, deal.place_country_code, deal.place_country_text, deal.amount, deal.currency,
       deal.amount_home, deal.company_currency, deal.close_at, deal.report_at, company.name AS company
  FROM (
    SELECT * FROM deal
     WHERE CASE WHEN outcome = 'open' THEN CAST(:open_ones AS boolean) ELSE report_at >= :start AND report_at < :end END
       AND (CAST(:after_outcome AS text) IS NULL
            OR (outcome = 'open', outcome = 'lost', report_at IS NULL,
                coalesce(-extract(epoch FROM report_at), 0), connector_id, hubspot_id)
             > (:after_outcome = 'open', :after_outcome = 'lost', CAST(:after_report_at AS timestamptz) IS NULL,
                coalesce(-extract(epoch FROM CAST(:after_report_at AS timestamptz)), 0), :after_connector_id,
                :after_deal_id))
     ORDER BY outcome = 'open', outcome = 'lost', report_at DESC NULLS LAST, connector_id, hubspot_id
     OFFSET :offset LIMIT :limit
  ) AS deal
  LEFT JOIN hubspot_crm_objects company
    ON company.connector_id = deal.connector_id AND company.object_type = 'companies'
   AND company.hubspot_id = deal.primary_company_id
 ORDER BY deal.outcome = 'open', deal.outcome = 'lost', deal.report_at DESC NULLS LAST, deal.connector_id,
          deal.hubspot_id
"""

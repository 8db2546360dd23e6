"""Single deals as a report shows them."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from coppermind_pipeline.catalog import Portal
from coppermind_pipeline.crm import Labels, country_label, day_of
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.reports.figures.measures import TopDeal
from coppermind_pipeline.reports.models import DealRow
from coppermind_pipeline.reports.question.places import DealPlace
from coppermind_pipeline.wording import amount_text

StoredRow = Mapping[Any, Any]


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

"""The deals behind the changes: those of each step and those beside the bridge, as rows, page by page."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

from coppermind_pipeline.catalog import Portal
from coppermind_pipeline.crm import Labels, id_order
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.reports.changes.beside import closes_on
from coppermind_pipeline.reports.changes.models import ChangedDealRow, ChangedDeals
from coppermind_pipeline.reports.changes.request import ChangesRequest
from coppermind_pipeline.reports.changes.steps import LISTED, Beside
from coppermind_pipeline.reports.changes.walk import ChangedDeal, DealStep
from coppermind_pipeline.wording import amount_text


def entries(steps: Sequence[DealStep], beside: Mapping[Beside, Sequence[ChangedDeal]]) -> Iterator[DealStep]:
    """Yield what is listed: each step of each deal, and the deals beside, as they are at the end."""
    yield from steps
    for kind, deals in beside.items():
        for deal in deals:
            after = deal.arrived if kind is Beside.CLOSED_ON_ARRIVAL else deal.closing
            if after is not None:
                yield DealStep(deal.connector_id, deal.hubspot_id, deal.opening, after, kind, after.deal.currency,
                               after.deal.amount, after.deal.amount_home)  # fmt: skip


def listed_deals(
    listed: Iterable[DealStep],
    request: ChangesRequest,
    *,
    portals: Mapping[str, Portal],
    labels: Mapping[str, Labels],
    zone: ZoneInfo,
) -> ChangedDeals:
    """Return the page that is asked for, of one step or of all."""
    wanted = sorted((entry for entry in listed if request.step in {None, entry.step}), key=_order)
    first = (request.page - 1) * request.page_rows
    return ChangedDeals(
        step=request.step,
        total=len(wanted),
        page=request.page,
        page_rows=request.page_rows,
        next_page=request.page + 1 if first + request.page_rows < len(wanted) else None,
        rows=[
            _row(step, portals[step.connector_id], labels[step.connector_id], zone)
            for step in wanted[first : first + request.page_rows]
        ],
    )


def _order(step: DealStep) -> tuple[object, ...]:
    worth = step.amount_home if step.amount_home is not None else step.amount
    return (
        LISTED.index(step.step), worth is None, -abs(worth or Decimal(0)), step.connector_id, id_order(step.hubspot_id),
        step.after.read_at,
    )  # fmt: skip


def _row(step: DealStep, portal: Portal, labels: Labels, zone: ZoneInfo) -> ChangedDealRow:
    before, after = None if step.before is None else step.before.deal, step.after.deal
    return ChangedDealRow(
        step=step.step,
        deal_id=step.hubspot_id,
        connector_id=step.connector_id,
        name=after.name,
        read_at=step.after.read_at,
        pipeline=labels.pipeline(after.pipeline_id).text,
        stage_before=None if before is None else labels.stage(before.pipeline_id, before.stage_id).text,
        stage=labels.stage(after.pipeline_id, after.stage_id).text,
        owner=labels.owner(after.owner_id).text,
        amount=_amount(step.amount, step.currency),
        currency=step.currency,
        amount_home=_amount(step.amount_home, portal.company_currency),
        close_date_before=closes_on(step.before, zone),
        close_date=closes_on(step.after, zone),
        link=portal.record_url(ObjectType.DEALS, step.hubspot_id),
    )


def _amount(amount: Decimal | None, currency: str | None) -> str | None:
    return None if amount is None else amount_text(amount, currency)

"""What stands beside the bridge and is no part of it: close dates that moved, and deals that were closed on arrival."""

from collections.abc import Iterable, Mapping
from datetime import date, tzinfo
from decimal import Decimal

from coppermind_pipeline.crm import close_day
from coppermind_pipeline.reports.changes.steps import Beside
from coppermind_pipeline.reports.changes.walk import ChangedDeal, Walk
from coppermind_pipeline.reports.figures.measures import Cell, DealSum, Measure, sum_of
from coppermind_pipeline.sync import DealVersion


def moved_across(walk: Walk, period_end: date, zone: tzinfo) -> Mapping[Beside, list[ChangedDeal]]:
    """Return the deals, open at both ends of the range, whose close date moved out of the period or into it.

    Args:
        period_end: the first day after the period.
    """
    found: dict[Beside, list[ChangedDeal]] = {Beside.PUSHED_OUT: [], Beside.PULLED_IN: []}
    for deal in walk.changed:
        if not (walk.holds(deal.opening) and walk.holds(deal.closing)):
            continue
        old, new = (closes_on(version, zone) for version in (deal.opening, deal.closing))
        if old is None or new is None or (old < period_end) == (new < period_end):
            continue
        found[Beside.PUSHED_OUT if old < period_end else Beside.PULLED_IN].append(deal)
    return found


def closed_on_arrival(walk: Walk) -> list[ChangedDeal]:
    """Return the deals that were won or lost when they were read for the first time, which was in the range."""
    return [
        deal
        for deal in walk.changed
        if (arrived := deal.arrived) is not None
        and arrived.is_live
        and arrived.deal.outcome != "open"
        and walk.fits(arrived.deal)
    ]


def closes_on(version: DealVersion | None, zone: tzinfo) -> date | None:
    """Return the day on which a version says that the deal closes."""
    return None if version is None or version.deal.close_at is None else close_day(version.deal.close_at, zone)


def worth_of(
    deals: Iterable[tuple[str | None, Decimal | None, Decimal | None]], *, home_currency: str | None
) -> DealSum:
    """Add up deals, each by its currency, its amount and that in the company currency."""
    return sum_of(
        Cell(
            connector_id="",
            key=None,
            measure=Measure.OPEN,
            currency=currency,
            home_currency=home_currency,
            deals=1,
            with_amount=int(amount is not None),
            amount=amount,
            amount_home=None if amount is None else home,
            without_home=int(amount is not None and home is None),
            weighted=None,
            worth=Decimal(0),
        )
        for currency, amount, home in deals
    )


def worth_of_versions(versions: Iterable[DealVersion | None], *, home_currency: str | None) -> DealSum:
    """Add up deals, each as one version has it."""
    deals = (version.deal for version in versions if version is not None)
    return worth_of(((deal.currency, deal.amount, deal.amount_home) for deal in deals), home_currency=home_currency)

"""What changed in the open pipeline during a brief's range: where it came from, where it went, and by what most."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.memories import Audience
from coppermind_pipeline.reports.brief.models import BriefChange, BriefLevel, BriefStep
from coppermind_pipeline.reports.changes.answer import changes
from coppermind_pipeline.reports.changes.models import Bridge, BridgeStep, Level
from coppermind_pipeline.reports.changes.request import ChangesRequest
from coppermind_pipeline.reports.errors import BeforeHistory
from coppermind_pipeline.reports.models import PeriodBlock
from coppermind_pipeline.store import Database

STEPS_MAX = 6


def what_changed(
    database: Database, *, mind: Mind, period: PeriodBlock, connector_id: str | None, now: datetime
) -> BriefChange | None:
    """Return what changed between the range's start and its end, or now; None where history does not go back so far."""
    if period.start >= now:
        return None
    request = ChangesRequest.from_arguments(
        {"from": period.start, "to": period.end, "connector_id": connector_id, "timezone": period.timezone,
         "audience": Audience.CLIENT, "page_rows": 1}
    )  # fmt: skip
    try:
        found = changes(database, mind=mind, request=request, now=now)
    except BeforeHistory:
        return None
    bridge = _told(found.in_company_currency, found.bridges)
    if bridge is None or not (bridge.opening.deals or bridge.closing.deals or bridge.steps):
        return None
    largest = sorted(bridge.steps, key=lambda step: (-abs(Decimal(step.amount or 0)), -step.deals))[:STEPS_MAX]
    return BriefChange(
        currency=bridge.currency,
        opening=_level(bridge.opening),
        steps=[_step(step) for step in bridge.steps if step in largest],
        closing=_level(bridge.closing),
        further_steps=len(bridge.steps) - len(largest),
        other_currencies=0 if bridge is found.in_company_currency else len(found.bridges) - 1,
    )


def _told(of_all: Bridge, by_currency: Sequence[Bridge]) -> Bridge | None:
    """Return the bridge of all deals where it can be told in one currency, else that of the largest pipeline."""
    levels = (of_all.opening, of_all.closing, *of_all.steps)
    if all(each.amount is not None for each in levels):
        return of_all
    return by_currency[0] if by_currency else None


def _level(level: Level) -> BriefLevel:
    return BriefLevel(deals=level.deals, amount=level.amount)


def _step(step: BridgeStep) -> BriefStep:
    return BriefStep(label=step.label, effect=step.effect, deals=step.deals, amount=step.amount)

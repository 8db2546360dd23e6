"""What changed in a mind's open pipeline since a day, as far as it is worth a look."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection

from coppermind_pipeline.reports.changes.answer import PipelineChange, pipeline_change
from coppermind_pipeline.reports.changes.models import Bridge
from coppermind_pipeline.reports.changes.request import ChangesRequest
from coppermind_pipeline.reports.changes.steps import Step
from coppermind_pipeline.reports.errors import BeforeHistory, ReportArgumentError
from coppermind_pipeline.reports.figures.worth import money_in_words, worth
from coppermind_pipeline.reports.trust.portals import SyncedPortal
from coppermind_pipeline.wording import count, day

# What is less of the opening is daily business.
SHARE_MIN = Decimal("0.1")


def worth_a_look(connection: Connection, portals: Sequence[SyncedPortal], *, since: date, now: datetime) -> list[str]:
    """Return sentences; none where nothing is, or where history does not go back to that day.

    Args:
        connection: a transaction of the portals' mind.
    """
    try:
        found = pipeline_change(connection, portals, ChangesRequest.from_arguments({"from": since}), now=now)
    except (BeforeHistory, ReportArgumentError):
        return []
    if found is None:
        return []
    return [*(sentence for bridge in found.bridges for sentence in _of_bridge(bridge)), *_pushed_out(found)]


def _of_bridge(bridge: Bridge) -> Iterable[str]:
    if bridge.opening.amount is None or bridge.closing.amount is None:
        return
    opening, closing = Decimal(bridge.opening.amount), Decimal(bridge.closing.amount)

    def counts(amount: Decimal) -> bool:
        return abs(amount) >= SHARE_MIN * abs(opening) and amount != 0

    def money(amount: Decimal) -> str:
        return money_in_words(amount, bridge.currency, whole=True)

    if counts(closing - opening):
        yield f"Open pipeline from {money(opening)} to {money(closing)}"
    lost = next((step for step in bridge.steps if step.step is Step.LOST), None)
    if lost is not None and lost.amount is not None and counts(Decimal(lost.amount)):
        yield f"{count(lost.deals, 'open deal')} lost, {money(Decimal(lost.amount))}"


def _pushed_out(found: PipelineChange) -> Iterable[str]:
    pushed, end = found.pushed_out, found.period_end
    if pushed is not None and pushed.deals and end is not None:
        last = day(end - timedelta(days=1))
        yield f"{count(pushed.deals, 'open deal')} pushed out beyond {last}, {worth(pushed, whole=True)}"

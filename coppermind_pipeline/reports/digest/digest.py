"""The digest: each mind of a customer, read in a transaction of its own, the worst first. Nothing is stored."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from coppermind_pipeline.accounts import Caller, Mind, MindKind, list_minds
from coppermind_pipeline.connectors import (
    AT_WORK,
    ConnectorFacts,
    ConnectorStatus,
    Headline,
    connector_status,
    correction,
    needs_person,
    of_connector,
    read_facts,
)
from coppermind_pipeline.reports.digest.changed import worth_a_look
from coppermind_pipeline.reports.digest.models import Digest, MindDigest, Need
from coppermind_pipeline.reports.digest.request import DigestRequest
from coppermind_pipeline.reports.figures import deals
from coppermind_pipeline.reports.figures.measures import CLOSED, Days, Figures, figures_of
from coppermind_pipeline.reports.figures.selection import deal_selection
from coppermind_pipeline.reports.question.frame import frame_of
from coppermind_pipeline.reports.question.request import ReportRequest
from coppermind_pipeline.reports.trust.block import last_successful_sync, least_fresh
from coppermind_pipeline.reports.trust.portals import load_portals
from coppermind_pipeline.store import Database, paused_since, polling_stopped_since

NOT_CONNECTED = "not_connected"


def digest(
    database: Database, caller: Caller, *, request: DigestRequest, now: datetime, mind: Mind | None = None
) -> Digest:
    """Return the digest of the caller's customer; nothing of another customer can be in it.

    Args:
        now: aware; what states and days are judged by.
        mind: this mind of the customer alone; None: all of them that are, or could be, connected.
    """
    asked = list_minds(database, caller) if mind is None else [mind]
    facts = _facts_by_mind(database, caller, mind)
    found = [_of_mind(database, each, facts[each.id], request, now) for each in asked]
    minds = sorted(
        (each for each, one in zip(found, asked, strict=True) if each.state != NOT_CONNECTED or _connectable(one)),
        key=_badness,
    )
    shown = minds[request.place :]
    paused = paused_since(database)
    connected = any(each.state != NOT_CONNECTED for each in minds)
    return Digest(
        since=request.since,
        until=now.astimezone(UTC).date(),
        minds_in_all=len(minds),
        needing_a_person=sum(bool(each.needs) for each in minds),
        paused_since=paused,
        polling_stopped_since=None if paused or not connected else polling_stopped_since(database, now=now),
        minds=shown,
        next_cursor=None,
        generated_at=now,
    )


def first_minds(whole: Digest, request: DigestRequest, count: int) -> Digest:
    """Return a digest of so many of its minds, with the cursor of those after."""
    shown = whole.minds[:count]
    following = None if len(shown) == len(whole.minds) else str(request.place + len(shown))
    return whole.model_copy(update={"minds": shown, "next_cursor": following})


def _facts_by_mind(database: Database, caller: Caller, mind: Mind | None) -> Mapping[UUID, list[ConnectorFacts]]:
    """Return the facts of the connectors that go on, which one statement reads for all minds of a customer."""
    found: defaultdict[UUID, list[ConnectorFacts]] = defaultdict(list)
    for each in read_facts(database, caller.customer_id, mind_id=None if mind is None else mind.id):
        if each.connector.replaced_by is None:
            found[each.connector.mind_id].append(each)
    return found


def _of_mind(
    database: Database, mind: Mind, facts: Sequence[ConnectorFacts], request: DigestRequest, now: datetime
) -> MindDigest:
    told = [(each, connector_status(each, now=now)) for each in facts]
    due = [at for _, each in told if (at := each.hubspot_diagnostics.aggregate_recompute_at) is not None]
    with database.mind(mind.id) as connection:
        portals = load_portals(connection)
        end = now.astimezone(UTC).date() + timedelta(days=1)
        question = ReportRequest.from_arguments({"start": request.since, "end": end})
        selection = deal_selection(question, portals, frame_of(question, portals, now=now))
        figures: Figures = figures_of(deals.cells(connection, selection, CLOSED), days=Days(), top_deals=())
        look = worth_a_look(connection, portals, since=request.since, now=now) if portals else []
    return MindDigest(
        mind=mind.name,
        mind_id=mind.id,
        state=_worst_state(told, now),
        needs=[need for each, status in told if (need := _need(each, status, now)) is not None],
        freshness=least_fresh([each.freshness(now=now) for each in portals]) if portals else None,
        last_successful_sync=last_successful_sync(portals),
        won=figures.closed_won,
        lost=figures.closed_lost,
        worth_a_look=look,
        synthesis_period=max(
            (p for _, each in told if (p := each.hubspot_diagnostics.synthesis_period_key)), default=None
        ),
        synthesis_due=any(at <= now for at in due),
        synthesis_due_at=min(due, default=None),
    )


def _need(facts: ConnectorFacts, status: ConnectorStatus, now: datetime) -> Need | None:
    waits = status.status is Headline.PENDING_SETUP
    in_need = waits or needs_person(facts, now=now) is not None
    to_correct = correction(facts)
    if in_need:
        what_to_do = status.next_step
    elif to_correct is not None:
        what_to_do = of_connector(to_correct, facts)
    else:
        return None
    return Need(connector_id=status.connector_id, state=_state(status), what_to_do=what_to_do)


def _state(status: ConnectorStatus) -> str:
    return str(status.hubspot_diagnostics.operational_state or status.status)


def _worst_state(told: Sequence[tuple[ConnectorFacts, ConnectorStatus]], now: datetime) -> str:
    """Return the state of the connector that needs a person most; where all go on, that which is busiest."""
    if not told:
        return NOT_CONNECTED
    _, worst = min(told, key=lambda each: (_need(*each, now) is None, _badness_of_state(_state(each[1]))))
    return _state(worst)


def _badness(mind: MindDigest) -> tuple[bool, int, str]:
    return not mind.needs, _badness_of_state(mind.state), mind.mind.lower()


def _badness_of_state(state: str) -> int:
    """Return 0 for trouble, 1 for what waits to be connected, 2 for work under way, 3 where all is well or at rest."""
    if state in {NOT_CONNECTED, Headline.PENDING_SETUP}:
        return 1
    if state in {Headline.ACTIVE, Headline.INACTIVE}:
        return 3
    return 2 if state in AT_WORK else 0


def _connectable(mind: Mind) -> bool:
    return mind.kind in {MindKind.CLIENT, MindKind.PROSPECT}

"""The one state of a connector that status, checks and pages show: a pure function of stored facts and the clock."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from coppermind_pipeline.connectors.configuration.freshness import is_overdue
from coppermind_pipeline.connectors.connector import Lifecycle
from coppermind_pipeline.connectors.errors import (
    FRESH_LINK_HINT,
    InvalidKeys,
    KeyFileExposed,
    KeyMissing,
    OAuthStateExpired,
)
from coppermind_pipeline.connectors.events import is_refusal
from coppermind_pipeline.connectors.status.facts import ConnectorFacts, ErrorFact, ProblemFact

BACK_OFF_SHOWN_S = 60
FAILED_POLLS = 2
QUEUE_AGE_MAX_MINUTES = 60


class OperationalState(StrEnum):
    """What a connector is doing, or what keeps it from doing it."""

    SETUP_ERROR = "setup_error"
    AUTH_ERROR = "auth_error"
    RATE_LIMITED = "rate_limited"
    ERROR = "error"
    STALE = "stale"
    BACKFILLING = "backfilling"
    SYNCING = "syncing"
    SYNTHESIS_ERROR = "synthesis_error"
    QUEUE_BACKED_UP = "queue_backed_up"
    DRAINING_QUEUE = "draining_queue"
    ACTIVE = "active"


# Work goes on in these; every other state is trouble, of which an operator is alerted.
AT_WORK = frozenset(
    {OperationalState.BACKFILLING, OperationalState.SYNCING, OperationalState.DRAINING_QUEUE, OperationalState.ACTIVE}
)


class QueueState(StrEnum):
    """How the memory queue is."""

    IDLE = "idle"
    DRAINING = "draining"
    BACKED_UP = "backed_up"


class Headline(StrEnum):
    """A connector's status in one word, as its owner follows it."""

    PENDING_SETUP = "pending_setup"
    BACKFILLING = "backfilling"
    SYNCING = "syncing"
    ACTIVE = "active"
    INACTIVE = "inactive"


def operational_state(facts: ConnectorFacts, *, now: datetime) -> OperationalState | None:
    """Return the first state of `_RULES` that applies; None while inactive, and while pending without an error."""
    return next((state for state, applies in _RULES if applies(facts, now)), OperationalState.ACTIVE)


def trouble(facts: ConnectorFacts, *, now: datetime) -> OperationalState | None:
    """Return the first trouble that applies, or None: as `operational_state`, but work that goes on hides none."""
    rules = ((state, applies) for state, applies in _RULES if state not in AT_WORK)
    return next((state for state, applies in rules if applies(facts, now)), None)


def applies(state: OperationalState, facts: ConnectorFacts, *, now: datetime) -> bool:
    """Say whether a state's own rule applies, whatever comes before it."""
    return next(rule for known, rule in _RULES if known is state)(facts, now)


def headline(facts: ConnectorFacts) -> Headline:
    """Return the status that a person sees first. The first sync is a backfill, from the approval on."""
    status = facts.connector.status
    if status is not Lifecycle.ACTIVE:
        return Headline(status.value)
    if not facts.backfilled:
        return Headline.BACKFILLING
    return Headline.SYNCING if facts.poll.in_progress else Headline.ACTIVE


def queue_state(facts: ConnectorFacts, *, now: datetime) -> QueueState:
    """Return how the memory queue is: backed up with a dead letter, or when its oldest entry is over an hour old."""
    queue = facts.queue
    oldest = queue.oldest_pending_at
    if queue.dead or (oldest is not None and now - oldest > timedelta(minutes=QUEUE_AGE_MAX_MINUTES)):
        return QueueState.BACKED_UP
    return QueueState.DRAINING if queue.waiting else QueueState.IDLE


def setup_failure(facts: ConnectorFacts, *, now: datetime) -> ErrorFact | None:
    """Return why a pending connector is not set up: the last approval's error, or a link that expired unanswered."""
    if facts.connector.status is not Lifecycle.PENDING_SETUP:
        return None
    state = facts.oauth_state
    if state is not None and not state.used and state.expires_at <= now:
        expired = OAuthStateExpired()
        return ErrorFact(code=expired.code, message=expired.message, hint=expired.hint, at=state.expires_at)
    return facts.connector.setup_error


def refusal(facts: ConnectorFacts) -> ProblemFact | None:
    """Return the oldest problem that is HubSpot's refusal of the authorization, or of a part that syncs need."""
    return next((problem for problem in facts.problems if is_refusal(problem.kind, problem.code)), None)


def is_stale(facts: ConnectorFacts, *, now: datetime) -> bool:
    """Say whether neither a pull nor a page of the backfill came in for two poll intervals and five minutes.

    An approval counts as long as nothing has come in at all; a later one is no sign that anything is read.
    """
    read = [at for at in (facts.poll.last_succeeded_at, facts.last_page_at) if at is not None]
    return is_overdue(
        *(read or [facts.connector.connected_at]),
        poll_interval_minutes=facts.config.poll_interval_minutes,
        now=now,
    )


# In order of precedence: the first that applies is the state.
_RULES: tuple[tuple[OperationalState | None, Callable[[ConnectorFacts, datetime], bool]], ...] = (
    (None, lambda f, _: f.connector.status is Lifecycle.INACTIVE),
    (OperationalState.SETUP_ERROR, lambda f, now: setup_failure(f, now=now) is not None),
    (None, lambda f, _: f.connector.status is Lifecycle.PENDING_SETUP),
    (OperationalState.AUTH_ERROR, lambda f, _: refusal(f) is not None),
    (
        OperationalState.RATE_LIMITED,
        lambda f, now: f.poll.retry_at is not None and f.poll.retry_at > now + timedelta(seconds=BACK_OFF_SHOWN_S),
    ),
    (OperationalState.ERROR, lambda f, _: f.poll.failures >= FAILED_POLLS),
    (OperationalState.STALE, lambda f, now: is_stale(f, now=now)),
    (OperationalState.BACKFILLING, lambda f, _: not f.backfilled),
    (OperationalState.SYNCING, lambda f, _: f.poll.in_progress),
    (OperationalState.SYNTHESIS_ERROR, lambda f, _: f.synthesis is not None and f.synthesis.error is not None),
    (OperationalState.QUEUE_BACKED_UP, lambda f, now: queue_state(f, now=now) is QueueState.BACKED_UP),
    (OperationalState.DRAINING_QUEUE, lambda f, now: queue_state(f, now=now) is QueueState.DRAINING),
)


@dataclass(frozen=True, slots=True)
class StateGuide:
    """A state, for a person; each is a sentence.

    Attributes:
        cause: why it is there.
        product: what the product does by itself.
        person: what is left to do.
    """

    cause: str
    product: str
    person: str


_TRIES_AGAIN = "It tries again after 1, 2, 4, 8 and 15 minutes, and hourly after an hour; no other portal waits for it."

STATE_GUIDES: dict[OperationalState, StateGuide] = {
    OperationalState.SETUP_ERROR: StateGuide(
        cause="The approval failed, granted too little, or its link expired unanswered.",
        product="It keeps the connector pending and shows the error.",
        person=FRESH_LINK_HINT,
    ),
    OperationalState.AUTH_ERROR: StateGuide(
        cause="HubSpot no longer accepts the authorization: revoked, uninstalled, or a scope taken away.",
        product="It stops polling but for one look an hour; what is stored stays.",
        person=FRESH_LINK_HINT,
    ),
    OperationalState.RATE_LIMITED: StateGuide(
        cause="HubSpot asked for a pause longer than a minute, mostly because the day's calls are used up.",
        product="It resumes by itself when the pause ends, within 24 hours; `connectors action=sync` asks once before.",
        person="Nothing is to be done; polling resumes by itself when HubSpot's pause ends.",
    ),
    OperationalState.ERROR: StateGuide(
        cause="The last two polls failed.",
        product=_TRIES_AGAIN,
        person="Look at last_error, which says what stands in the way; polls go on meanwhile.",
    ),
    OperationalState.STALE: StateGuide(
        cause="No pull has succeeded for two poll intervals and five minutes.",
        product="It polls as soon as something runs it; reports say that they are stale.",
        person="Check that the installation runs (`coppermind up`), then ask for a poll with `connectors action=sync`.",
    ),
    OperationalState.BACKFILLING: StateGuide(
        cause="The historical backfill has not come to its end.",
        product="It goes on by itself, resumes after any interruption, and reports say that they are early.",
        person="Nothing is to be done; the backfill goes on by itself, and reports say how much is still missing.",
    ),
    OperationalState.SYNCING: StateGuide(
        cause="A poll is under way.",
        product="It reads what changed and maps it to memories.",
        person="Nothing is to be done; a poll is under way.",
    ),
    OperationalState.SYNTHESIS_ERROR: StateGuide(
        cause="The last synthesis failed; synthesis_last_error says why.",
        product="It tries again every hour; record memories are not affected.",
        person="Nothing is to be done yet: synthesis is tried again; if its error stays, hand it to support.",
    ),
    OperationalState.QUEUE_BACKED_UP: StateGuide(
        cause="An entry of the memory queue has failed for good, or the oldest waits for over an hour.",
        product="It goes on with the other entries.",
        person="Look at what failed of the memory queue, and have it tried again (`coppermind memory queue --replay`).",
    ),
    OperationalState.DRAINING_QUEUE: StateGuide(
        cause="Memories wait to be written.",
        product="It writes them by itself.",
        person="Nothing is to be done; memories are being written.",
    ),
    OperationalState.ACTIVE: StateGuide(
        cause="Everything is read and written.",
        product="It polls at the configured interval.",
        person="Nothing is to be done; changes in HubSpot are read at every poll.",
    ),
}

# In the place of that of `error` or `stale`, where the installation is in good order.
UNANSWERED = StateGuide(
    cause="HubSpot does not answer for this portal.",
    product=_TRIES_AGAIN,
    person=(
        "Look at status.hubspot.com and at last_error, and where other portals are not answered either, at this "
        "machine's way to HubSpot; polls go on meanwhile, ever more rarely, and at once after `connectors action=sync`."
    ),
)


# In the place of that of `auth_error`, where HubSpot was not even asked.
UNREADABLE = StateGuide(
    cause="The stored authorization can't be read with the encryption keys at hand.",
    product=STATE_GUIDES[OperationalState.AUTH_ERROR].product,
    person=KeyMissing.hint,
)
_UNREADABLE_CODES = frozenset({KeyMissing.code, KeyFileExposed.code, InvalidKeys.code})


def state_guide(state: OperationalState, facts: ConnectorFacts) -> StateGuide:
    """Return what a state means for a connector, and what is to be done."""
    refused = refusal(facts)
    if state is OperationalState.AUTH_ERROR and refused is not None and refused.code in _UNREADABLE_CODES:
        return UNREADABLE
    if facts.unanswered and state in {OperationalState.ERROR, OperationalState.STALE}:
        return UNANSWERED
    return STATE_GUIDES[state]

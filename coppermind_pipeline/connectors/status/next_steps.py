"""What a person should do about a connector now: one sentence per situation."""

from datetime import datetime, timedelta

from coppermind_pipeline.connectors.connector import Lifecycle
from coppermind_pipeline.connectors.errors import FRESH_LINK_HINT
from coppermind_pipeline.connectors.status.facts import ConnectorFacts, ErrorFact
from coppermind_pipeline.connectors.status.states import (
    STATE_GUIDES,
    OperationalState,
    operational_state,
    refusal,
    setup_failure,
    state_guide,
    trouble,
)
from coppermind_pipeline.named_calls import aimed
from coppermind_pipeline.wording import uncapitalized, utc_minute

# Where nothing looks for due polls.
START_POLLING = (
    "Start the installation (`coppermind up`); where it runs, switch the sensor `due_polls` on in Dagster's pages, "
    "under Automation."
)

# A sync that was asked for begins within this where the installation runs.
SYNC_STARTS_WITHIN_MINUTES = 2

# Errors that can pass without anybody's help.
_PASSES = frozenset({"portal_unavailable", "rate_limited", "refresh_busy", "connector_busy", "being_synced"})

# What failed, by its step; every other step is a part of a poll.
_FAILED_STEPS = {
    "reconciliation": "reconciliation",
    "marketing_synthesis": "synthesis",
    "memories": "drain of the memory queue",
    "live_pull": "live pull",
}

# Troubles that end by nobody's doing but a person's.
_NEEDS_PERSON = frozenset(
    {
        OperationalState.SETUP_ERROR,
        OperationalState.AUTH_ERROR,
        OperationalState.ERROR,
        OperationalState.STALE,
        OperationalState.QUEUE_BACKED_UP,
    }
)

# A portal that has not been answered for so many times in a row has not been for an hour: somebody should look.
UNANSWERED_MAX = 7

# States whose own next step would pass over an error.
_SAYS_NOTHING_OF_ERRORS = frozenset(
    {
        OperationalState.ERROR,
        OperationalState.STALE,
        OperationalState.BACKFILLING,
        OperationalState.SYNCING,
        OperationalState.DRAINING_QUEUE,
        OperationalState.ACTIVE,
    }
)


def next_step(facts: ConnectorFacts, *, now: datetime) -> str:
    """Return what to do now, in one sentence."""
    connector = facts.connector
    if connector.status is Lifecycle.INACTIVE:
        if connector.replaced_by is not None:
            return f"Look at {connector.replaced_by}: the portal was connected already, and that connector goes on."
        return f"Nothing is to be done unless the portal shall be read again: {uncapitalized(FRESH_LINK_HINT)}"
    if connector.status is Lifecycle.PENDING_SETUP:
        return _pending(facts, now=now)
    state = operational_state(facts, now=now)
    if state is OperationalState.RATE_LIMITED and facts.poll.retry_at is not None:
        return f"Nothing is to be done; polling resumes by itself at {_minute(facts.poll.retry_at)}."
    if (refused := refusal(facts)) is not None:
        return refused.hint or FRESH_LINK_HINT
    if connector.last_error is not None and state in _SAYS_NOTHING_OF_ERRORS:
        return _after(connector.last_error, facts, repeated=state is OperationalState.ERROR)
    if state is OperationalState.BACKFILLING and facts.backfill is None:
        return _first_sync(facts, now=now)
    if state is OperationalState.STALE and _just_approved(facts, now=now):
        return "Nothing is to be done; the first poll since the approval is about to begin."
    if state is OperationalState.ACTIVE:
        return _active(facts, now=now)
    return state_guide(state, facts).person if state is not None else ""


def of_connector(said: str, facts: ConnectorFacts, *, names_mind: bool = True) -> str:
    """Return what was said with its calls about this connector: whoever reads it may work on another mind.

    Where a mind's name does not belong, as in Dagster's log, its id stands for it.
    """
    mind_id = str(facts.connector.mind_id)
    mind = facts.mind_name if names_mind else mind_id
    return aimed(said, mind=mind, mind_id=mind_id, connector_id=facts.connector.id)


def needs_person(facts: ConnectorFacts, *, now: datetime) -> OperationalState | None:
    """Return the trouble that a person has to end; None where there is none, or it passes by itself.

    That HubSpot does not answer passes, mostly. After an hour somebody looks whether it is HubSpot, or the way there.
    """
    found = trouble(facts, now=now)
    if found not in _NEEDS_PERSON:
        return None
    if facts.unanswered and found in {OperationalState.ERROR, OperationalState.STALE}:
        return found if facts.poll.failures > UNANSWERED_MAX else None
    if found is OperationalState.ERROR and facts.connector.last_error is not None:
        return None if facts.connector.last_error.code in _PASSES else found
    return None if found is OperationalState.STALE and _just_approved(facts, now=now) else found


def correction(facts: ConnectorFacts) -> str | None:
    """Return what a person has to correct in the configuration, while the connector itself goes on; None: nothing."""
    if facts.connector.status is not Lifecycle.ACTIVE:
        return None
    problem = next((problem for problem in facts.problems if problem.kind == "config"), None)
    if problem is not None:
        return problem.hint or problem.message
    fault = next(iter(facts.config_faults.values()), None)
    return None if fault is None else f"Correct the configuration with `connectors action=configure`: {fault}"


def _after(error: ErrorFact, facts: ConnectorFacts, *, repeated: bool) -> str:
    """Say what to do about the last error: only what can pass by itself is said to."""
    if error.hint:
        return error.hint
    if error.code not in _PASSES:
        return (
            f"Hand last_error to support: what was refused once is refused again at each {failed_step(error.step)}, "
            "until the cause that it names is gone."
        )
    if repeated and facts.unanswered:
        return state_guide(OperationalState.ERROR, facts).person
    if repeated:
        return (
            "Look at status.hubspot.com and at this machine's way to HubSpot: polls fail one after another, and "
            "last_error says how; polls go on meanwhile."
        )
    return (
        f"Nothing is to be done yet; the last {failed_step(error.step)} failed, and the next one tries again by itself."
    )


def failed_step(step: str | None, *, of_poll: str = "poll") -> str:
    """Return what a person calls that which failed: `of_poll`, or a step that comes after polls."""
    return _FAILED_STEPS.get(step or "", of_poll)


def _pending(facts: ConnectorFacts, *, now: datetime) -> str:
    failure = setup_failure(facts, now=now)
    if failure is not None:
        return failure.hint or FRESH_LINK_HINT
    if facts.oauth_state is not None and not facts.oauth_state.used:
        return (
            f"Open the auth_url and approve; it works until {_minute(facts.oauth_state.expires_at)}, "
            "and `connectors action=connect source_type=hubspot` returns a fresh one at any time."
        )
    return FRESH_LINK_HINT


def _first_sync(facts: ConnectorFacts, *, now: datetime) -> str:
    if _just_approved(facts, now=now):
        return "Nothing is to be done; the first sync is about to begin."
    return (
        "The first sync has not begun: check that the installation runs (`coppermind up`), "
        f"or have it begin by hand (`coppermind sync {facts.connector.id}`)."
    )


def _just_approved(facts: ConnectorFacts, *, now: datetime) -> bool:
    """Say whether a running installation may not have come to the first poll since the approval."""
    connected, polled = facts.connector.connected_at, facts.poll.last_started_at
    if connected is None or (polled is not None and polled > connected):
        return False
    return now - connected <= timedelta(minutes=SYNC_STARTS_WITHIN_MINUTES)


def _active(facts: ConnectorFacts, *, now: datetime) -> str:
    for problem in facts.problems:
        return problem.hint or problem.message
    if (to_correct := correction(facts)) is not None:
        return to_correct
    last = facts.poll.last_started_at
    if last is None:
        return STATE_GUIDES[OperationalState.ACTIVE].person
    due = last + timedelta(minutes=facts.config.poll_interval_minutes)
    if now - due > timedelta(minutes=SYNC_STARTS_WITHIN_MINUTES):
        return (
            f"The next poll was due by {_minute(due)} and has not begun: check that the installation runs "
            f"(`coppermind up`), or have it begin by hand (`coppermind sync {facts.connector.id}`)."
        )
    return f"Nothing is to be done; the next poll is due by {_minute(due)}."


def _minute(moment: datetime) -> str:
    return f"{utc_minute(moment)} UTC"

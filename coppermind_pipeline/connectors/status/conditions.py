"""The twelve conditions that Dagster's checks show of a connector: a pure function of its facts and the clock.

They follow from the same facts and rules as its state, so that the two can't disagree. No record's name, text or amount
is in them, and no error's own words, which may quote anything: an error is told by its code.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from coppermind_pipeline import crm
from coppermind_pipeline.connectors.configuration.freshness import Freshness, freshness
from coppermind_pipeline.connectors.connector import Lifecycle
from coppermind_pipeline.connectors.errors import FRESH_LINK_HINT
from coppermind_pipeline.connectors.events import STANDING_PROBLEMS, ProblemKind
from coppermind_pipeline.connectors.filter_preview import REMOVED_SHARE_WARNED
from coppermind_pipeline.connectors.status.facts import ConnectorFacts, ProblemFact
from coppermind_pipeline.connectors.status.next_steps import next_step, of_connector
from coppermind_pipeline.connectors.status.states import (
    STATE_GUIDES,
    OperationalState,
    QueueState,
    applies,
    is_stale,
    queue_state,
    refusal,
    setup_failure,
    state_guide,
)
from coppermind_pipeline.connectors.status.synthesis_due import synthesis_due_at
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.wording import age, ago, agreeing, count, iso_day, listed, number, utc_minute

# All connectors' syntheses are due at once, hence asked for over the period's first hours.
SYNTHESIS_LATE = timedelta(hours=24)


class Condition(StrEnum):
    """What should hold of a connector, as the checks are called."""

    AUTHORIZED = "authorized"
    SCOPES_GRANTED = "scopes_granted"
    WITHIN_RATE_LIMITS = "within_rate_limits"
    FRESH = "fresh"
    BACKFILL_COMPLETE = "backfill_complete"
    HYDRATED = "hydrated"
    LABELS_RESOLVED = "labels_resolved"
    FILTERS_EFFECTIVE = "filters_effective"
    QUEUE_FLOWING = "queue_flowing"
    SYNTHESIS_PUBLISHED = "synthesis_published"
    WITHOUT_DRIFT = "without_drift"
    WITHOUT_INTERNAL_VALUES = "without_internal_values"


class Severity(StrEnum):
    """How bad it is where a condition does not hold: `warn` where work goes on, with less or later."""

    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a condition holds.

    Attributes:
        passed: it does.
        cause: why, in one word that stays: with another one it is another outcome, though both are bad.
        description: what is so, and what to do where that is not good, in sentences.
        severity: of what is not good.
        figures: what can be counted of it, by name.
    """

    passed: bool
    cause: str
    description: str
    severity: Severity = Severity.ERROR
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        """What has to differ for this to be news."""
        return f"passed:{self.cause}" if self.passed else f"{self.severity}:{self.cause}"


def conditions(facts: ConnectorFacts, *, now: datetime) -> dict[Condition, Finding]:
    """Return what is so of each condition. Of a connector that polls nothing there is nothing to be wrong."""
    connector = facts.connector
    if connector.status is Lifecycle.INACTIVE:
        return dict.fromkeys(Condition, _disconnected(facts))
    if connector.status is Lifecycle.PENDING_SETUP:
        waiting = Finding(passed=True, cause="pending", description="No portal is connected yet.")
        return dict.fromkeys(Condition, waiting) | {Condition.AUTHORIZED: _aimed(_set_up(facts, now) or waiting, facts)}
    return {condition: _aimed(judge(facts, now), facts) for condition, judge in _JUDGES.items()}


def _aimed(finding: Finding, facts: ConnectorFacts) -> Finding:
    return replace(finding, description=of_connector(finding.description, facts, names_mind=False))


def _disconnected(facts: ConnectorFacts) -> Finding:
    connector = facts.connector
    if connector.replaced_by is not None:
        said = f"{connector.replaced_by} reads this portal in its place."
    elif connector.disconnected_at is not None:
        said = f"It was disconnected by a person on {iso_day(connector.disconnected_at)}, and nothing is read."
    else:
        said = "It is disconnected, and nothing is read."
    return Finding(passed=True, cause="disconnected", description=said)


def _set_up(facts: ConnectorFacts, now: datetime) -> Finding | None:
    failure = setup_failure(facts, now=now)
    if failure is None:
        return None
    said = f"The portal is not connected yet ({failure.code}). {failure.hint or FRESH_LINK_HINT}"
    return Finding(passed=False, cause=failure.code, description=said)


def _authorized(facts: ConnectorFacts, now: datetime) -> Finding:  # noqa: ARG001
    problem = refusal(facts)
    if problem is None:
        return Finding(passed=True, cause="accepted", description="HubSpot accepts the authorization.")
    said = f"{state_guide(OperationalState.AUTH_ERROR, facts).cause} ({problem.code}) {problem.hint or FRESH_LINK_HINT}"
    return Finding(passed=False, cause=problem.code, description=said)


def _scopes_granted(facts: ConnectorFacts, now: datetime) -> Finding:  # noqa: ARG001 - each judge takes both
    problems = _problems(facts, "scope")
    figures = {"problems": len(problems)}
    if not problems:
        return Finding(passed=True, cause="granted", description="All scopes are granted.", figures=figures)
    stopping = [problem for problem in problems if problem.code not in STANDING_PROBLEMS]
    problem = (stopping or problems)[0]
    # A problem that syncs go on with is told in a sentence of ours, others in HubSpot's words.
    what = f"HubSpot refuses a call for lack of a scope ({problem.code})." if stopping else problem.message
    return Finding(
        passed=False,
        cause=problem.code,
        severity=Severity.ERROR if stopping else Severity.WARN,
        description=f"{what} {problem.hint or FRESH_LINK_HINT}",
        figures=figures,
    )


def _within_rate_limits(facts: ConnectorFacts, now: datetime) -> Finding:
    retry_at = facts.poll.retry_at
    limited = applies(OperationalState.RATE_LIMITED, facts, now=now)
    # A portal that needs a person is left alone for a time as well, and no limit is the reason.
    if not limited or retry_at is None or applies(OperationalState.AUTH_ERROR, facts, now=now):
        return Finding(passed=True, cause="within", description="HubSpot asks for no pause.")
    return Finding(
        passed=False,
        cause="paused",
        severity=Severity.WARN,
        description=f"{STATE_GUIDES[OperationalState.RATE_LIMITED].cause} Nothing is to be done; polling resumes by "
        f"itself at {utc_minute(retry_at)} UTC.",
        figures={"pause_minutes_left": _minutes(retry_at - now)},
    )


def _fresh(facts: ConnectorFacts, now: datetime) -> Finding:
    pulled_at = facts.poll.last_succeeded_at
    found = freshness(last_pull_at=pulled_at, poll_interval_minutes=facts.config.poll_interval_minutes, now=now)
    failing = applies(OperationalState.ERROR, facts, now=now)
    figures: dict[str, float] = {"failed_polls_in_a_row": facts.poll.failures}
    if pulled_at is None:
        said = "No pull has been complete yet."
    else:
        figures["age_minutes"] = _minutes(now - pulled_at)
        said = f"The last complete pull ended {ago(now - pulled_at)}."
    if found is Freshness.FRESH and not failing:
        return Finding(passed=True, cause="fresh", description=said, figures=figures)
    if failing:
        error = facts.connector.last_error
        said += f" The last {count(facts.poll.failures, 'poll')} failed{f' ({error.code})' if error else ''}."
    # A first backfill takes as long as it takes, and its pages come in.
    first_read = found is Freshness.NEVER_SYNCED and not failing and not is_stale(facts, now=now)
    return Finding(
        passed=False,
        cause="failing" if failing else "first_read" if first_read else found.value,
        severity=Severity.WARN if first_read else Severity.ERROR,
        description=f"{said} {next_step(facts, now=now)}",
        figures=figures,
    )


def _backfill_complete(facts: ConnectorFacts, now: datetime) -> Finding:  # noqa: ARG001
    backfill = facts.backfill
    if backfill is None:
        return Finding(
            passed=False,
            cause="not_begun",
            severity=Severity.WARN,
            description="The historical backfill has not begun; it begins with the first sync, by itself.",
        )
    read, total = sum(scan.records for scan in facts.scans.values()), sum(backfill.totals.values())
    said = f"{number(read)} of {number(total)} records changed since {iso_day(backfill.since)} have been read."
    figures = {"records_read": read, "records": total}
    if facts.backfilled:
        return Finding(passed=True, cause="complete", description=said, figures=figures)
    more = "It goes on by itself, and reports say that they are early."
    return Finding(passed=False, cause="running", severity=Severity.WARN, description=f"{said} {more}", figures=figures)


def _hydrated(facts: ConnectorFacts, now: datetime) -> Finding:  # noqa: ARG001
    refused = facts.refused_properties
    skipped = {object_type: each.count for object_type, each in facts.skipped_records.items()}
    figures: dict[str, float] = {
        **{f"refused_properties_of_{object_type}": refused.get(object_type, 0) for object_type in ObjectType},
        **{f"skipped_{object_type}": skipped.get(object_type, 0) for object_type in ObjectType},
    }
    said = []
    if refused:
        what = listed([f"{count(known, 'property')} of {object_type}" for object_type, known in refused.items()])
        said.append(
            f"HubSpot refuses {what}; records are read without them, and reports say so. Let the user who approved see "
            "these properties, then approve again; the daily re-read asks for them once more."
        )
    if skipped:
        what = listed([f"{number(known)} {object_type}" for object_type, known in skipped.items()])
        said.append(
            f"HubSpot gives no full answer about {what}, not even one at a time. Status names them (skipped_records); "
            "they are tried again daily, and who meets them for days hands their ids to HubSpot's support."
        )
    if not said:
        return Finding(passed=True, cause="full", description="Records are read in full.", figures=figures)
    cause = "+".join(name for name, known in (("refused", refused), ("skipped", skipped)) if known)
    return Finding(passed=False, cause=cause, severity=Severity.WARN, description=" ".join(said), figures=figures)


def _labels_resolved(facts: ConnectorFacts, now: datetime) -> Finding:  # noqa: ARG001
    gaps = facts.label_gaps
    figures = {"memories_without_a_label": gaps.missing}
    if not gaps.missing:
        return Finding(passed=True, cause="resolved", description="Memories lack no label.", figures=figures)
    said = (
        f"{_memories(gaps.missing)} {agreeing(gaps.missing, 'says', 'say')} in words that HubSpot has no label any "
        f"more: of {listed(gaps.missing_of)}. Give it back in HubSpot's settings, or give the records another value; "
        "their memories follow with the next sync."
    )
    return Finding(passed=False, cause="missing", severity=Severity.WARN, description=said, figures=figures)


def _filters_effective(facts: ConnectorFacts, now: datetime) -> Finding:  # noqa: ARG001
    shares = (facts.portal.profile or {}).get("filtered", {}) if facts.portal else {}
    removed = {object_type: (int(share["count"]), int(share["of"])) for object_type, share in shares.items()}
    figures: dict[str, float] = {f"removed_{object_type}": gone for object_type, (gone, _) in removed.items()}
    problems = _problems(facts, "config")
    if problems:
        said = f"A setting can't be applied, as the portal does not have what it names. {problems[0].hint}"
        return Finding(passed=False, cause=problems[0].code, description=said, figures=figures)
    nearly_all = [
        f"{number(gone)} of {number(of)} {object_type}"
        for object_type, (gone, of) in removed.items()
        if gone > REMOVED_SHARE_WARNED * of
    ]
    if nearly_all:
        cause, said = "remove_nearly_all", f"The filters remove {listed(nearly_all)}."
    elif _has_filters(facts) and any(of for _, of in removed.values()) and not any(figures.values()):
        cause, said = "remove_nothing", "The configured filters match no record: they remove nothing."
    else:
        return Finding(passed=True, cause="effective", description="Filters do what they say.", figures=figures)
    said += " If that is not meant, correct them with `connectors action=configure`; they compare internal values."
    return Finding(passed=False, cause=cause, severity=Severity.WARN, description=said, figures=figures)


def _queue_flowing(facts: ConnectorFacts, now: datetime) -> Finding:
    queue = facts.queue
    waits = None if queue.oldest_pending_at is None else now - queue.oldest_pending_at
    figures = {
        "waiting": queue.waiting,
        "dead": queue.dead,
        "oldest_minutes": 0.0 if waits is None else _minutes(waits),
    }
    if queue_state(facts, now=now) is not QueueState.BACKED_UP:
        said = f"{count(queue.waiting, 'entry')} {agreeing(queue.waiting, 'waits', 'wait')} to be written."
        return Finding(passed=True, cause="flowing", description=said, figures=figures)
    if queue.dead:
        said = (
            f"{count(queue.dead, 'entry')} of the memory queue failed for good. Look why (`coppermind memory queue`), "
            "then have them tried again (`coppermind memory queue --replay`)."
        )
        return Finding(passed=False, cause="dead", description=said, figures=figures)
    said = (
        f"The oldest entry of {number(queue.waiting)} that wait to be written has done so for "
        f"{age(waits or timedelta())}. See in Dagster whether runs of `drain` fail or never begin; "
        f"a sync by hand writes them, too (`coppermind sync {facts.connector.id}`)."
    )
    return Finding(passed=False, cause="late", description=said, figures=figures)


def _synthesis_published(facts: ConnectorFacts, now: datetime) -> Finding:
    synthesis, due_at = facts.synthesis, synthesis_due_at(facts, now=now)
    figures: dict[str, float] = {
        "memories": synthesis.memories if synthesis else 0,
        "skipped_scopes": len(synthesis.skipped) if synthesis else 0,
    }
    if applies(OperationalState.SYNTHESIS_ERROR, facts, now=now):
        said = f"The last synthesis failed. {STATE_GUIDES[OperationalState.SYNTHESIS_ERROR].person}"
        return Finding(passed=False, cause="failed", severity=Severity.WARN, description=said, figures=figures)
    if due_at is None:
        said = "Synthesis waits for the historical backfill to finish."
        return Finding(passed=True, cause="waiting", description=said, figures=figures)
    if due_at + SYNTHESIS_LATE < now:
        said = (
            f"The current period's synthesis has been due since {utc_minute(due_at)} UTC. See in Dagster whether the "
            "sensor `due_syntheses` is on and runs of `synthesis` are queued; to have it at once, materialize "
            "`marketing_synthesis`."
        )
        return Finding(passed=False, cause="late", description=said, figures=figures)
    published = synthesis is not None and synthesis.published_at is not None
    said = (
        f"{synthesis.period_key} is published." if synthesis and published else "The first synthesis is about to begin."
    )
    return Finding(passed=True, cause="published" if published else "due", description=said, figures=figures)


def _without_drift(facts: ConnectorFacts, now: datetime) -> Finding:  # noqa: ARG001
    drift = {object_type: (d["portal_total"], d["stored_total"]) for object_type, d in (facts.drift or {}).items()}
    figures: dict[str, float] = {
        f"{object_type}_missing": portal - stored for object_type, (portal, stored) in drift.items()
    }
    if not drift:
        return Finding(passed=True, cause="agrees", description="HubSpot's counts and ours agree.", figures=figures)
    what = "; ".join(
        f"{object_type}: {number(portal)} in HubSpot, {number(stored)} stored"
        for object_type, (portal, stored) in drift.items()
    )
    said = (
        f"{what}. The daily reconciliation puts right what it finds; if it has run since and this stays, have the "
        f"history read again with `connectors action=resync connector_id={facts.connector.id}`."
    )
    return Finding(passed=False, cause="drift", description=said, figures=figures)


def _without_internal_values(facts: ConnectorFacts, now: datetime) -> Finding:  # noqa: ARG001
    gaps = facts.label_gaps
    figures = {"memories_with_internal_values": gaps.internal}
    if not gaps.internal:
        return Finding(passed=True, cause="none", description="Memories show labels alone.", figures=figures)
    said = (
        f"{_memories(gaps.internal)} {agreeing(gaps.internal, 'shows', 'show')} a value as HubSpot stores it, as the "
        f"portal calls it nothing else: of {listed(gaps.internal_of)}. Give it a label that people read in HubSpot's "
        "settings; memories follow with the next sync."
    )
    return Finding(passed=False, cause="shown", severity=Severity.WARN, description=said, figures=figures)


_JUDGES: dict[Condition, Callable[[ConnectorFacts, datetime], Finding]] = {
    Condition.AUTHORIZED: _authorized,
    Condition.SCOPES_GRANTED: _scopes_granted,
    Condition.WITHIN_RATE_LIMITS: _within_rate_limits,
    Condition.FRESH: _fresh,
    Condition.BACKFILL_COMPLETE: _backfill_complete,
    Condition.HYDRATED: _hydrated,
    Condition.LABELS_RESOLVED: _labels_resolved,
    Condition.FILTERS_EFFECTIVE: _filters_effective,
    Condition.QUEUE_FLOWING: _queue_flowing,
    Condition.SYNTHESIS_PUBLISHED: _synthesis_published,
    Condition.WITHOUT_DRIFT: _without_drift,
    Condition.WITHOUT_INTERNAL_VALUES: _without_internal_values,
}


def _problems(facts: ConnectorFacts, *kinds: ProblemKind) -> list[ProblemFact]:
    return [problem for problem in facts.problems if problem.kind in kinds]


def _has_filters(facts: ConnectorFacts) -> bool:
    return any(facts.connector.config.get(key) for key in crm.FILTER_KEYS)


def _memories(known: int) -> str:
    return count(known, "memory")


def _minutes(span: timedelta) -> float:
    return round(span.total_seconds() / 60, 1)

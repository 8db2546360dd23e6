"""`connectors action=status`: how connectors are, from one query for all of them."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from coppermind_pipeline import crm
from coppermind_pipeline.accounts import Caller, resolve_mind
from coppermind_pipeline.connectors.connector import find_connector
from coppermind_pipeline.connectors.errors import InvalidConfigValue
from coppermind_pipeline.connectors.filter_preview import removal_warning
from coppermind_pipeline.connectors.setup_help import SETUP_HELP
from coppermind_pipeline.connectors.status.facts import ConnectorFacts, ErrorFact, read_facts
from coppermind_pipeline.connectors.status.next_steps import START_POLLING, next_step, of_connector
from coppermind_pipeline.connectors.status.responses import (
    ConnectorStatus,
    ErrorDetail,
    HubSpotBackfill,
    HubSpotDiagnostics,
    LatestDeal,
    PersistentError,
    QueueFigures,
    ScanState,
    SkippedRecords,
    StatusResponse,
)
from coppermind_pipeline.connectors.status.states import (
    Headline,
    OperationalState,
    headline,
    operational_state,
    queue_state,
    setup_failure,
)
from coppermind_pipeline.connectors.status.synthesis_due import synthesis_due_at
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.retelling import retold
from coppermind_pipeline.store import Database, InstallationPaused, paused_since, polling_stopped_since

_NONE_YET = "Use `connectors action=connect source_type=hubspot` to connect a HubSpot portal to this mind."


def status(
    database: Database,
    caller: Caller,
    *,
    connector_id: str | None = None,
    mind: str | None = None,
    all_minds: bool = False,
    now: datetime,
) -> StatusResponse:
    """Return one connector by its id, else those of all the customer's minds, else those of a mind.

    `mind` None means the active one.

    Raises:
        ConnectorNotFound: the customer has no such connector.
        MindNotFound, NoActiveMind: there is no such mind.
    """
    mind_name: str | None = None
    if connector_id is not None:
        found = read_facts(database, caller.customer_id, connector_id=connector_id.strip())
        if not found:
            find_connector(database, caller, connector_id)
        mind_name = found[0].mind_name
    elif all_minds:
        found = read_facts(database, caller.customer_id)
    else:
        asked = resolve_mind(database, caller, mind)
        mind_name = asked.name
        found = read_facts(database, caller.customer_id, mind_id=asked.id)
    connectors = tuple(connector_status(facts, now=now) for facts in found)
    paused = paused_since(database)
    stopped = None if paused or not connectors else polling_stopped_since(database, now=now)
    if paused is not None:
        connectors = tuple(each.model_copy(update={"next_step": InstallationPaused.hint}) for each in connectors)
    elif stopped is not None:
        connectors = tuple(_not_polled(each) for each in connectors)
    return StatusResponse(
        mind=mind_name,
        connectors=connectors,
        paused_since=paused,
        polling_stopped_since=stopped,
        next_step=_overall_step(paused=paused is not None, stopped=stopped is not None, empty=not found),
        setup_help=SETUP_HELP,
    )


def _overall_step(*, paused: bool, stopped: bool, empty: bool) -> str | None:
    if paused:
        return InstallationPaused.hint
    if empty:
        return _NONE_YET
    return START_POLLING if stopped else None


def _not_polled(connector: ConnectorStatus) -> ConnectorStatus:
    """Return what is left to do where nothing polls: a connector that needs a person first needs them still."""
    waits_for_person = connector.hubspot_diagnostics.operational_state is OperationalState.AUTH_ERROR
    if connector.connected_at is None or connector.status is Headline.INACTIVE or waits_for_person:
        return connector
    return connector.model_copy(update={"next_step": START_POLLING})


def connector_status(facts: ConnectorFacts, *, now: datetime) -> ConnectorStatus:
    """Return what status says of one connector: a pure function of its facts and the clock."""
    connector = facts.connector
    said = ConnectorStatus(
        connector_id=connector.id,
        mind=facts.mind_name,
        mind_id=connector.mind_id,
        source_type=connector.source_type,
        status=headline(facts),
        hub_id=connector.hub_id,
        replaced_by=connector.replaced_by,
        created_at=connector.created_at,
        connected_at=connector.connected_at,
        disconnected_at=connector.disconnected_at,
        sync_requested_at=connector.sync_requested_at,
        hubspot_backfill=_backfill(facts, now=now),
        hubspot_diagnostics=_diagnostics(facts, now=now),
        last_error=_detail(_last_error(facts, now=now)),
        config=connector.config,
        portal_profile=facts.portal.profile if facts.portal else None,
        warnings=_warnings(facts),
        next_step=next_step(facts, now=now),
    )
    return retold(said, partial(of_connector, facts=facts))


def _last_error(facts: ConnectorFacts, *, now: datetime) -> ErrorFact | None:
    errors = [error for error in (facts.connector.last_error, setup_failure(facts, now=now)) if error is not None]
    return max(errors, key=lambda error: error.at, default=None)


def _detail(error: ErrorFact | None) -> ErrorDetail | None:
    return None if error is None else ErrorDetail(code=error.code, message=error.message, hint=error.hint, at=error.at)


def _backfill(facts: ConnectorFacts, *, now: datetime) -> HubSpotBackfill | None:
    backfill = facts.backfill
    if backfill is None:
        return None
    scans = facts.scans
    return HubSpotBackfill(
        status="complete" if backfill.completed_at else "running",
        since=backfill.since,
        started_at=backfill.started_at,
        completed_at=backfill.completed_at,
        counts=_by_type({object_type: scan.records for object_type, scan in scans.items()}),
        state={
            object_type: ScanState(last_id=str(scan.last_id), done=scan.completed_at is not None, pages=scan.pages)
            for object_type in ObjectType
            if (scan := scans.get(object_type)) is not None
        },
        totals=backfill.totals,
        eta_seconds=_eta_seconds(facts, now=now),
    )


def _eta_seconds(facts: ConnectorFacts, *, now: datetime) -> int | None:
    """Estimate the time left from the portal's totals and the rate since the start; None where that says nothing."""
    backfill, scans = facts.backfill, facts.scans
    if backfill is None or backfill.completed_at is not None or not backfill.totals.keys() >= scans.keys() or not scans:
        return None
    read = sum(scan.records for scan in scans.values())
    left = sum(
        max(0, backfill.totals[object_type] - scan.records)
        for object_type, scan in scans.items()
        if scan.completed_at is None
    )
    elapsed_s = (now - backfill.started_at).total_seconds()
    return round(left * elapsed_s / read) if read and elapsed_s > 0 else None


def _diagnostics(facts: ConnectorFacts, *, now: datetime) -> HubSpotDiagnostics:
    queue, synthesis, deal = facts.queue, facts.synthesis, facts.latest_deal
    enqueued = [at for at in (facts.last_enqueue_at, queue.newest_at) if at is not None]
    return HubSpotDiagnostics(
        operational_state=operational_state(facts, now=now),
        last_successful_hubspot_pull=facts.poll.last_succeeded_at,
        last_queue_enqueue=max(enqueued, default=None),
        queue=QueueFigures(
            pending=queue.waiting - queue.in_progress,
            in_progress=queue.in_progress,
            dead=queue.dead,
            oldest_pending_at=queue.oldest_pending_at,
        ),
        queue_state=queue_state(facts, now=now),
        records_pulled_by_type=_by_type(facts.poll.pulled_counts),
        last_poll_record_counts_by_type=_by_type(facts.poll.last_counts),
        latest_deal_seen=None if deal is None else LatestDeal(id=deal.id, name=deal.name, modified_at=deal.modified_at),
        aggregate_recompute_at=synthesis_due_at(facts, now=now),
        synthesis_cadence=facts.config.hubspot_synthesis_cadence,
        synthesis_period_key=synthesis.period_key if synthesis else None,
        synthesis_recomputed_at=synthesis.published_at if synthesis else None,
        synthesis_count=synthesis.memories if synthesis else 0,
        synthesis_skipped_reason=_skipped_reason(facts),
        synthesis_last_error=synthesis.error if synthesis else None,
        setup_error=_detail(setup_failure(facts, now=now)),
        persistent_errors=_persistent_errors(facts, now=now),
        hydration="degraded" if facts.degraded_types else "full",
        skipped_records={
            object_type.value: SkippedRecords(count=skipped.count, ids=skipped.ids)
            for object_type, skipped in facts.skipped_records.items()
        },
        drift=None if facts.drift is None else {str(object_type): d for object_type, d in facts.drift.items()},
    )


def _skipped_reason(facts: ConnectorFacts) -> str | None:
    if facts.synthesis is None:
        waiting = facts.backfill is not None and facts.backfill.first_completed_at is None
        return "It waits for the historical backfill to finish." if waiting else None
    return "; ".join(f"{scope}: {reason}" for scope, reason in sorted(facts.synthesis.skipped.items())) or None


def _persistent_errors(facts: ConnectorFacts, *, now: datetime) -> tuple[PersistentError, ...]:
    stored = [
        PersistentError(
            kind=problem.kind,
            code=problem.code,
            message=problem.message,
            hint=problem.hint,
            since=problem.since,
            last_seen=problem.last_seen,
        )
        for problem in facts.problems
    ]
    misconfigured = [
        PersistentError(
            kind="config",
            code=InvalidConfigValue.code,
            message=message,
            hint=f"Correct {key} with `connectors action=configure`; until then it counts as not set.",
            since=facts.connector.created_at,
            last_seen=now,
        )
        for key, message in facts.config_faults.items()
        if key not in crm.FILTER_KEYS
    ]
    return (*stored, *misconfigured)


def _warnings(facts: ConnectorFacts) -> tuple[str, ...]:
    filtered = (facts.portal.profile or {}).get("filtered", {}) if facts.portal else {}
    removed = (
        removal_warning(object_type, removed=share["count"], of=share["of"]) for object_type, share in filtered.items()
    )
    skipped = (
        f"{each.count} {object_type.value} could not be read from HubSpot; they are tried again daily."
        for object_type, each in facts.skipped_records.items()
    )
    return (*(message for message in removed if message is not None), *skipped)


def _by_type(counts: Mapping[ObjectType, int]) -> dict[ObjectType, int]:
    return {object_type: counts.get(object_type, 0) for object_type in ObjectType}

"""Sensors: what the daemon looks for, and the runs that it asks for. Each is a question to the store and no more."""

from collections.abc import Callable, Container, Iterable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import dagster as dg

from coppermind_pipeline.connectors import active_connectors, load_connector, record_event, send_alerts
from coppermind_pipeline.defs.installation import Installation
from coppermind_pipeline.defs.jobs import drain_job, reconciliation_job, sync_job, synthesis_job
from coppermind_pipeline.defs.partitions import connectors, known_connectors
from coppermind_pipeline.defs.probes import probe_polls
from coppermind_pipeline.defs.work import DueSynthesis, WaitingQueue, connectors_with_waiting_memories, syntheses_due
from coppermind_pipeline.store import InstallationPaused, note_look_for_polls, paused_since
from coppermind_pipeline.sync import DueReconciliation, note_lost_run, reconciliations_due
from coppermind_pipeline.sync import due_polls as polls_due

Due = TypeVar("Due", DueSynthesis, WaitingQueue, DueReconciliation)

_RUNNING = dg.DefaultSensorStatus.RUNNING
_PAUSED = dg.SkipReason(f"the installation is paused. {InstallationPaused.hint}")
_IN_PROGRESS = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]

# Polls go before first syncs, drains, synthesis, slices of a backfill, and reconciliation.
_PRIORITY_POLL, _PRIORITY_FIRST_SYNC, _PRIORITY_DRAIN, _PRIORITY_SYNTHESIS, _PRIORITY_SLICE = 10, 8, 6, 4, 2
_PRIORITY_RECONCILIATION = 0


@dg.sensor(minimum_interval_seconds=10, default_status=_RUNNING)
def new_connectors(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.SensorResult | dg.SkipReason:
    """Give each newly connected portal its partition. A disconnected one keeps it."""
    known = known_connectors(context.instance)
    new = [connector.id for connector in active_connectors(installation.database) if connector.id not in known]
    if not new:
        return dg.SkipReason("every connector has its partition")
    return dg.SensorResult(dynamic_partitions_requests=[connectors.build_add_request(new)])


@dg.sensor(job=sync_job, minimum_interval_seconds=10, default_status=_RUNNING)
def due_polls(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.SensorResult | dg.SkipReason:
    """Sync the connectors that are due. A poll is probed first: one that finds nothing starts no run."""
    asked_for = _PAUSED if paused_since(installation.database) else _polls(context.instance, installation)
    note_look_for_polls(installation.database)  # at the end: a look that breaks off each time is none
    return asked_for


def _polls(instance: dg.DagsterInstance, installation: Installation) -> dg.SensorResult | dg.SkipReason:
    with installation.database.scheduler() as connection:
        due = polls_due(connection)
    # What is queued behind polls, such as hundreds of reconciliations after a day's downtime, holds none of them up.
    idle = _idle(instance, (poll.connector_id for poll in due), queued_jobs={sync_job.name})
    waiting = [poll for poll in due if poll.connector_id in idle]
    probed = probe_polls(installation, [poll for poll in waiting if poll.reason == "poll"])
    requests = [
        dg.RunRequest(
            partition_key=poll.connector_id,
            run_key=f"{poll.connector_id}:{poll.due_at:%Y%m%dT%H%M%S%f}",
            tags=_tags(poll.reason),
        )
        for poll in waiting
        if poll.reason != "poll" or poll.connector_id in probed.news
    ]
    if not requests:
        later = f"; {len(probed.carried_over)} of them wait for the next tick" if probed.carried_over else ""
        return dg.SkipReason(f"{len(waiting)} connectors were due, and nothing had changed{later}")
    # A portal that was connected a moment ago is synced with this tick, not with the one after it got its partition.
    new = {request.partition_key for request in requests if request.partition_key} - known_connectors(instance)
    additions = [connectors.build_add_request(sorted(new))] if new else []
    return dg.SensorResult(run_requests=requests, dynamic_partitions_requests=additions)


def _tags(reason: str) -> dict[str, str]:
    if reason == "backfill":
        return {"dagster/priority": str(_PRIORITY_SLICE), "coppermind/backfill-slice": "true"}
    return {"dagster/priority": str(_PRIORITY_FIRST_SYNC if reason == "first" else _PRIORITY_POLL)}


@dg.sensor(job=synthesis_job, minimum_interval_seconds=30, default_status=_RUNNING)
def due_syntheses(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.SensorResult | dg.SkipReason:
    """Publish the current period of each connector whose backfill is complete and that has not published it."""
    if paused_since(installation.database):
        return _PAUSED
    return _runs(
        context.instance,
        syntheses_due(installation.database),
        run_key=lambda due: f"{due.connector_id}:{due.period_key}:{due.attempt}",
        priority=_PRIORITY_SYNTHESIS,
        otherwise="every period is published",
    )


@dg.sensor(job=drain_job, minimum_interval_seconds=30, default_status=_RUNNING)
def waiting_memories(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.SensorResult | dg.SkipReason:
    """Work off queues that no sync is working off: entries whose turn came again after a failure."""
    if paused_since(installation.database):
        return _PAUSED
    return _runs(
        context.instance,
        connectors_with_waiting_memories(installation.database),
        run_key=lambda queue: f"{queue.connector_id}:{queue.oldest_at:%Y%m%dT%H%M%S%f}",
        priority=_PRIORITY_DRAIN,
        otherwise="no queue is waiting",
    )


@dg.sensor(job=reconciliation_job, minimum_interval_seconds=60, default_status=_RUNNING)
def due_reconciliations(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.SensorResult | dg.SkipReason:
    """Walk each portal's lists daily, and read again what changes without notice, in slices behind everything else."""
    if paused_since(installation.database):
        return _PAUSED
    with installation.database.scheduler() as connection:
        reconciliations = reconciliations_due(connection)
    minute = f"{datetime.now(UTC):%Y%m%dT%H%M}"
    return _runs(
        context.instance,
        reconciliations,
        run_key=lambda due: f"{due.connector_id}:{due.reason}:{due.due_at:%Y%m%dT%H%M%S%f}:{minute}",
        priority=_PRIORITY_RECONCILIATION,
        otherwise="no reconciliation is due",
    )


@dg.sensor(minimum_interval_seconds=30, default_status=_RUNNING)
def alerts(installation: dg.ResourceParam[Installation]) -> dg.SkipReason:
    """Tell the alert webhook of each connector that got into trouble or out of it."""
    webhook_url = installation.settings.alert_webhook_url
    if webhook_url is None:
        return dg.SkipReason("COPPERMIND_ALERT_WEBHOOK_URL is not set")
    if paused_since(installation.database):
        return _PAUSED
    alerted = send_alerts(installation.database, webhook_url)
    answers = "" if alerted.webhook_answers else "; the webhook does not take them, and is tried again"
    return dg.SkipReason(f"alerts sent: {alerted.sent}{answers}")


@dg.run_failure_sensor(monitored_jobs=[sync_job, reconciliation_job, drain_job, synthesis_job], default_status=_RUNNING)
def failed_runs(context: dg.RunFailureSensorContext, installation: dg.ResourceParam[Installation]) -> None:
    """Write each failed run into its connector's log, where support looks first."""
    connector_id = context.dagster_run.tags.get("dagster/partition")
    if connector_id is None:
        return
    connector = load_connector(installation.database, connector_id)
    with installation.database.mind(connector.mind_id) as connection:
        record_event(
            connection,
            connector,
            "error",
            "run_failed",
            f"The run of {context.dagster_run.job_name} failed.",
            {"run_id": context.dagster_run.run_id},
        )
        note_lost_run(connection, connector, run_id=context.dagster_run.run_id)


def _runs(
    instance: dg.DagsterInstance,
    due: Sequence[Due],
    *,
    run_key: Callable[[Due], str],
    priority: int,
    otherwise: str,
) -> dg.SensorResult | dg.SkipReason:
    """Ask for a run for each connector that is due and idle. A key that was asked for before starts no second run."""
    idle = _idle(instance, (one.connector_id for one in due))
    requests = [
        dg.RunRequest(partition_key=one.connector_id, run_key=run_key(one), tags={"dagster/priority": str(priority)})
        for one in due
        if one.connector_id in idle
    ]
    return dg.SensorResult(run_requests=requests) if requests else dg.SkipReason(otherwise)


def _idle(
    instance: dg.DagsterInstance, connector_ids: Iterable[str], *, queued_jobs: Container[str] | None = None
) -> set[str]:
    """Return those of the connectors that have no run under way, and none queued (of `queued_jobs`, where given)."""
    wanted = set(connector_ids)
    if not wanted:
        return set()
    busy = {
        run.tags.get("dagster/partition")
        for run in instance.get_runs(dg.RunsFilter(statuses=_IN_PROGRESS))
        if run.status != dg.DagsterRunStatus.QUEUED or queued_jobs is None or run.job_name in queued_jobs
    }
    return wanted - busy

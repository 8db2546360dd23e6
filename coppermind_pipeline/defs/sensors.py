"""Sensors: what the daemon looks for, and the runs that it asks for. Each is a question to a room below and no more."""

from collections.abc import Callable, Container, Sequence
from typing import Literal, Protocol, TypeVar

import dagster as dg

from coppermind_pipeline.connectors import active_connectors, send_alerts, tell_all_again
from coppermind_pipeline.defs import jobs, runs
from coppermind_pipeline.defs.installation import Installation
from coppermind_pipeline.defs.partitions import connectors, known_connectors
from coppermind_pipeline.memories import waiting_queues
from coppermind_pipeline.store import Database, InstallationPaused, note_look_for_polls, paused_since
from coppermind_pipeline.sync import DuePoll, DueReconciliation, note_failed_run, polls_to_run, reconciliations_due
from coppermind_pipeline.sync import due_polls as polls_due
from coppermind_pipeline.synthesis import syntheses_due

_RUNNING = dg.DefaultSensorStatus.RUNNING
# Of each kind of work that can wait: queued or under way at a time.
AT_ONCE_MAX = 2

PAUSED = dg.SkipReason(f"the installation is paused. {InstallationPaused.hint}")


# Of the queue, what a person waits for goes first, then polls; after them drains, synthesis, slices of a backfill, and
# reconciliation.
_ASKED_FOR, _FIRST, _POLL, _DRAIN, _SYNTHESIS, _SLICE, _RECONCILIATION = 12, 11, 10, 6, 4, 2, 0


class _Due(Protocol):
    """A connector that is due; `turn` tells this time from the next."""

    @property
    def connector_id(self) -> str: ...

    @property
    def turn(self) -> str: ...


Due = TypeVar("Due", bound=_Due)


@dg.sensor(minimum_interval_seconds=10, default_status=_RUNNING)
def new_connectors(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.SensorResult | dg.SkipReason:
    """Give each newly connected portal its partition. A disconnected one keeps it."""
    additions = _partitions(context.instance, [connector.id for connector in active_connectors(installation.database)])
    if not additions:
        return dg.SkipReason("every connector has its partition")
    return dg.SensorResult(dynamic_partitions_requests=additions)


@dg.sensor(job=jobs.sync_job, minimum_interval_seconds=5, default_status=_RUNNING)
def wanted_syncs(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.SensorResult | dg.SkipReason:
    """Begin first syncs, syncs that a person asked for, and slices of backfills, whatever the polls are waiting for."""
    if paused_since(installation.database):
        return PAUSED
    wanted = _waiting(context.instance, installation, "run")
    return _sync(context.instance, wanted) if wanted else dg.SkipReason("no sync is wanted")


@dg.sensor(job=jobs.sync_job, minimum_interval_seconds=10, default_status=_RUNNING)
def due_polls(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.SensorResult | dg.SkipReason:
    """Sync the connectors that are due. A poll is probed first: one that finds nothing starts no run."""
    asked_for = PAUSED if paused_since(installation.database) else _probe(context.instance, installation, "probe")
    note_look_for_polls(installation.database)  # at the end: a look that breaks off each time is none
    return asked_for


@dg.sensor(job=jobs.sync_job, minimum_interval_seconds=10, default_status=_RUNNING)
def failing_portals(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.SensorResult | dg.SkipReason:
    """Look at portals whose last poll failed, apart from all others; one that answers again is synced."""
    if paused_since(installation.database):
        return PAUSED
    return _probe(context.instance, installation, "look")


def _probe(
    instance: dg.DagsterInstance, installation: Installation, way: Literal["probe", "look"]
) -> dg.SensorResult | dg.SkipReason:
    waiting = _waiting(instance, installation, way)
    found = polls_to_run(installation.database, installation.settings, waiting)
    if found.polls:
        return _sync(instance, found.polls)
    later = f"; {len(found.carried_over)} of them wait for the next tick" if found.carried_over else ""
    return dg.SkipReason(f"{len(waiting)} connectors were due, and none takes a run{later}")


def _waiting(instance: dg.DagsterInstance, installation: Installation, way: str) -> list[DuePoll]:
    with installation.database.scheduler() as connection:
        due = [poll for poll in polls_due(connection) if poll.way == way]
    # What is queued behind polls, such as hundreds of reconciliations after a day's downtime, holds none of them up.
    return _idle(instance, due, queued_jobs={jobs.sync_job.name})


def _sync(instance: dg.DagsterInstance, polls: Sequence[DuePoll]) -> dg.SensorResult:
    return dg.SensorResult(
        run_requests=[_request(poll, _tags_of_poll(poll)) for poll in polls],
        # A portal that was connected a moment ago is synced with this tick, not with the one after its partition came.
        dynamic_partitions_requests=_partitions(instance, [poll.connector_id for poll in polls]),
    )


def _tags_of_poll(poll: DuePoll) -> dict[str, str]:
    priority = {"requested": _ASKED_FOR, "first": _FIRST, "backfill": _SLICE, "poll": _POLL}[poll.reason]
    tags = runs.tags(priority=priority)
    if poll.backfilling:
        tags = runs.tags(priority=priority, long="background" if poll.reason == "backfill" else "asked-for")
    return tags | runs.FAILING if poll.failing else tags


@dg.sensor(job=jobs.synthesis_job, minimum_interval_seconds=15, default_status=_RUNNING)
def due_syntheses(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.SensorResult | dg.SkipReason:
    """Publish the current period of each connector whose backfill is complete and that has not published it."""
    return _a_few(
        context,
        installation,
        jobs.synthesis_job.name,
        syntheses_due,
        priority=_SYNTHESIS,
        somebody_waits=lambda synthesis: synthesis.is_first,
    )


@dg.sensor(job=jobs.drain_job, minimum_interval_seconds=15, default_status=_RUNNING)
def waiting_memories(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.SensorResult | dg.SkipReason:
    """Work off queues that no sync is working off: entries whose turn came again after a failure."""
    return _a_few(context, installation, jobs.drain_job.name, waiting_queues, priority=_DRAIN)


@dg.sensor(job=jobs.reconciliation_job, minimum_interval_seconds=30, default_status=_RUNNING)
def due_reconciliations(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.SensorResult | dg.SkipReason:
    """Walk each portal's lists daily, and read again what changes without notice, in slices behind everything else."""

    def due(database: Database) -> list[DueReconciliation]:
        with database.scheduler() as connection:
            to_be_polled = {poll.connector_id for poll in polls_due(connection)}
            return [one for one in reconciliations_due(connection) if one.connector_id not in to_be_polled]

    return _a_few(context, installation, jobs.reconciliation_job.name, due, priority=_RECONCILIATION)


@dg.sensor(minimum_interval_seconds=30, default_status=_RUNNING)
def alerts(installation: dg.ResourceParam[Installation]) -> dg.SkipReason:
    """Tell the alert webhook of each connector that got into trouble or out of it."""
    webhook_url = installation.settings.alert_webhook_url
    if webhook_url is None:
        return dg.SkipReason("COPPERMIND_ALERT_WEBHOOK_URL is not set")
    if paused_since(installation.database):
        return PAUSED
    alerted = send_alerts(installation.database, webhook_url, runbook_url=installation.settings.runbook_url)
    answers = "" if alerted.webhook_answers else "; the webhook does not take them, and is tried again"
    return dg.SkipReason(f"alerts sent: {alerted.sent}{answers}")


@dg.run_failure_sensor(monitored_jobs=jobs.ALL, default_status=_RUNNING)
def failed_runs(context: dg.RunFailureSensorContext, installation: dg.ResourceParam[Installation]) -> None:
    """Write each failed run into its connector's log, where support looks first."""
    run = context.dagster_run
    connector_id = run.tags.get(runs.CONNECTOR_TAG)
    if connector_id is not None:
        note_failed_run(installation.database, connector_id, job=run.job_name, run_id=run.run_id)
        tell_all_again(installation.database, connector_id)


ALL = [
    new_connectors,
    wanted_syncs,
    due_polls,
    failing_portals,
    due_syntheses,
    waiting_memories,
    due_reconciliations,
    alerts,
    failed_runs,
]


def _a_few(
    context: dg.SensorEvaluationContext,
    installation: Installation,
    job_name: str,
    due: Callable[[Database], Sequence[Due]],
    *,
    priority: int,
    somebody_waits: Callable[[Due], bool] = lambda _: False,
) -> dg.SensorResult | dg.SkipReason:
    """Ask for runs of a kind that can wait, so that no more than a few of it are queued or under way at a time."""
    if paused_since(installation.database):
        return PAUSED
    instance = context.instance
    room = AT_ONCE_MAX - runs.unfinished(instance, job_name)
    if room <= 0:
        return dg.SkipReason("enough of them are queued or under way")
    idle = _idle(instance, due(installation.database))
    requests = [
        _request(one, runs.tags(priority=priority, long="asked-for" if somebody_waits(one) else "background"))
        for one in idle
    ]
    new = runs.not_asked_before(instance, requests)[:room]
    return dg.SensorResult(run_requests=new) if new else dg.SkipReason("none is due")


def _idle(instance: dg.DagsterInstance, due: Sequence[Due], *, queued_jobs: Container[str] | None = None) -> list[Due]:
    """Return those whose connector has no run under way, and none queued (of `queued_jobs`, if given)."""
    idle = runs.idle(instance, (one.connector_id for one in due), queued_jobs=queued_jobs)
    return [one for one in due if one.connector_id in idle]


def _request(due: _Due, tags: dict[str, str]) -> dg.RunRequest:
    """Return the request for a run; one that was asked for before, by its key, is not started again."""
    return dg.RunRequest(partition_key=due.connector_id, run_key=f"{due.connector_id}:{due.turn}", tags=tags)


def _partitions(instance: dg.DagsterInstance, connector_ids: Sequence[str]) -> list[dg.AddDynamicPartitionsRequest]:
    """Return the request for the partitions that connectors still lack, if any."""
    known = known_connectors(instance)
    new = sorted({connector_id for connector_id in connector_ids if connector_id not in known})
    return [connectors.build_add_request(new)] if new else []

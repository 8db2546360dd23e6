"""Dagster's own runs: which connectors have one, which wait, and those that are stopped or that nobody works on."""

from collections.abc import Container, Iterable

import dagster as dg

from coppermind_pipeline.store import Database, connector_is_locked

# The tag that every launch of one partition carries.
CONNECTOR_TAG = "dagster/partition"

STOPPED = "Stopped on request. What is stored stays, and the next sync goes on from there."

_UNDER_WAY = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
_UNFINISHED = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, *_UNDER_WAY]


def idle(
    instance: dg.DagsterInstance, connector_ids: Iterable[str], *, queued_jobs: Container[str] | None = None
) -> set[str]:
    """Return those of the connectors that have no run under way, and none queued (of `queued_jobs`, if given)."""
    wanted = set(connector_ids)
    if not wanted:
        return set()
    busy = {
        run.tags.get(CONNECTOR_TAG)
        for run in instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED))
        if run.status != dg.DagsterRunStatus.QUEUED or queued_jobs is None or run.job_name in queued_jobs
    }
    return wanted - busy


def others_wait(instance: dg.DagsterInstance) -> bool:
    """Say whether runs are queued."""
    return instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])) > 0


def cancel_runs(instance: dg.DagsterInstance, runs: dg.RunsFilter) -> None:
    """Note of unfinished runs that they were stopped, and what is kept."""
    for run in instance.get_runs(runs):
        if not run.is_finished:
            instance.report_run_canceled(run, message=STOPPED)


def fail_orphaned_runs(instance: dg.DagsterInstance, database: Database) -> list[str]:
    """Fail each run that calls itself under way while nobody holds its connector; return their ids.

    When a machine goes down with its run workers, Dagster leaves their runs started for ever, and each one keeps later
    runs of its connector waiting. To be called while no daemon is running.
    """
    orphans = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_UNDER_WAY)):
        connector_id = run.tags.get(CONNECTOR_TAG)
        with database.nobody() as connection:
            if connector_id is not None and connector_is_locked(connection, connector_id):
                continue
        instance.report_run_failed(run, "The process that worked on this run is gone.")
        orphans.append(run.run_id)
    return orphans

"""Dagster's own runs: which connectors have one, which wait, and those that are stopped or that nobody works on."""

from collections.abc import Container, Iterable, Sequence
from typing import Literal

import dagster as dg

from coppermind_pipeline.store import Database, connector_is_locked

# The tag that every launch of one partition carries.
CONNECTOR_TAG = "dagster/partition"
_RUN_KEY_TAG = "dagster/run_key"

# Portals whose last poll failed have one of the places for runs between them (`dagster.yaml`).
FAILING = {"coppermind/failing-portal": "true"}

STOPPED = "Stopped on request. What is stored stays, and the next sync goes on from there."

_UNDER_WAY = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
_UNFINISHED = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, *_UNDER_WAY]


def tags(*, priority: int, long: Literal["asked-for", "background"] | None = None) -> dict[str, str]:
    """Return the tags of a run: when it is its turn, and whether it may be long, so that it leaves a place to polls.

    `dagster.yaml` limits how many long ones there are at once, and how many of them nobody has asked for.
    """
    return {"dagster/priority": str(priority)} | ({"coppermind/long": long} if long else {})


def unfinished(instance: dg.DagsterInstance, job_name: str) -> int:
    """Return how many runs of a job are queued or under way."""
    return instance.get_runs_count(dg.RunsFilter(job_name=job_name, statuses=_UNFINISHED))


def not_asked_before(instance: dg.DagsterInstance, requests: Sequence[dg.RunRequest]) -> list[dg.RunRequest]:
    """Return those requests that Dagster has had no run for: it starts none again, by its key."""
    keys = [request.run_key for request in requests if request.run_key is not None]
    if not keys:
        return []
    before = {run.tags.get(_RUN_KEY_TAG) for run in instance.get_runs(dg.RunsFilter(tags={_RUN_KEY_TAG: keys}))}
    return [request for request in requests if request.run_key not in before]


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

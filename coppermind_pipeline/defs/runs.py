"""Dagster's own runs: which connectors have one, which wait, and those that are stopped or that nobody works on."""

from collections.abc import Container, Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal

import dagster as dg

from coppermind_pipeline.store import SILENT_MAX, Database, silent_runs

# The tag that every launch of one partition carries.
CONNECTOR_TAG = "dagster/partition"
_RUN_KEY_TAG = "dagster/run_key"

# Portals whose last poll failed have one of the places for runs between them (`dagster.yaml`).
FAILING = {"coppermind/failing-portal": "true"}

STOPPED = "Stopped on request. What is stored stays, and the next sync goes on from there."

ORPHANED = "The process that worked on this run is gone."

_BEGUN = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    *_BEGUN,
]


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


def orphaned(instance: dg.DagsterInstance, database: Database) -> list[dg.DagsterRun]:
    """Return the runs that call themselves begun, and whose process has not been heard of for too long.

    When a machine goes down with what works on runs, Dagster leaves them begun for ever, and each one keeps later runs
    of its connector waiting. Those that wait for a process to begin them are looked after by Dagster's own monitoring.
    """
    long_ago = (datetime.now(UTC) - SILENT_MAX).timestamp()
    begun = [
        record.dagster_run
        for record in instance.get_run_records(dg.RunsFilter(statuses=_BEGUN))
        if record.start_time is None or record.start_time < long_ago
    ]
    silent = silent_runs(database, [run.run_id for run in begun])
    return [run for run in begun if run.run_id in silent]


def fail_orphan(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Fail a run that nobody works on: what it did not come to is due again."""
    instance.report_run_failed(run, ORPHANED)

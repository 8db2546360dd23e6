"""After a crash: runs that nobody works on any more."""

import dagster as dg

from coppermind_pipeline.store import Database, connector_is_locked

_UNFINISHED = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def fail_orphaned_runs(instance: dg.DagsterInstance, database: Database) -> list[str]:
    """Fail each run that calls itself under way while nobody holds its connector; return their ids.

    When a machine goes down with its run workers, Dagster leaves their runs started for ever, and each one keeps later
    runs of its connector waiting. To be called while no daemon is running.
    """
    orphans = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED)):
        connector_id = run.tags.get("dagster/partition")
        with database.nobody() as connection:
            if connector_id is not None and connector_is_locked(connection, connector_id):
                continue
        instance.report_run_failed(run, "The process that worked on this run is gone.")
        orphans.append(run.run_id)
    return orphans

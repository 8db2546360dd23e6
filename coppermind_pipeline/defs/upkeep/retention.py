"""The asset `retention`, and its run, which a sensor asks for once a day and which everything else goes before."""

from collections.abc import Mapping
from time import monotonic

import dagster as dg

from coppermind_pipeline.connectors import remove_old_log_entries
from coppermind_pipeline.defs import runs
from coppermind_pipeline.defs.installation import Installation
from coppermind_pipeline.defs.sensors import PAUSED
from coppermind_pipeline.memories import remove_old_texts
from coppermind_pipeline.store import (
    Kind,
    Removed,
    Retained,
    paused_since,
    remove_old_runs,
    retained,
    retention_is_due,
)
from coppermind_pipeline.sync import remove_old_versions

# A run takes one of the places that others wait for; what it does not come to, the next one goes on with.
SLICE_MAX_S = 120
# Behind reconciliation.
_PRIORITY = -1


@dg.asset(group_name="fleet", owners=["team:store"], kinds={"postgres"})
def retention(installation: dg.ResourceParam[Installation]) -> dg.MaterializeResult:
    """What was replaced too long ago, of records, memories, logs and Dagster's own history, is removed; daily."""
    database, settings, begun = installation.database, installation.settings, monotonic()

    def time_is_up() -> bool:
        return monotonic() - begun > SLICE_MAX_S

    removed = {
        Kind.RUNS: remove_old_runs(database, days=settings.runs_days, time_is_up=time_is_up),
        Kind.RECORDS: remove_old_versions(database, days=settings.history_days, time_is_up=time_is_up),
        Kind.MEMORIES: remove_old_texts(database, days=settings.history_days, time_is_up=time_is_up),
        Kind.LOGS: remove_old_log_entries(database, days=settings.history_days, time_is_up=time_is_up),
    }
    with database.scheduler() as connection:
        standing = retained(connection)
    return dg.MaterializeResult(metadata={**_figures(removed, standing), "seconds": monotonic() - begun})


def _figures(removed: dict[Kind, Removed], standing: list[Retained]) -> Mapping[str, dg.MetadataValue]:
    """Return what went, and since when each kind is kept."""
    rows = {f"{kind}_removed": dg.MetadataValue.int(of_kind.rows) for kind, of_kind in removed.items()}
    since = {
        f"{each.kind}_kept_since": dg.MetadataValue.timestamp(each.kept_since)
        for each in standing
        if each.kept_since is not None
    }
    return {**rows, **since, "complete": dg.MetadataValue.bool(all(of_kind.complete for of_kind in removed.values()))}


job = dg.define_asset_job(
    "upkeep",
    selection=[retention],
    executor_def=dg.in_process_executor,
    description="A slice of the removal of what is too old: versions, associations, memories, logs, Dagster's runs.",
)


@dg.sensor(job=job, minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def due_retention(
    context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]
) -> dg.RunRequest | dg.SkipReason:
    """Ask for the daily removal of what is too old, and for another slice where one was not enough."""
    if paused_since(installation.database):
        return PAUSED
    if not retention_is_due(installation.database):
        return dg.SkipReason("it is not due")
    if runs.unfinished(context.instance, job.name):
        return dg.SkipReason("it is queued or under way")
    return dg.RunRequest(tags=runs.tags(priority=_PRIORITY, long="background"))

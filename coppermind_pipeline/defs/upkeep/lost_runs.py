"""Runs whose process is gone, with its machine perhaps, which nobody else would ever end."""

import dagster as dg

from coppermind_pipeline.defs import runs
from coppermind_pipeline.defs.installation import Installation


@dg.sensor(minimum_interval_seconds=15, default_status=dg.DefaultSensorStatus.RUNNING)
def lost_runs(context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]) -> dg.SkipReason:
    """Fail each run whose process is gone, so that its connector's next one begins.

    One look is not enough: whoever comes back from a database that was away, or from a machine that slept, has had no
    chance to be heard.
    """
    orphans = runs.orphaned(context.instance, installation.database)
    silent_before = (context.cursor or "").split()
    lost = [run for run in orphans if run.run_id in silent_before]
    for run in lost:
        runs.fail_orphan(context.instance, run)
    doubted = [run.run_id for run in orphans if run not in lost]
    context.update_cursor(" ".join(doubted))
    return dg.SkipReason(
        f"runs that nobody worked on: {len(lost)}; not heard of, and looked at once more: {len(doubted)}"
    )

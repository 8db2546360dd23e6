"""Polls that find nothing take no run: once an hour they leave a word in Dagster all the same."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from coppermind_pipeline.defs.installation import Installation
from coppermind_pipeline.defs.partitions import known_connectors
from coppermind_pipeline.sync import TOLD_EVERY_MINUTES
from coppermind_pipeline.sync import idle_polls as idle

# Changes of deals are what a poll is for; the other assets of a sync are as old.
_OBSERVED = "raw_deals"
_MINUTE = timedelta(minutes=1)


@dg.sensor(minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def idle_polls(context: dg.SensorEvaluationContext, installation: dg.ResourceParam[Installation]) -> dg.SkipReason:
    """Leave an observation of each portal whose polls find nothing, once an hour: how old what is stored may be."""
    now = datetime.now(UTC)
    last = datetime.fromisoformat(context.cursor) if context.cursor else now - _MINUTE
    context.update_cursor(now.isoformat())
    with installation.database.scheduler() as connection:
        polls = idle(connection, at=now, minutes=minutes_between(last, now))
    known = known_connectors(context.instance)
    told = [poll for poll in polls if poll.connector_id in known]
    for poll in told:
        context.instance.report_runless_asset_event(
            dg.AssetObservation(
                _OBSERVED,
                partition=poll.connector_id,
                description="Polled; nothing had changed.",
                metadata={"lag_minutes": poll.lag_minutes, "seconds": poll.seconds},
            )
        )
    return dg.SkipReason(f"observed: {len(told)}")


def minutes_between(last: datetime, now: datetime) -> list[int]:
    """Return the minutes of the hour that have begun after `last`, until `now`: of a long time all of them, once."""
    begun = int(now.timestamp() // 60) - int(last.timestamp() // 60)
    return [(now - _MINUTE * ago).minute for ago in range(min(begun, TOLD_EVERY_MINUTES))]

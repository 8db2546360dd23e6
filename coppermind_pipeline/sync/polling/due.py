"""When the next poll is due: a question that the scheduler asks of all connectors at once."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, text

from coppermind_pipeline.connectors import POLL_INTERVAL_MINUTES


@dataclass(frozen=True, slots=True)
class DuePoll:
    """A connector that is due, since when, and for what."""

    connector_id: str
    due_at: datetime
    reason: Literal["first", "requested", "backfill", "poll"]

    @property
    def turn(self) -> str:
        """What tells this poll from the connector's next one."""
        return f"{self.due_at:%Y%m%dT%H%M%S%f}"


def due_polls(connection: Connection) -> list[DuePoll]:
    """Return the active connectors that are due, longest waiting first, in a transaction of the scheduler.

    Due is one that was never polled, whose interval has passed since its last poll began, whose person asked for a sync
    since then, or whose backfill is unfinished; unless the portal asked us to stay away for now.
    """
    rows = connection.execute(_DUE)
    return [DuePoll(row.id, row.due_at, row.reason) for row in rows]


_DUE = text(
    f"""SELECT id, due_at, reason FROM (
           SELECT connectors.id,
                  CASE WHEN backfill.connector_id IS NULL THEN 'first'
                       WHEN sync_requested_at > last_started_at THEN 'requested'
                       WHEN backfill.completed_at IS NULL THEN 'backfill' ELSE 'poll' END AS reason,
                  CASE WHEN last_started_at IS NULL THEN connected_at
                       WHEN sync_requested_at > last_started_at THEN sync_requested_at
                       WHEN backfill.connector_id IS NULL OR backfill.completed_at IS NULL
                            THEN last_started_at + interval '1 minute' * least(failures * failures, 15)
                       ELSE last_started_at + interval '1 minute'
                            * coalesce(CAST(config ->> 'poll_interval_minutes' AS integer), {POLL_INTERVAL_MINUTES})
                  END AS due_at
             FROM connectors
             LEFT JOIN hubspot_polls AS poll ON poll.connector_id = connectors.id
             LEFT JOIN hubspot_backfills AS backfill ON backfill.connector_id = connectors.id
            WHERE status = 'active' AND (retry_at IS NULL OR retry_at <= clock_timestamp())) AS next
        WHERE due_at <= clock_timestamp() ORDER BY due_at"""
)

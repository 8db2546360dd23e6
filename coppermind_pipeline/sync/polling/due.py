"""When the next poll is due: a question that the scheduler asks of all connectors at once.

How soon a portal that failed is asked again is decided here and nowhere else.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, text

from coppermind_pipeline.connectors import POLL_INTERVAL_MINUTES
from coppermind_pipeline.sync.turns import turn_of

# After so many minutes is a portal asked again that failed once, twice, and so on. The first seven make an hour, after
# which it is hourly.
RETRY_AFTER_MINUTES = (1, 2, 4, 8, 15, 15, 15, 60)
# A poll comes early by up to this share of its interval, by its connector's phase: those of one import part ways.
EARLY_SHARE_MAX = 0.1


@dataclass(frozen=True, slots=True)
class DuePoll:
    """A connector that is due, since when, and for what.

    Attributes:
        asked_at: when this was found out.
        backfilling: not all its records have been read, so that it may take a whole slice.
        failing: its last poll failed.
    """

    connector_id: str
    due_at: datetime
    reason: Literal["first", "requested", "backfill", "poll"]
    asked_at: datetime
    backfilling: bool = False
    failing: bool = False

    @property
    def turn(self) -> str:
        """What tells this poll from the connector's next one, and from one whose run was lost before it had begun."""
        return turn_of(self.due_at, asked_at=self.asked_at)

    @property
    def way(self) -> Literal["run", "probe", "look"]:
        """How it begins: with a run, or with a probe; with a look at a portal that failed, before it takes a run.

        Who asks for a sync has said to try it, whatever failed before.
        """
        if self.failing and self.reason != "requested":
            return "look"
        return "probe" if self.reason == "poll" else "run"


def due_polls(connection: Connection) -> list[DuePoll]:
    """Return the active connectors that are due, longest waiting first, in a transaction of the scheduler.

    Due is one that was never polled, whose interval has passed since its last poll began, whose person asked for a sync
    since then, whose backfill is unfinished, or which failed and has rested; unless the portal asked us to stay away
    for now.
    """
    return [DuePoll(**row) for row in connection.execute(_DUE).mappings()]


def poll_waits(connection: Connection, connector_id: str, *, run_id: str) -> bool:
    """Say whether a run of the connector keeps it from a poll that is due, in a transaction of the scheduler.

    A poll under way keeps it from none, unless what takes so long is a backfill that was asked for again.
    """
    return bool(connection.scalar(_WAITS, {"connector": connector_id, "run_id": run_id}))


_NEXT = f"""
SELECT connectors.id AS connector_id, first_completed_at, run_id,
       coalesce(failures, 0) > 0 AS failing, backfill.completed_at IS NULL AS backfilling,
       CASE WHEN sync_requested_at > last_started_at THEN 'requested'
            WHEN backfill.connector_id IS NULL THEN 'first'
            WHEN backfill.completed_at IS NULL THEN 'backfill' ELSE 'poll' END AS reason,
       CASE WHEN last_started_at IS NULL THEN connected_at
            WHEN sync_requested_at > last_started_at THEN sync_requested_at
            WHEN failures > 0 THEN
                 greatest(last_started_at, last_failed_at) + interval '1 minute'
                 * (ARRAY{list(RETRY_AFTER_MINUTES)})[least(failures, {len(RETRY_AFTER_MINUTES)})]
            ELSE last_started_at + interval '1 minute'
                 * coalesce(CAST(config ->> 'poll_interval_minutes' AS integer), {POLL_INTERVAL_MINUTES})
                 * (1 - {EARLY_SHARE_MAX} * connector_phase(connectors.id)) END AS poll_at,
       CASE WHEN failures = 0 AND backfill.completed_at IS NULL
                 AND (sync_requested_at > last_started_at) IS NOT TRUE THEN last_started_at END AS slice_at
  FROM connectors
  LEFT JOIN hubspot_polls AS poll ON poll.connector_id = connectors.id
  LEFT JOIN hubspot_backfills AS backfill ON backfill.connector_id = connectors.id
 WHERE status = 'active' AND (retry_at IS NULL OR retry_at <= clock_timestamp())"""

_DUE = text(
    f"""SELECT connector_id, reason, backfilling, failing, least(poll_at, slice_at) AS due_at,
               clock_timestamp() AS asked_at
          FROM ({_NEXT}) AS next
         WHERE least(poll_at, slice_at) <= clock_timestamp() ORDER BY due_at"""
)

_WAITS = text(
    f"""SELECT true FROM ({_NEXT}) AS next
         WHERE connector_id = :connector AND first_completed_at IS NOT NULL AND poll_at <= clock_timestamp()
           AND (backfilling OR run_id IS DISTINCT FROM :run_id)"""
)

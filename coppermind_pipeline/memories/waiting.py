"""Which queues wait for somebody to work them off."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import turn_of


@dataclass(frozen=True, slots=True)
class WaitingQueue:
    """A connector with entries that anybody may claim.

    Attributes:
        oldest_at: since when the oldest of them has been available.
        asked_at: when this was found out.
    """

    connector_id: str
    oldest_at: datetime
    asked_at: datetime

    @property
    def turn(self) -> str:
        """What tells this drain from the connector's next one, and from one whose run was lost before it had begun."""
        return turn_of(self.oldest_at, asked_at=self.asked_at)


def waiting_queues(database: Database) -> list[WaitingQueue]:
    """Return the active connectors whose queue has had entries available for half a minute."""
    with database.scheduler() as connection:
        return [WaitingQueue(*row) for row in connection.execute(_LEFT_WAITING)]


_LEFT_WAITING = text(
    """SELECT connector_id, oldest_at, clock_timestamp() AS asked_at FROM queues_left_waiting(interval '30 seconds')
        ORDER BY oldest_at"""
)


def due_entries(connection: Connection, connector_id: str) -> int:
    """Return how many entries anybody may claim now, in the mind of the open transaction."""
    return connection.execute(_DUE, {"connector": connector_id}).scalar_one()


_DUE = text(
    """SELECT count(*) FROM memory_queue
        WHERE connector_id = :connector AND state = 'pending' AND available_at <= clock_timestamp()"""
)


def queue_length(connection: Connection, connector_id: str) -> int:
    """Return how many entries the queue has, whatever their state."""
    return connection.execute(_LENGTH, {"connector": connector_id}).scalar_one()


_LENGTH = text("SELECT count(*) FROM memory_queue WHERE connector_id = :connector")

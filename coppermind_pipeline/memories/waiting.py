"""Which queues wait for somebody to work them off; asked mind by mind, since no role sees the memories of several."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from coppermind_pipeline.connectors import active_connectors
from coppermind_pipeline.store import Database


@dataclass(frozen=True, slots=True)
class WaitingQueue:
    """A connector with entries that anybody may claim, the oldest of which has been available since `oldest_at`."""

    connector_id: str
    oldest_at: datetime

    @property
    def turn(self) -> str:
        """What tells this drain from the next one of the connector."""
        return f"{self.oldest_at:%Y%m%dT%H%M%S%f}"


def waiting_queues(database: Database) -> list[WaitingQueue]:
    """Return the active connectors whose queue has had entries available for half a minute."""
    waiting = []
    for connector in active_connectors(database):
        with database.mind(connector.mind_id) as connection:
            oldest = connection.scalar(_LEFT_WAITING, {"connector": connector.id})
        if oldest is not None:
            waiting.append(WaitingQueue(connector.id, oldest))
    return waiting


_LEFT_WAITING = text(
    """SELECT min(available_at) FROM memory_queue
        WHERE connector_id = :connector AND state = 'pending'
          AND available_at < clock_timestamp() - interval '30 seconds'"""
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

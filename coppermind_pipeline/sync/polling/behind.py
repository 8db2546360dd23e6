"""How far connectors are behind: a question that whoever watches over the installation asks of all at once."""

from dataclasses import dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class Behind:
    """How far the active connectors are behind.

    Attributes:
        oldest_pull_s: seconds since the last complete pull of the one that is furthest behind, or since it was
            connected; 0 of none.
        backfills: how many backfills have begun and are not complete.
    """

    oldest_pull_s: float
    backfills: int


def behind(connection: Connection) -> Behind:
    """Return how far the active connectors are behind, in a transaction of the scheduler."""
    row = connection.execute(_BEHIND).one()
    return Behind(oldest_pull_s=row.oldest_pull_s or 0.0, backfills=row.backfills)


def poll_durations(connection: Connection) -> list[float]:
    """Return how many seconds the last poll of each active connector took that has ended one."""
    return list(connection.scalars(_DURATIONS))


_DURATIONS = text(
    """SELECT extract(epoch FROM poll.last_ended_at - poll.last_started_at)::float
         FROM hubspot_polls AS poll JOIN connectors AS connector ON connector.id = poll.connector_id
        WHERE connector.status = 'active' AND poll.last_ended_at >= poll.last_started_at"""
)

_BEHIND = text(
    """SELECT extract(epoch FROM max(now() - coalesce(poll.last_succeeded_at, connector.connected_at)))::float
                 AS oldest_pull_s,
              count(*) FILTER (WHERE backfill.started_at IS NOT NULL AND backfill.completed_at IS NULL) AS backfills
         FROM connectors AS connector
         LEFT JOIN hubspot_polls AS poll ON poll.connector_id = connector.id
         LEFT JOIN hubspot_backfills AS backfill ON backfill.connector_id = connector.id
        WHERE connector.status = 'active'"""
)

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


_BEHIND = text(
    """SELECT extract(epoch FROM max(now() - coalesce(poll.last_succeeded_at, connector.connected_at)))::float
                 AS oldest_pull_s,
              count(*) FILTER (WHERE backfill.started_at IS NOT NULL AND backfill.completed_at IS NULL) AS backfills
         FROM connectors AS connector
         LEFT JOIN hubspot_polls AS poll ON poll.connector_id = connector.id
         LEFT JOIN hubspot_backfills AS backfill ON backfill.connector_id = connector.id
        WHERE connector.status = 'active'"""
)

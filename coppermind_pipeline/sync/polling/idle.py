"""Polls that found nothing and took no run, told of once an hour."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

TOLD_EVERY_MINUTES = 60


@dataclass(frozen=True, slots=True)
class IdlePoll:
    """A connector's last poll, which found nothing: how long it took, and how old the store is since."""

    connector_id: str
    seconds: float
    lag_minutes: float


def idle_polls(connection: Connection, *, at: datetime, minutes: Collection[int]) -> list[IdlePoll]:
    """Return the idle polls of the last hour of the connectors whose minute of the hour is one of these.

    A connector's minute follows from its id. So whoever asks each minute hears of each connector once an hour, at most,
    and remembers nothing but when it asked last.
    """
    rows = connection.execute(_IDLE, {"at": at, "minutes": list(minutes)})
    return [IdlePoll(row.connector_id, float(row.seconds), float(row.lag_minutes)) for row in rows]


_IDLE = text(
    f"""SELECT connector_id, extract(epoch FROM last_ended_at - last_started_at) AS seconds,
               extract(epoch FROM CAST(:at AS timestamptz) - last_succeeded_at) / 60 AS lag_minutes
          FROM hubspot_polls
         WHERE run_id IS NULL AND last_ended_at > CAST(:at AS timestamptz) - interval '{TOLD_EVERY_MINUTES} minutes'
           AND (last_failed_at IS NULL OR last_failed_at < last_started_at)
           AND mod(abs(CAST(hashtext(connector_id) AS bigint)), {TOLD_EVERY_MINUTES}) = ANY(:minutes)"""
)

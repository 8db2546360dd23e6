"""Which connectors wait for synthesis or for the drain of their queue; asked by sensors every half minute.

Asked mind by mind, since no role sees the memories of several.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from sqlalchemy import text

from coppermind_pipeline import crm
from coppermind_pipeline.connectors import Connector, active_connectors, period_key_for
from coppermind_pipeline.store import Database


@dataclass(frozen=True, slots=True)
class DueSynthesis:
    """A connector whose current period is not published; `attempt` tells one try from the next."""

    connector_id: str
    period_key: str
    attempt: str


@dataclass(frozen=True, slots=True)
class WaitingQueue:
    """A connector with entries that anybody may claim, the oldest of which has been available since `oldest_at`."""

    connector_id: str
    oldest_at: datetime


def syntheses_due(database: Database) -> list[DueSynthesis]:
    """Return the active connectors with a complete backfill that have yet to publish, or skip, their current period."""
    now = datetime.now(UTC)
    due = []
    for connector in active_connectors(database):
        with database.mind(connector.mind_id) as connection:
            facts = connection.execute(
                text(
                    """SELECT (SELECT first_completed_at IS NOT NULL FROM hubspot_backfills
                                WHERE connector_id = :connector) AS backfilled,
                              (SELECT time_zone FROM hubspot_portals WHERE connector_id = :connector) AS time_zone,
                              ARRAY(SELECT period_key FROM syntheses
                                     WHERE connector_id = :connector AND published_at IS NOT NULL) AS published"""
                ),
                {"connector": connector.id},
            ).one()
        period_key = period_key_for(now, connector.config.hubspot_synthesis_cadence, _zone(connector, facts.time_zone))
        if facts.backfilled and period_key not in facts.published:
            due.append(DueSynthesis(connector.id, period_key, f"{now:%Y%m%dT%H}"))
    return due


def _zone(connector: Connector, portal_zone: str | None) -> tzinfo:
    name = connector.config.report_timezone or portal_zone
    return (name and crm.time_zone(name)) or UTC


def connectors_with_waiting_memories(database: Database) -> list[WaitingQueue]:
    """Return the active connectors whose queue has entries available for half a minute."""
    waiting = []
    for connector in active_connectors(database):
        with database.mind(connector.mind_id) as connection:
            oldest = connection.scalar(
                text(
                    """SELECT min(available_at) FROM memory_queue
                        WHERE connector_id = :connector AND state = 'pending'
                          AND available_at < clock_timestamp() - interval '30 seconds'"""
                ),
                {"connector": connector.id},
            )
        if oldest is not None:
            waiting.append(WaitingQueue(connector.id, oldest))
    return waiting

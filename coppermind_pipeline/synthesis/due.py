"""Which connectors wait for synthesis; asked mind by mind, since no role sees the memories of several."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text

from coppermind_pipeline.catalog import load_portal
from coppermind_pipeline.connectors import active_connectors, period_key_for
from coppermind_pipeline.store import Database


@dataclass(frozen=True, slots=True)
class DueSynthesis:
    """A connector whose current period is not published; `attempt` tells one try from the next."""

    connector_id: str
    period_key: str
    attempt: str

    @property
    def turn(self) -> str:
        """What tells this try from the next one of the connector."""
        return f"{self.period_key}:{self.attempt}"


def syntheses_due(database: Database) -> list[DueSynthesis]:
    """Return the active connectors with a complete backfill that have yet to publish, or skip, their current period."""
    now = datetime.now(UTC)
    due = []
    for connector in active_connectors(database):
        with database.mind(connector.mind_id) as connection:
            portal = load_portal(connection, connector.id)
            published = set(connection.scalars(_PUBLISHED, {"connector": connector.id}))
        zone = portal.report_zone(connector.config.report_timezone) or UTC
        period_key = period_key_for(now, connector.config.hubspot_synthesis_cadence, zone)
        if portal.first_completed_at is not None and period_key not in published:
            due.append(DueSynthesis(connector.id, period_key, f"{now:%Y%m%dT%H}"))
    return due


_PUBLISHED = text("SELECT period_key FROM syntheses WHERE connector_id = :connector AND published_at IS NOT NULL")

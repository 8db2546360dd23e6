"""Which connectors wait for synthesis."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text

from coppermind_pipeline.catalog import report_zone
from coppermind_pipeline.connectors import active_connectors, next_due, period_key_for
from coppermind_pipeline.store import Database


@dataclass(frozen=True, slots=True)
class DueSynthesis:
    """A connector whose current period is not published.

    Attributes:
        attempt: tells one try from the next.
        is_first: it has published none yet.
    """

    connector_id: str
    due_at: datetime
    period_key: str
    attempt: str
    is_first: bool

    @property
    def turn(self) -> str:
        """What tells this try from the next one of the connector."""
        return f"{self.period_key}:{self.attempt}"


def syntheses_due(database: Database, *, now: datetime | None = None) -> list[DueSynthesis]:
    """Return the active connectors with a complete backfill that are to publish, or skip, their current period.

    The first period of a connector is due at once, and before those of others: somebody may be waiting for it.
    """
    now = now or datetime.now(UTC)
    due = []
    connectors = {connector.id: connector for connector in active_connectors(database)}
    with database.scheduler() as connection:
        rows = connection.execute(_PERIODS).all()
    for row in rows:
        if (connector := connectors.get(row.connector_id)) is None:
            continue  # connected a moment ago
        zone = report_zone(connector.config.report_timezone, row.time_zone) or UTC
        period_key = period_key_for(now, connector.config.hubspot_synthesis_cadence, zone)
        if period_key in row.published:
            continue
        is_first = not row.published
        due_at = next_due(
            now,
            connector.config.hubspot_synthesis_cadence,
            zone,
            first_completed_at=row.first_completed_at,
            is_first=is_first,
            published_key=None,
            phase=row.phase,
        )
        if due_at <= now:
            due.append(DueSynthesis(connector.id, due_at, period_key, f"{now:%Y%m%dT%H}", is_first))
    return sorted(due, key=lambda one: (not one.is_first, one.due_at))


_PERIODS = text("SELECT connector_id, time_zone, first_completed_at, phase, published FROM synthesized_periods()")

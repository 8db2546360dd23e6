"""When a connector's synthesis is next due."""

from datetime import UTC, datetime

from coppermind_pipeline.catalog import report_zone
from coppermind_pipeline.connectors.configuration.periods import next_due
from coppermind_pipeline.connectors.status.facts import ConnectorFacts


def synthesis_due_at(facts: ConnectorFacts, *, now: datetime) -> datetime | None:
    """Return when the next period is due to be published; None until a backfill has been complete once."""
    if facts.backfill is None or facts.backfill.first_completed_at is None:
        return None
    published_key = facts.synthesis.period_key if facts.synthesis and facts.synthesis.published_at else None
    zone = report_zone(facts.config.report_timezone, facts.portal.time_zone if facts.portal else None) or UTC
    return next_due(
        now,
        facts.config.hubspot_synthesis_cadence,
        zone,
        first_completed_at=facts.backfill.first_completed_at,
        is_first=facts.synthesis is None,
        published_key=published_key,
        phase=facts.phase,
    )

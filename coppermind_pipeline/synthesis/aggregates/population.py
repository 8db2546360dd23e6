"""The records that synthesis counts, laid out once for all scopes: live, unfiltered, of one connector."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import resources
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from coppermind_pipeline.crm import PropertyDefinition

STUCK_DAYS = 90
POSTPONED_STATUS = "BAD_TIMING"
STUCK_STAGES = ("lead", "marketingqualifiedlead", "salesqualifiedlead")

_LEAD_STAGES = (*STUCK_STAGES, "opportunity", "customer", "evangelist")
_SQL = resources.files("coppermind_pipeline.synthesis").joinpath("population.sql").read_text()


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """What decides which records count, and as what.

    Attributes:
        as_of: the moment that "overdue", "unchanged" and "the last 90 days" are reckoned from.
        retrospective: `as_of` lies in the past: what was created since is left out, and a deal that closed since
            counts as open.
        zone: the report zone; days are its days.
        company_currency: the portal's, in which amounts of different currencies can be compared.
        disqualified_statuses: internal values of the lead status.
        lead_stages: the lifecycle stages from lead on.
    """

    connector_id: str
    as_of: datetime
    retrospective: bool
    zone: ZoneInfo
    company_currency: str | None
    disqualified_statuses: Sequence[str]
    lead_stages: Sequence[str]


def lay_out(connection: Connection, population: Population) -> None:
    """Fill the temporary tables `counted_deals` and `counted_contacts`, which end with the transaction."""
    stages = list(population.lead_stages)
    values = {
        "connector": population.connector_id,
        "as_of": population.as_of,
        "retrospective": population.retrospective,
        "zone": population.zone.key,
        "company_currency": population.company_currency,
        "disqualified": list(population.disqualified_statuses),
        "postponed": POSTPONED_STATUS,
        "lead_stages": stages,
        "stuck_stages": list(STUCK_STAGES),
        "entered": _entered_properties(stages),
        "unchanged_since": population.as_of - timedelta(days=STUCK_DAYS),
    }
    # Right after a first backfill the tables have no statistics: the planner takes them for empty, and would compare
    # each row of one with each of the other.
    connection.execute(text("SET LOCAL enable_nestloop = off"))
    for statement in _SQL.split(";\n"):
        connection.execute(text(statement), values)
    connection.execute(text("SET LOCAL enable_nestloop TO DEFAULT"))
    connection.execute(text("ANALYZE counted_deals, counted_contacts"))


def lead_stages_of(lifecycle: PropertyDefinition | None) -> tuple[str, ...]:
    """Return the lifecycle stages that are lead or later: by the portal's own order, else HubSpot's default one.

    HubSpot's stage "other" stands last, but is none of the journey's.
    """
    stages = list(lifecycle.options) if lifecycle is not None else []
    if "lead" not in stages:
        return _LEAD_STAGES
    return tuple(stage for stage in stages[stages.index("lead") :] if stage != "other")


def _entered_properties(stages: Sequence[str]) -> list[str]:
    """Return the contact properties that say when it entered one of the stages, of HubSpot's three generations."""
    return [
        template.format(stage.lower())
        for stage in stages
        for template in ("hs_v2_date_entered_{}", "hs_date_entered_{}", "hs_lifecyclestage_{}_date")
    ]

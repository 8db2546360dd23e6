"""A region is one place, and a reason of loss is about one thing, on every face that tells of it."""

from collections import Counter
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path

from coppermind_pipeline.accounts import local_caller, resolve_mind
from coppermind_pipeline.connectors import Cadence, ConnectorConfig
from coppermind_pipeline.crm import loss_theme
from coppermind_pipeline.memories import drain, map_records
from coppermind_pipeline.reports import GroupBy, ReportRequest, crm_report
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline.synthesis import synthesize
from coppermind_pipeline_tests.connected import Connected, settings_for

_NEW_YORK = ("NY", "New York", "N.Y.", "new york state", "US-NY")
_REASONS = ("Product Fit", "not a good fit", "Too slow", "Falta de presupuesto", "Bad chemistry", "bad  chemistry")


async def test_regions_and_reasons_are_the_same_in_report_synthesis_and_memories(database: Database, tmp_path: Path):
    with RunningSandbox(SandboxConfig(contacts=60, companies=20, deals=80, limits=False)) as sandbox:
        connected = await Connected.create(
            database, settings_for(sandbox, tmp_path), config={"hubspot_backfill_since": "2000-01-01T00:00:00Z"}
        )
        await connected.sync()
        for company, state in zip(connected.rows(_COMPANIES), cycle(_NEW_YORK), strict=False):
            country = {"country": "USA", "hs_country_code": "US", "state": state}
            sandbox.control.edit("companies", [company.hubspot_id], country)
        for deal, reason in zip(connected.rows(_LOST), cycle(_REASONS), strict=False):
            sandbox.control.edit("deals", [deal.hubspot_id], {"closed_lost_reason": reason})
        await connected.sync()

    now, scope = datetime.now(UTC), {"connector_id": connected.connector_id, "mind_id": connected.connector.mind_id}
    synthesize(database, **scope, config=ConnectorConfig(), cadence=Cadence.WEEKLY, now=now)
    map_records(database, **scope)
    drain(database, **scope)
    (figures,) = connected.rows(
        "SELECT figures -> 'geography' AS places, figures -> 'loss_themes' AS losses FROM syntheses"
    )

    won = connected.rows(_WON)
    report = crm_report(
        database,
        mind=resolve_mind(database, local_caller(database), "Acme"),
        request=ReportRequest(
            start=datetime(2000, 1, 1, tzinfo=UTC), end=datetime(2100, 1, 1, tzinfo=UTC), group_by=GroupBy.REGION
        ),
        now=now,
    )
    of_companies = ("New York, United States", *(f"{state}, United States" for state in _NEW_YORK))
    in_new_york = [group for group in report.groups if group.label in of_companies]
    assert [(group.label, group.closed_won.deals) for group in in_new_york] == [("New York, United States", len(won))]
    (country,) = [each for each in figures.places["countries"] if each["code"] == "US"]
    assert [(each["name"], each["customers"]) for each in country["regions"] if "New York" in each["name"]] == [
        ("New York", len({deal.primary_company_id for deal in won}))
    ]
    texts = [row.content for row in connected.rows(_TEXTS.format("companies"))]
    assert texts
    assert all(" New York, United States" in content and "N.Y." not in content for content in texts)

    lost = connected.rows(_LOST)
    themes = {deal.hubspot_id: loss_theme(deal.loss_reason) for deal in lost}
    assert Counter(theme.key for theme in themes.values()) == {
        each["theme"]["key"]: each["lost"]["deals"] for each in figures.losses["themes"]
    }
    types = {row.hubspot_id: row.type for row in connected.rows(_TEXTS.format("deals")) if row.hubspot_id in themes}
    assert types == {hubspot_id: theme.memory_type for hubspot_id, theme in themes.items()}


_RECORDS = """
SELECT hubspot_id, loss_reason, primary_company_id FROM live_records
 WHERE connector_id = :connector AND NOT referenced_only AND filtered_reason IS NULL AND
"""
_COMPANIES = f"{_RECORDS} object_type = 'companies' ORDER BY hubspot_id"
_LOST = f"{_RECORDS} outcome = 'lost' ORDER BY hubspot_id"
_WON = f"{_RECORDS} outcome = 'won' AND primary_company_id IS NOT NULL AND close_at IS NOT NULL"
_TEXTS = """
SELECT hubspot_id, type, content FROM memories
 WHERE connector_id = :connector AND object_type = '{}' AND retired_at IS NULL AND superseded_at IS NULL
"""

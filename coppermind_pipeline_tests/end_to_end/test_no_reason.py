"""A reason that says nothing is no reason, by the same count on every face."""

from datetime import UTC, datetime
from pathlib import Path

from coppermind_pipeline.connectors import Cadence, ConnectorConfig
from coppermind_pipeline.memories import drain, map_records
from coppermind_pipeline.reports import profile_portal
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline.synthesis import synthesize
from coppermind_pipeline_tests.connected import Connected, settings_for

_PLACEHOLDERS = ("n/a", " ??? ", "Keine Angabe", "UNKNOWN", "-")


async def test_profile_synthesis_and_memories_agree_on_who_gave_no_reason(database: Database, tmp_path: Path):
    with RunningSandbox(SandboxConfig(contacts=60, companies=20, deals=80, limits=False)) as sandbox:
        everything = {"hubspot_backfill_since": "2000-01-01T00:00:00Z"}
        connected = await Connected.create(database, settings_for(sandbox, tmp_path), config=everything)
        await connected.sync()
        given = [row.hubspot_id for row in connected.rows(f"{_LOST} AND loss_reason IS NOT NULL ORDER BY hubspot_id")]
        assert len(given) > len(_PLACEHOLDERS)
        for hubspot_id, placeholder in zip(given, _PLACEHOLDERS, strict=False):
            sandbox.control.edit("deals", [hubspot_id], {"closed_lost_reason": placeholder})
        await connected.sync()

    kept = given[len(_PLACEHOLDERS) :]
    lost = connected.rows(_LOST)
    assert {row.hubspot_id for row in lost if row.loss_reason is not None} == set(kept)
    assert {row.properties.get("closed_lost_reason") for row in lost} >= set(_PLACEHOLDERS), "kept as they came"

    now, scope = datetime.now(UTC), {"connector_id": connected.connector_id, "mind_id": connected.connector.mind_id}
    with database.mind(connected.connector.mind_id) as connection:
        profile = profile_portal(connection, connected.connector, now=now)
    synthesize(database, **scope, config=ConnectorConfig(), cadence=Cadence.WEEKLY, now=now)
    map_records(database, **scope)
    drain(database, **scope)

    without = len(lost) - len(kept)
    assert (profile.lost_deals_without_reason.count, profile.lost_deals_without_reason.of) == (without, len(lost))
    (synthesis,) = connected.rows("SELECT figures -> 'loss_themes' AS themes FROM syntheses")
    assert synthesis.themes["without_reason"]["deals"] == without
    told = connected.rows(
        """SELECT hubspot_id FROM memories
            WHERE object_type = 'deals' AND type IN ('objection', 'pain_point') AND retired_at IS NULL"""
    )
    assert {row.hubspot_id for row in told} == set(kept)


_LOST = """
SELECT hubspot_id, loss_reason, properties FROM live_records
 WHERE connector_id = :connector AND outcome = 'lost' AND NOT referenced_only AND filtered_reason IS NULL
"""

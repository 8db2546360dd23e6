"""A past period is worked out from what had been read by its end: as the run of that time published it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from coppermind_pipeline.connectors import parse_period_key, period_key_for
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline.synthesis import Synthesized, synthesize
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.sync.reconciled import Reconciling

# What says when something was read, or holds in our store; HubSpot's own times are none of these.
_WHEN_READ = {
    "hubspot_raw_records": ("read_at",),
    "hubspot_associations": ("valid_from", "valid_to"),
    "hubspot_backfills": ("first_completed_at",),
}


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    config = SandboxConfig(contacts=150, companies=40, deals=120, definitions_per_type=60, limits=False)
    with RunningSandbox(config) as running:
        yield running


@pytest.fixture
async def portal(database: Database, sandbox: RunningSandbox, tmp_path: Path) -> Reconciling:
    portal = Reconciling(await Connected.create(database, settings_for(sandbox, tmp_path)), sandbox)
    await portal.sync()
    return portal


@pytest.mark.slow
async def test_it_equals_what_was_published_then(portal: Reconciling):
    zone = ZoneInfo(portal.connected.rows("SELECT time_zone FROM portals")[0].time_zone)
    now = portal.connected.database.now()
    current = parse_period_key(period_key_for(now, portal.connected.connector.config.hubspot_synthesis_cadence, zone))
    past = parse_period_key(period_key_for(current.start(zone) - timedelta(hours=1), current.cadence, zone))
    _let_it_have_been_read(portal, ago=now - past.end(zone) + timedelta(hours=2))

    then = _synthesize(portal, now=past.end(zone) - timedelta(microseconds=1))
    assert (then.period_key, len(then.skipped)) == (past.key, 0)
    published = _figures(portal, past.key)
    await _go_on(portal)
    _synthesize(portal, now=now)
    assert _figures(portal, current.key)["channel_mix"] != published["channel_mix"]

    again = _synthesize(portal, now=now, period_key=past.key, refresh=True)
    assert (again.queued, again.parts) == (then.queued, then.parts)
    assert _figures(portal, past.key) == published
    (said,) = portal.connected.rows(
        "SELECT content FROM memory_queue WHERE aggregate_period_key = :period AND aggregate_scope = 'channel_mix'",
        period=past.key,
    )
    assert "from the records as they had been read by the end of" in said.content


async def _go_on(portal: Reconciling) -> None:
    """Let everything change in HubSpot that a synthesis counts, and read it."""
    hubspot = portal.portal
    deals, contacts, companies = (portal.live(kind) for kind in ("deals", "contacts", "companies"))
    (won,) = portal.connected.rows(
        """SELECT pipeline_id, stage_id FROM hubspot_crm_objects
            WHERE object_type = 'deals' AND outcome = 'won' AND stage_id IS NOT NULL LIMIT 1"""
    )
    hubspot.edit("deals", deals[:20], {"pipeline": won.pipeline_id, "dealstage": won.stage_id, "amount": "4321"})
    hubspot.edit("deals", deals[20:40], {"dealname": "Renamed", "closedate": "2025-01-31T00:00:00Z"})
    hubspot.archive("deals", deals[40:50])
    hubspot.create("deals", {"dealname": "New", "pipeline": won.pipeline_id, "dealstage": won.stage_id, "amount": "9"})
    hubspot.edit("contacts", contacts[:30], {"hs_lead_status": "BAD_TIMING", "lifecyclestage": "lead"})
    hubspot.edit("contacts", contacts[30:60], {"hs_analytics_source": "PAID_SOCIAL"})
    hubspot.merge("contacts", contacts[60], contacts[61])
    hubspot.archive("contacts", contacts[62:70])
    hubspot.edit("companies", companies[:10], {"country": "Japan", "state": "Tokyo", "city": "Tokyo"})
    hubspot.merge("companies", companies[10], companies[11])
    for deal, contact in zip(deals[50:70], contacts[70:90], strict=True):
        hubspot.associate(("deals", deal), ("contacts", contact))
    for link in portal.connected.rows(
        """SELECT from_id, to_id FROM hubspot_associations
            WHERE from_type = 'deals' AND to_type = 'companies' AND valid_to IS NULL LIMIT 20"""
    ):
        hubspot.disassociate(("deals", link.from_id), ("companies", link.to_id), all_types=True)
    await portal.sync()
    await portal.reconcile()
    await portal.reread()


def _let_it_have_been_read(portal: Reconciling, *, ago: timedelta) -> None:
    with portal.connected.database.administrator() as connection:
        for table, columns in _WHEN_READ.items():
            earlier = ", ".join(f"{column} = {column} - :ago" for column in columns)
            connection.execute(text(f"UPDATE coppermind.{table} SET {earlier}"), {"ago": ago})


def _synthesize(portal: Reconciling, *, now: datetime, **arguments: Any) -> Synthesized:
    connector = portal.connected.connector
    return synthesize(
        portal.connected.database,
        connector_id=connector.id,
        mind_id=connector.mind_id,
        cadence=connector.config.hubspot_synthesis_cadence,
        config=connector.config,
        now=now,
        **arguments,
    )


def _figures(portal: Reconciling, period_key: str) -> dict[str, Any]:
    (row,) = portal.connected.rows("SELECT figures FROM syntheses WHERE period_key = :period", period=period_key)
    return row.figures

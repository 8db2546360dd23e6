"""A report on a stale store that was asked to pull first: with a portal that answers, and with one that does not."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from socket import create_server
from time import monotonic

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from coppermind_pipeline.accounts import local_caller, resolve_mind
from coppermind_pipeline.reports import CrmReport, ReportRequest, live_crm_report
from coppermind_pipeline.reports.live import LIVE_PULL_S
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import pull_now
from coppermind_pipeline_tests.connected import Connected
from coppermind_pipeline_tests.unthrottled import unthrottled


async def test_a_stale_report_has_what_changed_since_the_last_poll(database: Database, tmp_path: Path):
    async with unthrottled(database, tmp_path) as portal:
        await portal.sync()
        before = await _report(portal.connected)
        deal = portal.live("deals")[0]
        portal.portal.edit("deals", [deal], {"dealname": "Renamed a minute ago"})

        _make_stale(portal.connected)
        stale = await _report(portal.connected)
        assert stale.trust.live_fallback_used
        assert stale.trust.freshness == "fresh"
        assert before.trust.last_successful_sync != stale.trust.last_successful_sync
        assert portal.stored("deals", deal).name == "Renamed a minute ago"

        _make_stale(portal.connected)
        with database.connector_lock(portal.connected.connector_id):
            busy = await _report(portal.connected)
        assert not busy.trust.live_fallback_used
        assert "Another process is syncing the connector" in busy.audit.caveats[1]

        portal.portal.uninstall()
        down = await _report(portal.connected)
        assert not down.trust.live_fallback_used
        refused, live_pull = down.audit.caveats[1:3]
        assert refused.startswith("HubSpot refuses access")
        assert live_pull.startswith("The live pull that was asked for failed")
        assert down.summary == busy.summary


async def _report(connected: Connected, *, pull_s: float = LIVE_PULL_S) -> CrmReport:
    database = connected.database
    return await live_crm_report(
        database,
        mind=resolve_mind(database, local_caller(database), "Acme"),
        request=ReportRequest(live_fallback=True),
        now=datetime.now(UTC),
        refresh=partial(pull_now, database, connected.settings),
        pull_s=pull_s,
    )


def _make_stale(connected: Connected) -> None:
    """Move every sign of life three hours back."""
    with connected.database.mind(connected.connector.mind_id) as connection:
        for table, column in (
            ("hubspot_polls", "last_succeeded_at"),
            ("hubspot_cursors", "page_stored_at"),
            ("connectors", "connected_at"),
        ):
            connection.execute(text(f"UPDATE {table} SET {column} = {column} - interval '3 hours'"))


@pytest.mark.slow
async def test_a_hubspot_that_hangs_costs_the_time_and_leaves_nothing_behind(database: Database, tmp_path: Path):
    async with unthrottled(database, tmp_path) as portal:
        await portal.sync()
        _make_stale(portal.connected)
        with create_server(("127.0.0.1", 0)) as silent:
            hanging = portal.connected.settings.model_copy(
                update={"hubspot_api_url": f"http://127.0.0.1:{silent.getsockname()[1]}"}
            )
            began = monotonic()
            with capture_logs() as logged:
                report = await _report(replace(portal.connected, settings=hanging), pull_s=3.0)
            took_s = monotonic() - began
        assert took_s < 4
        with database.connector_lock(portal.connected.connector_id) as granted:
            assert granted
        assert any("live pull" in caveat and "timed out" in caveat for caveat in report.audit.caveats)
        assert {entry["log_level"] for entry in logged} <= {"debug", "info"}

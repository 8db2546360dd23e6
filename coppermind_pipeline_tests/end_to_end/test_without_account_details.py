"""Account details are wanted, not needed: where HubSpot refuses them, zone and links are missing, and nothing else."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from coppermind_pipeline.accounts import local_caller, resolve_mind
from coppermind_pipeline.connectors import ConnectorStatus, open_portal, status
from coppermind_pipeline.defs.sync_now import sync_connector
from coppermind_pipeline.reports import CrmReport, ReportRequest, crm_report
from coppermind_pipeline.sandbox import Fault, RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import SyncContext, found_nothing
from coppermind_pipeline_tests.connected import Connected, settings_for

_REFUSED = {"status": "error", "category": "MISSING_SCOPES", "message": "This app hasn't been granted all scopes."}
_UNKNOWN = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "resource not found"}
_FAULTS: dict[str, dict[str, Any]] = {
    "403": {"status": 403, "body": _REFUSED},
    "404": {"status": 404, "body": _UNKNOWN},
    "malformed": {"status": 200, "body": {"portalId": "none of yours"}},
}


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=30, companies=10, deals=20, limits=False)) as running:
        yield running


def _refuse(sandbox: RunningSandbox, fault: str) -> None:
    sandbox.control.add_fault(Fault(path="/account-info", count=None, **_FAULTS[fault]))


def _connect(database: Database, sandbox: RunningSandbox, home: Path) -> Connected:
    everything = {"hubspot_backfill_since": "2000-01-01T00:00:00Z"}
    return asyncio.run(Connected.create(database, settings_for(sandbox, home), config=everything))


def _sync(connected: Connected) -> None:
    assert sync_connector(connected.database, connected.settings, connected.connector_id, until_complete=True).succeeded


def _status(connected: Connected) -> ConnectorStatus:
    (shown,) = status(connected.database, local_caller(connected.database), now=datetime.now(UTC)).connectors
    return shown


def _report(connected: Connected) -> CrmReport:
    mind = resolve_mind(connected.database, local_caller(connected.database), None)
    return crm_report(
        connected.database, mind=mind, request=ReportRequest.from_arguments({"period": "2026", "detail": True}),
        now=datetime.now(UTC),
    )  # fmt: skip


def _account_caveats(report: CrmReport) -> list[str]:
    return [caveat for caveat in report.audit.caveats if "account details" in caveat]


def _idle(connected: Connected) -> bool:
    async def probe() -> bool:
        async with open_portal(connected.database, connected.settings, connected.connector) as client:
            return await found_nothing(SyncContext(connected.database, connected.connector, client))

    return asyncio.run(probe())


@pytest.mark.slow
@pytest.mark.parametrize("fault", _FAULTS)
def test_a_portal_without_account_details_is_synced_with_a_caveat(
    database: Database, sandbox: RunningSandbox, tmp_path: Path, fault: str
):
    _refuse(sandbox, fault)
    connected = _connect(database, sandbox, tmp_path)
    _sync(connected)
    shown = _status(connected)
    assert shown.hubspot_diagnostics.operational_state == "active"
    assert shown.last_error is None
    assert shown.portal_profile is not None
    (problem,) = shown.hubspot_diagnostics.persistent_errors
    assert (problem.kind, problem.code) == ("scope", "account_unreadable")
    assert shown.next_step == problem.hint
    events = connected.rows("SELECT severity FROM connector_events WHERE code = 'account_unreadable'")
    assert [event.severity for event in events] == ["warning"]
    report = _report(connected)
    assert report.trust.freshness == "fresh"
    assert len(_account_caveats(report)) == 1
    assert "records have no links" in _account_caveats(report)[0]
    assert report.period.timezone == "UTC"
    assert connected.rows("SELECT FROM memories")

    sandbox.control.clear_faults()
    _sync(connected)
    shown = _status(connected)
    assert shown.hubspot_diagnostics.persistent_errors == ()
    assert _account_caveats(_report(connected)) == []
    (portal,) = connected.rows("SELECT time_zone, ui_domain FROM hubspot_portals")
    assert portal.time_zone
    assert portal.ui_domain
    assert _report(connected).period.timezone == portal.time_zone


@pytest.mark.slow
def test_what_was_read_before_a_refusal_holds(database: Database, sandbox: RunningSandbox, tmp_path: Path):
    connected = _connect(database, sandbox, tmp_path)
    _sync(connected)
    zone = _report(connected).period.timezone
    _refuse(sandbox, "404")
    _sync(connected)
    report = _report(connected)
    assert report.period.timezone == zone
    assert "read before" in _account_caveats(report)[0]


@pytest.mark.slow
def test_idle_polls_ask_again_within_the_hour(database: Database, sandbox: RunningSandbox, tmp_path: Path):
    _refuse(sandbox, "404")
    connected = _connect(database, sandbox, tmp_path)
    _sync(connected)
    assert _idle(connected)
    connected.rows("UPDATE connector_problems SET last_seen = last_seen - interval '61 minutes' RETURNING 1")
    assert not _idle(connected)

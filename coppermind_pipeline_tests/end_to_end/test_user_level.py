"""An app that is installed for a user sees a part of the portal: the sync goes on, and nothing calls it complete."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from coppermind_pipeline.accounts import local_caller, resolve_mind
from coppermind_pipeline.connectors import Condition, ConnectorStatus, Severity, StoredTokens, evaluate, status
from coppermind_pipeline.reports import ReportRequest, crm_report
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import Connected, settings_for


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=5, companies=3, deals=4, limits=False)) as running:
        yield running


def _status(connected: Connected) -> ConnectorStatus:
    caller = local_caller(connected.database)
    [found] = status(connected.database, caller, now=datetime.now(UTC)).connectors
    return found


def _caveats(connected: Connected) -> list[str]:
    database = connected.database
    mind = resolve_mind(database, local_caller(database), "Acme")
    return crm_report(database, mind=mind, request=ReportRequest(), now=datetime.now(UTC)).audit.caveats


async def _refresh(connected: Connected) -> None:
    with connected.database.mind(connected.connector.mind_id) as connection:
        connection.execute(text("UPDATE connector_credentials SET expires_at = now()"))
    await StoredTokens(connected.database, connected.settings, connected.connector).current()


@pytest.mark.parametrize("field", ["isUserLevel", "is_user_level"])
async def test_what_a_user_may_not_see_is_said_to_be_missing(
    database: Database, sandbox: RunningSandbox, tmp_path: Path, field: str
):
    sandbox.control.set_switches(user_level_field=field)
    connected = await Connected.create(database, settings_for(sandbox, tmp_path))
    await connected.sync()
    found = _status(connected)
    [problem] = found.hubspot_diagnostics.persistent_errors
    assert (problem.kind, problem.code) == ("scope", "user_level_app")
    assert "user may not see are missing" in problem.message
    assert found.last_error is None
    assert found.hubspot_diagnostics.operational_state != "auth_error"
    assert any("user may not see are missing" in caveat for caveat in _caveats(connected))

    await _refresh(connected)
    assert len(_status(connected).hubspot_diagnostics.persistent_errors) == 1

    sandbox.control.set_switches(user_level_field="")
    await _refresh(connected)
    assert _status(connected).hubspot_diagnostics.persistent_errors == ()
    assert not any("may not see" in caveat for caveat in _caveats(connected))


async def test_an_app_that_turns_out_to_be_a_users_is_told_with_the_next_refresh(
    database: Database, sandbox: RunningSandbox, tmp_path: Path
):
    connected = await Connected.create(database, settings_for(sandbox, tmp_path))
    assert _status(connected).hubspot_diagnostics.persistent_errors == ()
    sandbox.control.set_switches(user_level_field="isUserLevel")
    await _refresh(connected)
    [problem] = _status(connected).hubspot_diagnostics.persistent_errors
    assert problem.code == "user_level_app"


def test_the_check_of_the_scopes_warns(database: Database, sandbox: RunningSandbox, tmp_path: Path):
    sandbox.control.set_switches(user_level_field="isUserLevel")
    connected = asyncio.run(Connected.create(database, settings_for(sandbox, tmp_path)))
    found = evaluate(database, connected.connector_id, set(Condition))
    assert found[Condition.AUTHORIZED].passed
    scopes = found[Condition.SCOPES_GRANTED]
    assert (scopes.passed, scopes.severity) == (False, Severity.WARN)
    assert "user may not see are missing" in scopes.description

"""While any step of its sync fails, a connector says so; once the fault is gone, all is as if it had never been."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina

from coppermind_pipeline.connectors import load_connector
from coppermind_pipeline.defs.sync_now import sync_connector
from coppermind_pipeline.interfaces.state_words import state_words
from coppermind_pipeline.sandbox import Fault, RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import note_failed_run, poll_started
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.end_to_end.syncing import report_of, status_of
from coppermind_pipeline_tests.portal_comparison import assert_store_equals_portal

pytestmark = pytest.mark.slow

_REFUSED = {"status": "error", "category": "MISSING_SCOPES", "message": "This app hasn't been granted all scopes."}
_BROKEN = {"status": "error", "message": "internal error"}
_WRONG = {"status": "error", "category": "VALIDATION_ERROR", "message": "There was a problem with the request."}
_UNKNOWN = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "resource not found"}
_CLOUDFLARE = "<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head></html>"


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=60, companies=20, deals=30, limits=False)) as running:
        yield running


@pytest.fixture(autouse=True)
def impatient() -> Iterator[None]:
    """What is tried again is so at once, and not for two minutes."""
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


@pytest.fixture
def connected(database: Database, sandbox: RunningSandbox, tmp_path: Path) -> Connected:
    everything = {"hubspot_backfill_since": "2000-01-01T00:00:00Z"}
    return asyncio.run(Connected.create(database, settings_for(sandbox, tmp_path), config=everything))


def _sync(connected: Connected) -> bool:
    return sync_connector(connected.database, connected.settings, connected.connector_id).succeeded


# What fails at every poll of a connector that was in good order: the fault, the state after two polls, the kind of
# persistent problem, and the code of the error.
_IN_LIFE: dict[str, tuple[dict[str, Any], str, str | None, str]] = {
    "owners 403": ({"path": "/owners", "status": 403, "body": _REFUSED}, "auth_error", "scope", "scope_missing"),
    "owners too deep": ({"path": "/owners", "status": 200, "body": "[" * 500 + "]" * 500,
                         "content_type": "application/json"}, "error", None, "portal_unavailable"),
    "pipelines 404": ({"path": "/pipelines", "status": 404, "body": _UNKNOWN}, "error", None, "request_refused"),
    "search 400": ({"path": "/search", "status": 400, "body": _WRONG}, "error", None, "request_refused"),
    "search 504": ({"path": "/search", "status": 504, "body": ""}, "error", None, "portal_unavailable"),
    "definitions behind Cloudflare": ({"path": "/crm/properties", "status": 403, "body": _CLOUDFLARE,
                                       "content_type": "text/html"}, "error", None, "request_refused"),
}  # fmt: skip


@pytest.mark.parametrize("name", _IN_LIFE)
def test_a_refusal_that_repeats_is_told_at_once_and_never_as_what_passes(
    connected: Connected, sandbox: RunningSandbox, name: str
):
    fault, state, problem, code = _IN_LIFE[name]
    sync_connector(connected.database, connected.settings, connected.connector_id, until_complete=True)
    clean = report_of(connected).audit.caveats
    pulled_at = status_of(connected).hubspot_diagnostics.last_successful_hubspot_pull
    changed = list(sandbox.control.export().live("deals"))[:5]
    sandbox.control.edit("deals", changed, {"dealname": "Renamed meanwhile"})
    sandbox.control.add_fault(Fault(count=None, **fault))
    for polls in (1, 2):
        assert not _sync(connected)
        shown = status_of(connected)
        assert shown.last_error is not None
        assert shown.last_error.code == code
        assert shown.hubspot_diagnostics.last_successful_hubspot_pull == pulled_at
        assert state_words(shown).tone in {"warn", "bad"}
        may_pass = code == "portal_unavailable" and polls == 1
        assert ("by itself" in shown.next_step) == may_pass
        assert shown.next_step.startswith("Nothing is to be done") == may_pass
        report = report_of(connected)
        assert report.trust.freshness == "fresh", "the last complete pull is minutes old"
        assert shown.last_error.message.rstrip(".") in report.audit.caveats[0]
        assert "<html" not in shown.last_error.message.lower()
    assert shown.hubspot_diagnostics.operational_state == state
    assert [p.kind for p in shown.hubspot_diagnostics.persistent_errors] == ([problem] if problem else [])

    sandbox.control.clear_faults()
    assert _sync(connected)
    shown = status_of(connected)
    assert state_words(shown).words == "Up to date"
    assert shown.last_error is None
    assert shown.hubspot_diagnostics.persistent_errors == ()
    assert report_of(connected).audit.caveats[:1] == clean[:1]
    assert_store_equals_portal(connected, sandbox)
    renamed = connected.rows("SELECT FROM hubspot_crm_objects WHERE name = 'Renamed meanwhile'")
    assert len(renamed) == len(changed)


def test_a_pull_that_was_fine_vouches_for_no_step_after_it(connected: Connected, sandbox: RunningSandbox):
    assert _sync(connected)
    pulled_at = status_of(connected).hubspot_diagnostics.last_successful_hubspot_pull
    sandbox.control.add_fault(Fault(count=None, path="/owners", status=500, body=_BROKEN))
    assert not _sync(connected)
    assert status_of(connected).hubspot_diagnostics.last_successful_hubspot_pull == pulled_at


def test_a_sync_whose_process_ended_was_cut_off_and_is_no_riddle(connected: Connected):
    """As where `up` is stopped between two of its steps: the next start finds the run."""
    connector = load_connector(connected.database, connected.connector_id)
    with connected.database.mind(connector.mind_id) as connection:
        poll_started(connection, connector.scope, run_id="cut")
    note_failed_run(connected.database, connector.id, job="sync", run_id="cut")
    status = status_of(connected)
    assert status.last_error is not None
    assert status.last_error.code == "cut_off"
    assert status.next_step.startswith("Nothing is to be done where the installation was stopped")
    assert _sync(connected)
    assert status_of(connected).last_error is None


def test_what_nobody_foresaw_is_noted_by_its_kind_alone(connected: Connected, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device: Jane Doe")

    monkeypatch.setattr("coppermind_pipeline.defs.assets.map_records", full)
    assert not _sync(connected)
    error = status_of(connected).last_error
    assert error is not None
    assert error.code == "unexpected"
    assert "OSError" in error.message
    assert "Jane" not in error.message + error.hint
    (event,) = connected.rows("SELECT message FROM connector_events WHERE code = 'unexpected'")
    assert "Jane" not in event.message
    monkeypatch.undo()
    assert _sync(connected)
    assert status_of(connected).last_error is None

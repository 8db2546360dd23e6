"""The connectors commands against a simulated portal, from the link to the disconnect."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from coppermind_pipeline.connectors import SETUP_HELP, load_connector, record_event
from coppermind_pipeline.interfaces.cli import connectors
from coppermind_pipeline.interfaces.processes import free_port
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline_tests.stored_portal import StoredPortal


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=5, companies=3, deals=4)) as sandbox:
        monkeypatch.setenv("COPPERMIND_HUBSPOT_API_URL", sandbox.url)
        monkeypatch.setenv("COPPERMIND_HUBSPOT_AUTHORIZE_URL", sandbox.authorize_url)
        monkeypatch.setenv("COPPERMIND_HUBSPOT_CLIENT_ID", sandbox.client_id)
        monkeypatch.setenv("COPPERMIND_HUBSPOT_CLIENT_SECRET", sandbox.client_secret)
        monkeypatch.setenv("COPPERMIND_PUBLIC_URL", f"http://localhost:{free_port(0)}")
        yield sandbox


def _connect_and_wait(decision: str) -> tuple[int, dict]:
    """Run `connect --wait` as a process of its own, answer its link as a browser would, and return what it says."""
    command = [Path(sys.executable).with_name("coppermind"), "connectors", "connect", "--wait", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        link = next(line.strip() for line in process.stderr if line.startswith("http"))
        page = httpx.get(f"{link}&decision={decision}", follow_redirects=True, timeout=20)
        assert ("HubSpot is connected" in page.text) == (decision == "approve")
        answer = json.loads(process.stdout.read())
        process.stderr.read()
    return process.returncode, answer


def test_connect_shows_a_link_and_says_that_nobody_listens(coppermind, sandbox):
    coppermind("minds", "create", "Acme")
    result = coppermind("connectors", "connect")
    assert result.exit_code == 0
    assert re.search(rf"^{sandbox.authorize_url}\?\S+$", result.stdout, re.MULTILINE)
    assert "coppermind up" in result.stdout
    answer = json.loads(coppermind("connectors", "connect", "--json").stdout)
    assert answer["callback_listening"] is False
    assert answer["status"] == "pending_setup"
    assert answer["setup_help"]["wrong_flow"]["text"] == "This account is not eligible to connect to Claude"


def test_a_pending_connector_is_shown_with_what_hubspots_refusals_mean(coppermind, sandbox):
    coppermind("minds", "create", "Acme")
    coppermind("connectors", "connect")
    shown = " ".join(coppermind("connectors", "status").stdout.split())
    for refusal in SETUP_HELP.refusals:
        assert refusal.text in shown
        assert refusal.what_to_do in shown


@pytest.mark.slow
def test_connect_and_wait_serves_the_callback_and_ends_with_the_connection(coppermind, sandbox):
    coppermind("minds", "create", "Acme")
    code, answer = _connect_and_wait("approve")
    assert code == 0
    assert answer["status"] == "backfilling"
    assert answer["hub_id"] == sandbox.config.all_hub_ids()[0]


@pytest.mark.slow
def test_connect_and_wait_follows_to_the_connector_that_has_the_portal_already(coppermind, sandbox):
    coppermind("minds", "create", "Acme")
    _, first = _connect_and_wait("approve")
    code, second = _connect_and_wait("approve")
    assert code == 0
    assert second["connector_id"] == first["connector_id"]


@pytest.mark.slow
def test_connect_and_wait_ends_with_the_error_of_a_refusal(coppermind, sandbox):
    sandbox.control.set_switches(refusal_redirects=True)
    coppermind("minds", "create", "Acme")
    for _ in range(2):  # the second link is not ended by the first one's error
        code, answer = _connect_and_wait("deny")
        assert code == 1
        assert answer["error"]["code"] == "not_approved"
        assert "refused" in answer["error"]["message"]


def test_a_mind_of_our_own_cannot_be_connected(coppermind, sandbox):
    coppermind("minds", "create", "Us", "--kind", "internal")
    result = coppermind("connectors", "connect", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["code"] == "mind_not_connectable"


def test_status_shows_state_backfill_and_next_step(coppermind, database, local_customer):
    portal = StoredPortal.create(database, local_customer)
    portal.execute("UPDATE hubspot_polls SET last_started_at = now(), last_succeeded_at = now()")
    portal.execute("""UPDATE hubspot_backfills SET started_at = now() - interval '1 minute', completed_at = NULL,
                      totals = '{"contacts": 4000, "companies": 100, "deals": 50}' WHERE connector_id = :connector""")
    for kind, records, done in (("contacts", 1000, "NULL"), ("companies", 50, "NULL"), ("deals", 51, "now()")):
        portal.execute(f"""INSERT INTO hubspot_cursors (connector_id, mind_id, object_type, scan, records, completed_at)
                           SELECT id, mind_id, '{kind}', 'backfill', {records}, {done} FROM connectors""")
    shown = coppermind("connectors", "status").stdout
    assert "● Reading the CRM history  backfilling" in shown
    assert re.search(r"contacts +━{6}─{18} 1,000 of 4,000\n", shown)
    assert re.search(r"deals +━{24} 51 of 51\n", shown)
    assert "left" in shown
    answer = json.loads(coppermind("connectors", "status", portal.connector_id, "--json").stdout)
    assert answer["connectors"][0]["hubspot_backfill"]["counts"]["contacts"] == 1000


def test_status_of_all_minds_and_of_one(coppermind, database, local_customer):
    for mind, hub_id in (("acme", 1), ("beta", 2)):
        StoredPortal.create(database, local_customer, mind=mind, hub_id=hub_id)
    everything = coppermind("connectors", "status", "--all").stdout
    assert "acme-hubspot-0001" in everything
    assert "beta-hubspot-0002" in everything
    assert "acme-hubspot" not in coppermind("connectors", "status", "--mind", "beta").stdout
    missing = coppermind("connectors", "status", "nobody-hubspot-9999")
    assert missing.exit_code == 2
    assert "acme-hubspot-0001" in missing.stderr


def test_watching_goes_on_until_it_is_interrupted(coppermind, database, local_customer, monkeypatch):
    StoredPortal.create(database, local_customer)
    looks = iter([None, KeyboardInterrupt])

    def until_interrupted(_: float) -> None:
        if (interrupt := next(looks)) is not None:
            raise interrupt

    monkeypatch.setattr(connectors.time, "sleep", until_interrupted)
    assert coppermind("connectors", "status", "--watch").exit_code == 0
    assert next(looks, "over") == "over"
    assert coppermind("connectors", "status", "--watch", "--json").exit_code == 2


def test_configure_takes_json_or_text_and_refuses_what_it_does_not_know(coppermind, database, local_customer):
    portal = StoredPortal.create(database, local_customer)

    def configure(*settings: str):
        return coppermind("connectors", "configure", portal.connector_id, *settings, "--json")

    answer = json.loads(
        configure(
            "hubspot_synthesis_cadence=monthly",
            "poll_interval_minutes=30",
            'hubspot_excluded_emails=["intern@acme.com"]',
            "hubspot_backfill_since=null",
        ).stdout
    )
    assert answer["config"]["hubspot_synthesis_cadence"] == "monthly"
    assert answer["config"]["poll_interval_minutes"] == 30
    assert answer["config"]["hubspot_excluded_emails"] == ["intern@acme.com"]
    unknown = configure("hubspot_synthesis_cadense=monthly")
    assert unknown.exit_code == 2
    assert "hubspot_synthesis_cadence" in unknown.stdout
    assert configure("monthly").exit_code == 2


def test_sync_and_resync_are_asked_for(coppermind, database, local_customer):
    portal = StoredPortal.create(database, local_customer)
    asked = json.loads(coppermind("connectors", "sync", portal.connector_id, "--json").stdout)
    assert asked["sync_requested_at"]
    deals = json.loads(
        coppermind("connectors", "resync", portal.connector_id, "--object-type", "deals", "--json").stdout
    )
    assert deals["object_types"] == ["deals"]
    longer = json.loads(
        coppermind("connectors", "resync", portal.connector_id, "--since", "2024-01-01T00:00:00Z", "--json").stdout
    )
    assert longer["since"] == "2024-01-01T00:00:00Z"


def test_a_sync_shows_progress_and_ends_with_everything_in_place(coppermind, sandbox):
    coppermind("minds", "create", "Acme")
    _, connected = _connect_and_wait("approve")
    command = [Path(sys.executable).with_name("coppermind"), "sync", connected["connector_id"], "--until-complete"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{connected['connector_id']} is complete.\n"
    assert "contacts: 5 of 5" in result.stderr.splitlines()
    assert "● Up to date" in coppermind("connectors", "status").stdout
    trust = json.loads(coppermind("memory", "report", "--json").stdout)["trust"]
    assert trust["backfill_complete"] is True
    assert trust["record_counts"]["deals"]["stored"] == 4


def test_a_sync_of_a_connector_that_is_not_connected_is_a_wrong_call(coppermind, sandbox):
    coppermind("minds", "create", "Acme")
    pending = json.loads(coppermind("connectors", "connect", "--json").stdout)["connector_id"]
    for connector_id in (pending, "nobody-hubspot-9999"):
        assert coppermind("sync", connector_id).exit_code == 2


@pytest.mark.slow
def test_disconnect_says_what_was_done(coppermind, sandbox):
    coppermind("minds", "create", "Acme")
    _, connected = _connect_and_wait("approve")
    answer = json.loads(coppermind("connectors", "disconnect", connected["connector_id"], "--json").stdout)
    assert answer["credentials_erased"] is True
    assert answer["token_revoked"] is True
    assert "Disconnected" in coppermind("connectors", "status").stdout


@pytest.mark.slow
def test_keys_are_listed_and_rotated(coppermind, sandbox):
    coppermind("minds", "create", "Acme")
    _connect_and_wait("approve")
    (key,) = json.loads(coppermind("keys", "list", "--json").stdout)["keys"]
    assert key["credentials"] == 1
    assert json.loads(coppermind("keys", "rotate", "--json").stdout) == {"rotated": 1}
    newest, old = json.loads(coppermind("keys", "list", "--json").stdout)["keys"]
    assert (newest["credentials"], old["credentials"], old["id"]) == (1, 0, key["id"])
    assert "newest" in coppermind("keys", "list").stdout


def test_the_log_is_shown_newest_first_and_page_by_page(coppermind, database, local_customer):
    portal = StoredPortal.create(database, local_customer)
    with database.mind(portal.mind_id) as connection:
        connector = load_connector(database, portal.connector_id)
        for number in range(3):
            record_event(
                connection, connector, "error", f"code_{number}", "It [bold]failed[/bold].", {"hint": "Do it."}
            )
    answer = json.loads(coppermind("connectors", "events", portal.connector_id, "--limit", "2", "--json").stdout)
    assert [event["code"] for event in answer["events"]] == ["code_2", "code_1"]
    assert set(answer["events"][0]) == {"id", "at", "severity", "code", "message", "hint", "run_id"}
    assert answer["next_before"] == answer["events"][-1]["id"]
    before = ("--before", str(answer["next_before"]))
    rest = json.loads(coppermind("connectors", "events", portal.connector_id, *before, "--json").stdout)
    assert [event["code"] for event in rest["events"]] == ["code_0"]
    assert rest["next_before"] is None
    shown = coppermind("connectors", "events", portal.connector_id, "--limit", "2").stdout
    assert shown.index("code_2") < shown.index("code_1")
    assert "[bold]failed[/bold]" in " ".join(shown.split())
    assert f"--before {answer['next_before']}" in shown
    assert "code_0" not in shown
    wrong = coppermind("connectors", "events", portal.connector_id, "--before", str(2**63))
    assert wrong.exit_code == 2
    assert "not within 1 to" in wrong.stderr
    assert coppermind("connectors", "events", "nobody").exit_code == 2

"""Alerts, as a webhook on this machine receives them: once per change, late where it was down, never a secret."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from coppermind_pipeline.accounts import Caller
from coppermind_pipeline.connectors import send_alerts
from coppermind_pipeline.connectors.status.alerts import Alerted
from coppermind_pipeline.logs import configure_logs
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.stored_portal import StoredPortal

SECRET_PATH = "/services/T0/B0/secret-of-the-hook"


@dataclass
class Webhook:
    """A receiver; `status` is what it answers, and `before_answer` runs while a message is under way."""

    url: SecretStr
    status: int = 200
    received: list[dict[str, Any]] = field(default_factory=list)
    before_answer: Callable[[], None] = lambda: None


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    hook = Webhook(SecretStr(""))

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if self.path == SECRET_PATH and hook.status == 200:
                hook.received.append(body)
            hook.before_answer()
            self.send_response(hook.status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (as its base class calls it)
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        hook.url = SecretStr(f"http://127.0.0.1:{server.server_port}{SECRET_PATH}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield hook
        server.shutdown()


@pytest.fixture
def portal(database: Database, caller: Caller) -> StoredPortal:
    portal = StoredPortal.create(database, caller.customer_id, mind="acme")
    portal.execute("UPDATE connectors SET config = '{\"poll_interval_minutes\": 1440}'")
    portal.execute("UPDATE hubspot_polls SET last_started_at = now() - interval '2 minutes', last_succeeded_at = now()")
    return portal


def _fail(portal: StoredPortal) -> None:
    portal.execute("UPDATE hubspot_polls SET failures = 2")


def _recover(portal: StoredPortal) -> None:
    portal.execute("UPDATE hubspot_polls SET failures = 0")


def _let_pass(portal: StoredPortal, time: str) -> None:
    """Move everything that is noted of the connector's alerts into the past."""
    portal.execute(
        f"""UPDATE connector_alerts
               SET since = since - interval '{time}', told_at = told_at - interval '{time}',
                   told_before_at = told_before_at - interval '{time}', try_at = try_at - interval '{time}'"""
    )


def _runbook_url(entry: str) -> str:
    return f"http://localhost:8480/runbook#{entry}"


def _look(portal: StoredPortal, webhook: Webhook) -> Alerted:
    """Look twice, so far apart that what was found has settled."""
    send_alerts(portal.database, webhook.url, runbook_url=_runbook_url)
    _let_pass(portal, "61 seconds")
    return send_alerts(portal.database, webhook.url, runbook_url=_runbook_url)


def test_a_connector_in_good_order_is_not_spoken_of(portal: StoredPortal, webhook: Webhook):
    assert _look(portal, webhook) == Alerted(sent=0, webhook_answers=True)
    assert webhook.received == []


def test_into_trouble_and_out_of_it_are_one_message_each(portal: StoredPortal, webhook: Webhook):
    _fail(portal)
    for _ in range(3):
        _look(portal, webhook)
    _recover(portal)
    for _ in range(3):
        _look(portal, webhook)
    into, out = webhook.received
    assert (into["connector"], into["mind"]) == ("acme-hubspot-0007", "acme")
    assert (into["state_before"], into["state_after"]) == (None, "error")
    assert (out["state_before"], out["state_after"]) == ("error", "active")
    assert into["since"] < out["since"]
    assert into["message"] == "The last two polls failed."
    assert "polls go on" in into["what_to_do"]
    assert (
        into["text"] == f"acme-hubspot-0007 (acme) is error. {into['message']} {into['what_to_do']} {into['runbook']}"
    )
    assert into["runbook"] == _runbook_url("error")


def test_a_trouble_that_becomes_another_one_is_told_too(portal: StoredPortal, webhook: Webhook):
    _fail(portal)
    _look(portal, webhook)
    portal.execute(
        """INSERT INTO connector_problems (connector_id, mind_id, kind, code, message)
           VALUES (:connector, :mind, 'auth', 'c', 'm')""",
        mind=portal.mind_id,
    )
    _look(portal, webhook)
    assert [(alert["state_before"], alert["state_after"]) for alert in webhook.received] == [
        (None, "error"),
        ("error", "auth_error"),
    ]


@pytest.mark.parametrize(
    "busy",
    [
        "UPDATE hubspot_polls SET last_started_at = now() + interval '1 second'",  # syncing
        "UPDATE hubspot_backfills SET completed_at = NULL",  # backfilling
    ],
)
def test_work_that_goes_on_does_not_hide_trouble(portal: StoredPortal, webhook: Webhook, busy: str):
    portal.execute(
        """INSERT INTO memory_queue (source_ref, mind_id, connector_id, operation, state)
           VALUES ('r', :mind, :connector, 'publish', 'dead')""",
        mind=portal.mind_id,
    )
    _look(portal, webhook)
    portal.execute(busy)
    _look(portal, webhook)
    assert [alert["state_after"] for alert in webhook.received] == ["queue_backed_up"]


def test_what_passes_at_once_is_not_told(portal: StoredPortal, webhook: Webhook):
    _fail(portal)
    send_alerts(portal.database, webhook.url, runbook_url=_runbook_url)
    _recover(portal)
    _look(portal, webhook)
    assert webhook.received == []


def test_a_flapping_connector_is_told_of_twice_an_hour(portal: StoredPortal, webhook: Webhook):
    for _ in range(20):  # 41 minutes
        _fail(portal)
        _look(portal, webhook)
        _recover(portal)
        _look(portal, webhook)
    assert len(webhook.received) == 2
    _fail(portal)
    _let_pass(portal, "60 minutes")
    _look(portal, webhook)
    assert [alert["state_after"] for alert in webhook.received] == ["error", "active", "error"]


def test_a_webhook_that_was_down_is_told_when_it_is_back(
    portal: StoredPortal, webhook: Webhook, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
):
    configure_logs()
    caplog.set_level(logging.DEBUG)
    _fail(portal)
    webhook.status = 500
    assert not _look(portal, webhook).webhook_answers
    away = Webhook(url=SecretStr(f"http://127.0.0.1:1{SECRET_PATH}"))
    _let_pass(portal, "15 seconds")
    assert not send_alerts(portal.database, away.url, runbook_url=_runbook_url).webhook_answers
    webhook.status = 200
    send_alerts(portal.database, webhook.url, runbook_url=_runbook_url)
    assert webhook.received == []  # its turn comes after a pause
    _let_pass(portal, "30 seconds")
    assert send_alerts(portal.database, webhook.url, runbook_url=_runbook_url) == Alerted(sent=1, webhook_answers=True)
    assert [alert["state_after"] for alert in webhook.received] == ["error"]
    said = capfd.readouterr()
    assert "alert not delivered" in said.err + said.out
    assert "secret-of-the-hook" not in said.err + said.out + caplog.text


def test_two_who_look_at_once_send_one_message(portal: StoredPortal, webhook: Webhook):
    _fail(portal)
    send_alerts(portal.database, webhook.url, runbook_url=_runbook_url)
    _let_pass(portal, "61 seconds")
    both_have_looked = threading.Barrier(2)

    def look() -> Alerted:
        both_have_looked.wait(timeout=20)
        return send_alerts(portal.database, webhook.url, runbook_url=_runbook_url)

    with ThreadPoolExecutor(2) as pool:
        looks = [pool.submit(look) for _ in range(2)]
        assert sorted(each.result().sent for each in looks) == [0, 1]
    assert len(webhook.received) == 1


def test_nothing_waits_for_a_slow_webhook(portal: StoredPortal, webhook: Webhook):
    def write_meanwhile() -> None:
        portal.execute("SET LOCAL lock_timeout = '1s'")
        portal.execute("UPDATE connectors SET sync_requested_at = now() WHERE id = :connector")
        portal.execute("UPDATE connector_alerts SET attempts = attempts WHERE connector_id = :connector")
        with portal.database.owner() as connection:
            idle = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"
            open_transactions.append(connection.execute(text(idle)).scalar_one())

    open_transactions: list[int] = []
    webhook.before_answer = write_meanwhile
    _fail(portal)
    assert _look(portal, webhook).sent == 1
    assert open_transactions == [0]


def test_a_message_holds_no_words_of_others_and_cannot_call_people(
    database: Database, caller: Caller, webhook: Webhook, portal: StoredPortal
):
    portal.execute(
        """UPDATE connectors
              SET last_error = jsonb_build_object('code', 'c', 'message', 'Jane Doe', 'hint', 'h', 'at', now())"""
    )
    with database.owner() as connection:
        connection.execute(text("UPDATE minds SET name = 'A <!channel> & B'"))
    _fail(portal)
    _look(portal, webhook)
    (alert,) = webhook.received
    assert alert["mind"] == "A <!channel> & B"
    assert "A &lt;!channel&gt; &amp; B" in alert["text"]
    assert "Jane Doe" not in json.dumps(alert)
    assert set(alert) == {
        "text", "connector", "mind", "state_before", "state_after", "since", "message", "what_to_do", "runbook",
    }  # fmt: skip


def test_a_connector_that_is_disconnected_is_out_of_trouble(portal: StoredPortal, webhook: Webhook):
    _fail(portal)
    _look(portal, webhook)
    portal.execute("UPDATE connectors SET status = 'inactive'")
    _look(portal, webhook)
    assert [alert["state_after"] for alert in webhook.received] == ["error", "inactive"]

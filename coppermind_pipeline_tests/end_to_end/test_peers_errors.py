"""What HubSpot and the network do wrong, through a whole sync: it heals, or fails typed and with true cursors."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
import stamina
from sqlalchemy import text

from coppermind_pipeline.accounts import local_caller
from coppermind_pipeline.connectors import status
from coppermind_pipeline.connectors.budgets import SharedBudgets
from coppermind_pipeline.errors import CoppermindError, NeedsPerson
from coppermind_pipeline.hubspot import Budget, PortalUnavailable, RateLimited
from coppermind_pipeline.sandbox import Fault
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import due_polls, link, normalize, poll_failed
from coppermind_pipeline_tests.sync.reconciled import Reconciling
from coppermind_pipeline_tests.unthrottled import unthrottled

PAGE = "<html><head><title>hubspot.com | 522</title></head><body>Connection timed out</body></html>"


@pytest.fixture
async def portal(database: Database, tmp_path: Path) -> AsyncIterator[Reconciling]:
    async with unthrottled(database, tmp_path) as portal:
        yield portal


# What the definitions, the owners and the account take, before the first record is asked for.
REFERENCE_REQUESTS = 7

PASSING = {
    "500": {"status": 500, "body": {"status": "error", "message": "internal error"}},
    "502 with a web page": {"status": 502, "body": PAGE},
    "503": {"status": 503, "body": {}},
    "504 without a body": {"status": 504, "body": ""},
    "521 of the edge": {"status": 521, "body": PAGE},
    "423 locked": {"status": 423, "body": {"message": "locked"}},
    "477 being moved": {"status": 477, "body": {"message": "migration in progress"}},
    "429 without a body": {"status": 429, "body": ""},
    "a connection that is dropped": {"action": "drop"},
    "an answer that is cut off": {"action": "truncate"},
    "a web page for an answer": {"status": 200, "body": PAGE},
    "JSON that is cut off": {"status": 200, "body": '{"total": 2, "results": [{"id"'},
    "JSON of another kind": {"status": 200, "body": {"ok": True}},
    "an answer that comes too late": {"delay_ms": 2_000},
}


# Those that differ by nothing but their status from one that is tried each time; and the one that takes its time.
SLOW = {"503", "504 without a body", "521 of the edge", "423 locked", "477 being moved", "JSON that is cut off"}
SLOW |= {"an answer that comes too late"}


@pytest.mark.parametrize("fault", [pytest.param(f, marks=pytest.mark.slow if f in SLOW else ()) for f in PASSING])
async def test_a_passing_fault_heals_or_fails_cleanly_and_the_next_sync_completes(portal: Reconciling, fault: str):
    if "delay_ms" in PASSING[fault]:
        portal = replace(portal, request_timeout_s=1.0)
    with stamina.set_testing(True, attempts=3, cap=True):
        for lasts_from in (REFERENCE_REQUESTS, REFERENCE_REQUESTS + 3):
            portal.portal.add_fault(Fault(path="/crm/", after=lasts_from, count=None, **PASSING[fault]))
            with pytest.raises((PortalUnavailable, RateLimited)):
                await portal.pull()
            portal.portal.clear_faults()
            portal.derive()
            assert_cursors_are_true(portal)

        for passes_from in (0, REFERENCE_REQUESTS, REFERENCE_REQUESTS + 5):
            portal.portal.add_fault(Fault(path="/crm/", after=passes_from, count=2, **PASSING[fault]))
        assert (await portal.pull()).complete
    portal.derive()
    portal.assert_equal()


def assert_cursors_are_true(portal: Reconciling) -> None:
    """Assert that whatever a cursor says is read, is stored."""
    truth = portal.portal.export()
    for cursor in portal.connected.rows("SELECT * FROM hubspot_cursors WHERE scan = 'backfill'"):
        stored = set(portal.live(cursor.object_type))
        for record_id, record in truth.live(cursor.object_type).items():
            in_window = record.modified_ms >= cursor.since.timestamp() * 1000
            if in_window and (cursor.completed_at is not None or int(record_id) <= cursor.last_id):
                assert record_id in stored, f"{cursor.object_type} {record_id}"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/search", {}),
        pytest.param("/search", {"Retry-After": "1"}, marks=pytest.mark.slow),
        ("/objects/.*/batch/read", {"Retry-After": "1"}),
        pytest.param("/associations/", {"Retry-After": "1"}, marks=pytest.mark.slow),
        pytest.param("/crm/properties", {}, marks=pytest.mark.slow),
    ],
)
async def test_a_storm_of_429s_is_waited_out(
    portal: Reconciling, path: str, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    body = {"status": "error", "message": "You have reached your limit.", "errorType": "RATE_LIMIT"}
    portal.portal.add_fault(Fault(path=path, after=1, count=2, status=429, body=body, headers=headers))
    turns = Turns(monkeypatch)
    assert (await portal.connected.pull()).complete
    budget = {"/search": Budget.SEARCH, "/associations/": Budget.ASSOCIATIONS}.get(path, Budget.GENERAL)
    wait_ms = 10_000 if path == "/crm/properties" else 1_000
    refused_ms = [request.at_ms for request in portal.portal.requests() if request.status == 429]
    for pause, at_ms in zip(turns.pauses, refused_ms, strict=True):
        assert pause.budget is budget
        assert pause.until.timestamp() * 1_000 >= at_ms + wait_ms
        lined_up_behind = [turn for turn in turns.taken if turn.budget is budget and turn.asked_at > pause.noted_at]
        assert lined_up_behind
        assert min(turn.came_at for turn in lined_up_behind) >= pause.until, "nobody goes on before the wait is over"
    normalize(portal.connected.database, portal.connected.connector)
    link(portal.connected.database, portal.connected.connector)
    portal.assert_equal()


class Pause(NamedTuple):
    budget: Budget
    noted_at: datetime
    until: datetime


class TakenTurn(NamedTuple):
    budget: Budget
    asked_at: datetime
    came_at: datetime


class Turns:
    """The turns that calls lined up for, and the pauses that refusals set: a call under way may still be answered."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.taken: list[TakenTurn] = []
        self.pauses: list[Pause] = []
        acquire, back_off = SharedBudgets.acquire, SharedBudgets.back_off

        async def noted_acquire(budgets: SharedBudgets, budget: Budget) -> Any:
            asked_at = datetime.now(UTC)
            turn = await acquire(budgets, budget)
            self.taken.append(TakenTurn(budget, asked_at, datetime.now(UTC)))
            return turn

        async def noted_back_off(budgets: SharedBudgets, budget: Budget, *, until: datetime) -> None:
            await back_off(budgets, budget, until=until)
            self.pauses.append(Pause(budget, datetime.now(UTC), until))

        monkeypatch.setattr(SharedBudgets, "acquire", noted_acquire)
        monkeypatch.setattr(SharedBudgets, "back_off", noted_back_off)


async def test_a_used_up_day_is_told_with_its_end_and_keeps_everybody_away_until_then(portal: Reconciling):
    connected = portal.connected
    portal.portal.set_daily_limit(12)
    with pytest.raises(RateLimited) as limited:
        await connected.pull()
    zone = ZoneInfo("US/Eastern")
    tomorrow = datetime.now(zone).date() + timedelta(days=1)
    assert limited.value.retry_at == datetime.combine(tomorrow, time(), zone)
    fail_poll(portal, limited.value)

    (shown,) = status(connected.database, local_caller(connected.database), now=datetime.now(UTC)).connectors
    assert shown.hubspot_diagnostics.operational_state == "rate_limited"
    an_hour_passes(portal)
    assert due(portal) == []
    portal.portal.clear_log()
    with pytest.raises(RateLimited):
        await connected.pull()
    assert len(portal.portal.requests()) <= 1, "budgets that were not yet refused may find out for themselves"

    portal.portal.set_daily_limit(None)
    with connected.database.owner() as connection:
        connection.execute(text("UPDATE rate_limit_states SET blocked_until = clock_timestamp()"))
        connection.execute(text("UPDATE hubspot_polls SET retry_at = clock_timestamp()"))
    an_hour_passes(portal)
    assert due(portal) == [connected.connector_id]
    assert (await connected.sync()).complete
    portal.assert_equal()
    (shown,) = status(connected.database, local_caller(connected.database), now=datetime.now(UTC)).connectors
    assert shown.hubspot_diagnostics.operational_state != "rate_limited"
    assert shown.hubspot_diagnostics.persistent_errors == ()


async def test_an_app_that_was_uninstalled_needs_a_person_and_keeps_what_was_read(portal: Reconciling):
    await portal.sync()
    before = portal.connected.rows("SELECT * FROM hubspot_crm_objects ORDER BY object_type, hubspot_id")
    portal.portal.uninstall()
    with pytest.raises(NeedsPerson) as revoked:
        await portal.sync()
    fail_poll(portal, revoked.value)
    connected = portal.connected
    (shown,) = status(connected.database, local_caller(connected.database), now=datetime.now(UTC)).connectors
    assert shown.hubspot_diagnostics.operational_state == "auth_error"
    portal.derive()
    assert connected.rows("SELECT * FROM hubspot_crm_objects ORDER BY object_type, hubspot_id") == before


def fail_poll(portal: Reconciling, error: CoppermindError) -> None:
    connector = portal.connected.connector
    with portal.connected.database.mind(connector.mind_id) as connection:
        poll_failed(connection, connector, error)


def an_hour_passes(portal: Reconciling) -> None:
    with portal.connected.database.owner() as connection:
        connection.execute(text("UPDATE hubspot_polls SET last_started_at = last_started_at - interval '1 hour'"))


def due(portal: Reconciling) -> list[str]:
    with portal.connected.database.scheduler() as connection:
        return [poll.connector_id for poll in due_polls(connection)]

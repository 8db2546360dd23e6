"""A portal's rate budgets, shared by every process that talks to it."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest
from sqlalchemy import text

from coppermind_pipeline.accounts import local_caller
from coppermind_pipeline.connectors import complete_authorization, connect, open_portal, request_sync
from coppermind_pipeline.connectors.budgets import LIMIT_MAX, SharedBudgets, waited_for_turns
from coppermind_pipeline.hubspot import Budget, RateLimited
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sandbox import Fault, RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import DuePoll, due_polls, failure_noted
from coppermind_pipeline_tests.connected import Connected, approve, settings_for

HUB_ID = 501


async def _calls(*budgets: SharedBudgets, budget: Budget, seconds: float) -> list[float]:
    """Make calls through all of the given as fast as they let us; return the moments at which they were let through."""
    moments: list[float] = []
    end = monotonic() + seconds

    async def collect(shared: SharedBudgets) -> None:
        while monotonic() < end:
            turn = await shared.acquire(budget)
            moments.append(monotonic())
            await turn.sent()

    await asyncio.gather(*(collect(shared) for shared in budgets for _ in range(3)))
    return sorted(moments)


def _calls_in_line(database: Database) -> int:
    with database.nobody() as connection:
        return connection.execute(text("SELECT calls FROM rate_limit_states")).scalar_one()


def _most_in_window(moments: list[float], window_s: float) -> int:
    return max(sum(1 for other in moments if 0 <= other - moment < window_s) for moment in moments)


@pytest.mark.slow
async def test_processes_share_a_portals_search_budget(database: Database, database_url: str, server_home: Path):
    other_process = Database(database_url, server_home)
    moments = await _calls(
        SharedBudgets(database, HUB_ID), SharedBudgets(other_process, HUB_ID), budget=Budget.SEARCH, seconds=3
    )
    other_process.dispose()
    assert _most_in_window(moments, 1.0) <= 5
    assert len(moments) >= 12, "the budget is used, too"


async def test_the_pace_stays_inside_what_a_portal_allows(database: Database, tmp_path: Path):
    with RunningSandbox(SandboxConfig(contacts=20, companies=0, deals=0)) as sandbox:
        connected = await Connected.create(database, settings_for(sandbox, tmp_path))
        async with open_portal(database, connected.settings, connected.connector) as client:
            for _ in range(12):
                await client.search(ObjectType.CONTACTS, limit=1)
        searches = [request for request in sandbox.control.requests() if request.path.endswith("/search")]
        assert [request.status for request in searches] == [200] * 12


@pytest.mark.slow
async def test_a_call_that_was_kept_from_its_turn_does_not_bunch_up_with_those_behind_it(database: Database):
    shared = SharedBudgets(database, HUB_ID)
    moments: list[float] = []
    third = asyncio.Event()

    async def call() -> None:
        turn = await shared.acquire(Budget.SEARCH)
        moments.append(monotonic())
        await turn.sent()
        if len(moments) == 3:
            third.set()

    waiting = [asyncio.create_task(call()) for _ in range(14)]
    await third.wait()
    busy_until = monotonic() + 0.5
    while monotonic() < busy_until:
        pass  # the whole event loop is busy, as while it reads a large answer: the turns of two calls pass
    await asyncio.gather(*waiting)
    assert _most_in_window(moments, 1.0) <= 5


async def test_a_call_that_goes_out_late_keeps_those_behind_it_at_a_distance_in_every_process(
    database: Database, database_url: str, server_home: Path
):
    other_process = Database(database_url, server_home)
    ours, theirs = SharedBudgets(database, HUB_ID), SharedBudgets(other_process, HUB_ID)
    turn = await ours.acquire(Budget.SEARCH)
    waiting = [asyncio.create_task(theirs.acquire(Budget.SEARCH)) for _ in range(5)]
    while _calls_in_line(database) < 6:  # noqa: ASYNC110 - the turns are taken in the database
        await asyncio.sleep(0)
    busy_until = monotonic() + 0.4
    while monotonic() < busy_until:
        pass
    sent_at = monotonic()
    await turn.sent()
    await asyncio.gather(*waiting)
    other_process.dispose()
    assert monotonic() - sent_at >= 1.0


async def test_an_answer_that_took_longer_than_others_keeps_calls_at_a_distance_too(database: Database):
    shared = SharedBudgets(database, HUB_ID)
    quick = await shared.acquire(Budget.SEARCH)
    await quick.sent()
    await quick.answered()
    slow = await shared.acquire(Budget.SEARCH)
    await slow.sent()
    sent_at = monotonic()
    while monotonic() < sent_at + 0.07:
        pass
    await slow.answered()  # perhaps HubSpot counted it only just now
    for _ in range(5):
        await shared.acquire(Budget.SEARCH)
    assert monotonic() - sent_at >= 1.07


@pytest.mark.slow
async def test_after_a_429_calls_keep_further_apart(database: Database):
    shared = SharedBudgets(database, HUB_ID)
    for _ in range(7):
        await shared.back_off(Budget.SEARCH, until=datetime.now(UTC))
    moments = await _calls(shared, budget=Budget.SEARCH, seconds=3)
    assert _most_in_window(moments, 1.12) <= 5
    assert len(moments) >= 10, "by a little"


async def test_how_long_calls_waited_is_in_the_books(database: Database):
    shared, waited_s = SharedBudgets(database, HUB_ID), 0.0
    for _ in range(6):
        asked_at = monotonic()
        await shared.acquire(Budget.SEARCH)
        waited_s += monotonic() - asked_at
    booked = waited_for_turns(database)
    assert 0.5 < booked.pop(Budget.SEARCH) <= waited_s
    assert booked == {Budget.ASSOCIATIONS: 0, Budget.GENERAL: 0}


async def test_each_portal_and_each_budget_has_its_own(database: Database):
    started = monotonic()
    for budget in Budget:
        for hub_id in (1, 2, 3):
            await SharedBudgets(database, hub_id).acquire(budget)
    assert monotonic() - started < 1


async def test_a_short_pause_holds_everybody_back_and_is_never_shortened(database: Database):
    ours, theirs = SharedBudgets(database, HUB_ID), SharedBudgets(database, HUB_ID)
    started = monotonic()
    await ours.back_off(Budget.GENERAL, until=datetime.now(UTC) + timedelta(seconds=0.8))
    await ours.back_off(Budget.GENERAL, until=datetime.now(UTC) + timedelta(seconds=0.1))
    await theirs.acquire(Budget.SEARCH)
    assert monotonic() - started < 0.5
    await theirs.acquire(Budget.GENERAL)
    assert monotonic() - started > 0.7


async def test_a_call_that_stands_in_line_heeds_a_pause_that_begins_meanwhile(database: Database):
    shared = SharedBudgets(database, HUB_ID)
    await shared.acquire(Budget.SEARCH)
    started = monotonic()
    waiting = asyncio.create_task(shared.acquire(Budget.SEARCH))
    while _calls_in_line(database) < 2:  # noqa: ASYNC110 - the turn is taken in the database
        await asyncio.sleep(0)
    await shared.back_off(Budget.SEARCH, until=datetime.now(UTC) + timedelta(seconds=0.8))
    await waiting
    assert monotonic() - started > 0.7


async def test_a_day_is_not_waited_for(database: Database):
    shared = SharedBudgets(database, HUB_ID)
    until = datetime.now(UTC) + timedelta(hours=9)
    await shared.back_off(Budget.GENERAL, until=until)
    with pytest.raises(RateLimited, match=r"pause until [0-9-]+ [0-9:]+ UTC") as limited:
        await SharedBudgets(database, HUB_ID).acquire(Budget.GENERAL)
    assert limited.value.retry_at is not None
    assert abs(limited.value.retry_at - until) < timedelta(seconds=5)


async def test_a_stated_limit_is_taken_over_by_everybody(database: Database):
    ours, theirs = SharedBudgets(database, HUB_ID), SharedBudgets(database, HUB_ID)
    await ours.observe(Budget.GENERAL, limit_max=20, remaining=19, interval_ms=1_000)
    await theirs.acquire(Budget.GENERAL)
    with database.nobody() as connection:
        assert connection.scalar(text("SELECT limit_calls FROM rate_limit_states")) == 200
    await theirs.observe(Budget.GENERAL, limit_max=None, remaining=0, interval_ms=None)
    with database.nobody() as connection:
        assert connection.scalar(text("SELECT limit_calls FROM rate_limit_states")) == 200


async def test_a_limit_that_no_column_holds_is_none(database: Database):
    shared = SharedBudgets(database, HUB_ID)
    await shared.observe(Budget.GENERAL, limit_max=999_999_999, remaining=0, interval_ms=1)
    await shared.acquire(Budget.GENERAL)
    with database.nobody() as connection:
        assert connection.scalar(text("SELECT limit_calls FROM rate_limit_states")) == LIMIT_MAX


async def test_a_person_who_asks_for_a_sync_has_a_paused_portal_asked_once(database: Database, tmp_path: Path):
    with RunningSandbox(SandboxConfig(contacts=5, companies=0, deals=0)) as sandbox:
        connected = await Connected.create(database, settings_for(sandbox, tmp_path))
        connector, caller = connected.connector, local_caller(database)
        sandbox.control.add_fault(
            Fault(path="/crm/|/account", status=429, headers={"Retry-After": "1000000000"}, count=None)
        )

        async def refused_after() -> int:
            sandbox.control.clear_log()
            with pytest.raises(RateLimited), failure_noted(database, connector):
                await connected.pull()
            return len(sandbox.control.requests())

        assert await refused_after() == 1
        assert await refused_after() == 0, "the portal is left alone"
        ((retry_at,),) = connected.rows("SELECT retry_at FROM hubspot_polls")
        assert retry_at <= datetime.now(UTC) + timedelta(days=1)
        for _ in range(2):
            request_sync(database, caller, connected.connector_id)
            assert len(_due(database)) == 1
            assert await refused_after() == 1
            assert await refused_after() == 0, "a new refusal pauses again"
        sandbox.control.clear_faults()
        request_sync(database, caller, connected.connector_id)
        assert (await connected.pull()).complete


def _due(database: Database) -> list[DuePoll]:
    with database.scheduler() as connection:
        return due_polls(connection)


async def test_a_fresh_approval_lifts_a_pause(database: Database, tmp_path: Path):
    with RunningSandbox(SandboxConfig(contacts=5, companies=0, deals=0)) as sandbox:
        connected = await Connected.create(database, settings_for(sandbox, tmp_path))
        hub_id = connected.connector.hub_id
        assert hub_id is not None
        shared = SharedBudgets(database, hub_id)
        for budget in Budget:
            await shared.back_off(budget, until=datetime.now(UTC) + timedelta(hours=20))
        made = connect(database, connected.settings, local_caller(database), mind="Acme", callback_listening=True)
        answer = approve(made.auth_url)
        await complete_authorization(database, connected.settings, state=answer["state"], code=answer["code"])
        assert (await connected.pull()).complete

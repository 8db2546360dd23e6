import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrate_limiter import GCRA

from coppermind_pipeline.hubspot import PAUSE_WAITED_MAX_S, Budget, LocalBudgets, RateLimited, paced

NOW = datetime(2026, 11, 24, tzinfo=UTC)


async def sending_times(budgets, budget, calls):
    times = []

    async def send():
        await budgets.acquire(budget)
        times.append(perf_counter())

    async with asyncio.TaskGroup() as group:
        for _ in range(calls):
            group.create_task(send())
    return times


@given(limit=st.integers(1, 300), window_ms=st.sampled_from([1_000, 10_000]), gaps=st.lists(st.integers(0, 300)))
def test_a_pace_keeps_inside_its_limit_in_every_window(limit, window_ms, gaps):
    rate, gcra = paced(limit, window_ms), GCRA()
    state, now, admitted = gcra.initial([rate]), 1_000_000, []
    # Whoever waits, waits exactly as long as told; idle time in between lets a burst gather.
    for gap in [*gaps, *[0] * (2 * limit)]:
        now += gap
        state, decision = gcra.step([rate], state, now, 1)
        if not decision.allowed:
            now += decision.retry_after_ms or 0
            state, decision = gcra.step([rate], state, now, 1)
        assert decision.allowed
        admitted.append(now)
    for first, beyond in zip(admitted, admitted[limit:], strict=False):
        assert beyond - first > window_ms


async def test_search_is_smooth_and_close_to_its_limit():
    times = await sending_times(LocalBudgets(), Budget.SEARCH, 8)
    assert all(later - earlier > 0.15 for earlier, later in pairwise(times))
    assert 7 / (times[-1] - times[0]) > 4.5


async def test_budgets_do_not_wait_for_each_other():
    budgets = LocalBudgets()
    await budgets.acquire(Budget.SEARCH)
    async with asyncio.timeout(0.1):
        await budgets.acquire(Budget.GENERAL)
        await budgets.acquire(Budget.ASSOCIATIONS)


async def test_a_pause_holds_back_everybody_in_line():
    budgets = LocalBudgets()
    started = perf_counter()
    await budgets.back_off(Budget.GENERAL, until=datetime.now(UTC) + timedelta(seconds=0.3))
    await budgets.back_off(Budget.GENERAL, until=datetime.now(UTC) + timedelta(seconds=0.1))
    times = await sending_times(budgets, Budget.GENERAL, 3)
    assert min(times) - started >= 0.29


async def test_a_long_pause_is_told_instead_of_waited_for_until_it_is_over():
    now = NOW
    budgets = LocalBudgets(clock=lambda: now)
    until = NOW + timedelta(seconds=PAUSE_WAITED_MAX_S + 1)
    await budgets.back_off(Budget.GENERAL, until=until)
    with pytest.raises(RateLimited) as paused:
        await budgets.acquire(Budget.GENERAL)
    assert paused.value.retry_at == until
    now = until
    await budgets.acquire(Budget.GENERAL)


async def test_a_stated_limit_is_taken_over():
    budgets = LocalBudgets()
    await budgets.observe(Budget.GENERAL, limit_max=4, remaining=4, interval_ms=400)
    times = await sending_times(budgets, Budget.GENERAL, 6)
    assert 0.45 < times[-1] - times[0] < 2

"""Whatever happens to a portal while it is read, and wherever the reading is cut, the store ends up equal to it.

Each history is drawn from its seed: edits, creations, archives, merges, erasures and changed links, also between the
requests of a scan that runs; an index that lags; syncs, walks and re-reads cut by an error at any request, or by their
time being up. Then the index catches up, and one sync, one reconciliation and one re-read follow. The CRM as it was
after each step is the same, too, whether the store stands for what has not changed since or not.
"""

import gc
import math
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from coppermind_pipeline.hubspot import SentRequest
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.end_to_end.histories import History
from coppermind_pipeline_tests.sync.earlier_times import assert_earlier_times_agree
from coppermind_pipeline_tests.sync.reconciled import AT_ONCE, LATER, Reconciling

# The HTTP library leaves a socket to the garbage collector where a request is cancelled while its connection opens.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

HISTORIES_PER_TEST = 25

INDEX_DELAY_MAX_MS = 25 * 60_000
# HubSpot's index has been seen to lag by an hour at most.
INDEX_CAUGHT_UP_MS = 60 * 60_000


class Cut(Exception):
    """The process ended here, as far as the portal is concerned."""


@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 15))])
async def test_the_store_ends_up_equal_to_the_portal(database: Database, tmp_path: Path, seed: int):
    await live_through(database, tmp_path, seed)
    gc.collect()


@pytest.mark.soak
@pytest.mark.parametrize("first_seed", range(1_000, 1_500, HISTORIES_PER_TEST))
async def test_the_store_ends_up_equal_to_the_portal_after_any_of_many_histories(
    database: Database, tmp_path: Path, first_seed: int
):
    for seed in range(first_seed, first_seed + HISTORIES_PER_TEST):
        await live_through(database, tmp_path, seed)
    gc.collect()


async def live_through(database: Database, home: Path, seed: int) -> None:
    random = Random(seed)
    config = SandboxConfig(
        seed=seed,
        contacts=random.randrange(5, 40),
        companies=random.randrange(3, 12),
        deals=random.randrange(3, 20),
        definitions_per_type=50,
        limits=False,
    )
    with RunningSandbox(config) as sandbox, pytest.MonkeyPatch.context() as patched:
        # In so small a portal, large pages are never followed by another, and no window is worth two walks.
        patched.setattr("coppermind_pipeline.sync.pulling.scan.SEARCH_PAGE_RECORDS_MAX", random.choice((3, 7, 200)))
        patched.setattr("coppermind_pipeline.sync.pulling.scan.FROM_BOTH_ENDS_RECORDS", 1)
        patched.setattr("coppermind_pipeline.sync.pulling.scan.FROM_THE_MIDDLE_RECORDS", 1)
        patched.setattr("coppermind_pipeline.hubspot.client.WAITED_S", math.inf)
        connected = await Connected.create(database, settings_for(sandbox, home), mind=f"Seed {seed}")
        portal, history = Reconciling(connected, sandbox), History(sandbox.control, random)
        sandbox.control.set_switches(**_switches(random))
        try:
            times: list[datetime] = []
            for _ in range(random.randrange(1, 5)):
                await _one_step(portal, history)
                times.append(datetime.now(UTC))
                assert_earlier_times_agree(database, connected.connector.id, times)
            await _come_to_rest(portal, history)
            portal.assert_equal()
            assert_earlier_times_agree(database, connected.connector.id, times)
        except Exception:
            print(f"seed {seed}", *history.done, sep="\n  ")  # noqa: T201 - shown by pytest on failure
            raise


def _switches(random: Random) -> dict[str, Any]:
    delay_ms = random.choice((0, 60_000, INDEX_DELAY_MAX_MS))
    return {
        "index_delay_ms": delay_ms,
        "index_jitter_ms": delay_ms // 2,
        "merge_keeps_id": random.random() < 0.3,
        "merged_ids_archived": random.random() < 0.3,
        "unset_as_null": random.random() < 0.5,
        "association_page": random.choice((1, 500)),
        "id_order": random.choice(("number", "number", "number", "text_sort")),
        "short_pages": random.random() < 0.2,
        "batch_reversed": random.random() < 0.5,
    }


async def _one_step(portal: Reconciling, history: History) -> None:
    """Let things happen; meanwhile sync, walk or re-read, up to the end or up to a cut."""
    random = history.random
    for _ in range(random.randrange(4)):
        history.happen()
    work = random.choice(("pull", "pull", "reconcile", "reread", "derive", "wait"))
    history.done.append(f"-- {work}")
    if work == "derive":
        portal.derive()
    elif work == "wait":
        portal.portal.advance_clock(random.randrange(INDEX_DELAY_MAX_MS))
    else:
        try:
            await _cut_short(portal, history, work)
        except Cut:
            history.done.append("-- cut")


async def _cut_short(portal: Reconciling, history: History, work: str) -> None:
    random = history.random
    happens, ends_slice = random.choice((0, 0.2, 0.6)), random.choice((0, 0.3))
    cut_in = random.choice((None, random.randrange(1, 30)))
    requests = 0

    def on_request(_: SentRequest) -> None:
        nonlocal requests
        requests += 1
        if requests == cut_in:
            raise Cut
        if random.random() < happens:
            history.happen()

    def time_is_up() -> bool:
        return random.random() < ends_slice

    if work == "pull":
        await portal.pull(time_is_up=time_is_up, on_request=on_request)
    elif work == "reconcile":
        await portal.reconcile(time_is_up=time_is_up, on_request=on_request)
    else:
        await portal.reread(time_is_up=time_is_up, on_request=on_request)
    if random.random() < 0.5:
        portal.derive()


async def _come_to_rest(portal: Reconciling, history: History) -> None:
    history.done.append("-- the index catches up")
    portal.portal.advance_clock(INDEX_CAUGHT_UP_MS)
    # What was begun and cut saw another portal; it ends before the one that counts begins.
    await portal.reconcile(every=LATER)
    await portal.reread(every=LATER)
    assert (await portal.sync()).complete
    assert (await portal.reconcile(every=AT_ONCE)).complete
    assert (await portal.reread(every=AT_ONCE)).complete

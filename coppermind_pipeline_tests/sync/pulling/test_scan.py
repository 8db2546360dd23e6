"""A scan of a portal of HubSpot's kind ends complete, whatever goes on in the portal meanwhile."""

import math
from collections.abc import Iterable, Iterator
from itertools import cycle
from typing import Any

import pytest

from coppermind_pipeline.hubspot import SCOPES, SentRequest
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.sync.pulling.position import Position
from coppermind_pipeline_tests.sync.pulling.scanning import PAGE, SINCE_MS, Scanned, scan


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=0, companies=0, deals=0, limits=False)) as running:
        yield running


@pytest.fixture
def hub_id(sandbox: RunningSandbox) -> int:
    """An empty portal of the test's own."""
    return sandbox.control.create_portal(contacts=0, companies=0, deals=0)


def put_contacts(sandbox: RunningSandbox, hub_id: int, ids: Iterable[int], *, modified_ms: int = SINCE_MS) -> None:
    for record_id in ids:
        sandbox.control.create("contacts", {}, record_id=record_id, at_ms=modified_ms, hub_id=hub_id)


async def scan_sandbox(sandbox: RunningSandbox, hub_id: int, **options: Any) -> Scanned:
    token = sandbox.control.issue_token(("oauth", *SCOPES), hub_id=hub_id)
    return await scan(sandbox.url, token=token.access_token, **options)


async def test_ids_of_four_and_twelve_digits_sorted_as_numbers_take_one_search_a_page(
    sandbox: RunningSandbox, hub_id: int
):
    ids = {*range(1_001, 1_301), *range(100_000_000_001, 100_000_000_301)}
    put_contacts(sandbox, hub_id, ids)
    done = await scan_sandbox(sandbox, hub_id)
    assert sorted(done.ids) == sorted(ids)
    assert (done.searches, done.lists) == (3, 0)


@pytest.mark.parametrize("id_order", ["text_sort", "text"])
async def test_ids_of_four_and_twelve_digits_sorted_as_text_end_in_the_list(
    sandbox: RunningSandbox, hub_id: int, id_order: str
):
    ids = {*range(1_001, 1_301), *range(100_000_000_001, 100_000_000_301)}
    put_contacts(sandbox, hub_id, ids)
    sandbox.control.set_switches(hub_id=hub_id, id_order=id_order)
    done = await scan_sandbox(sandbox, hub_id)
    assert sorted(done.ids) == sorted(ids)
    assert done.lists == 6
    assert done.pages[-1].is_last


@pytest.mark.parametrize("id_order", ["text_sort", "text"])
async def test_a_text_order_that_looks_right_on_every_page_is_noticed(
    sandbox: RunningSandbox, hub_id: int, id_order: str
):
    """999 sorts behind the page that holds 1000000 to 1000199, and is not above it."""
    ids = {999, *range(1_000_000, 1_000_000 + PAGE)}
    put_contacts(sandbox, hub_id, ids)
    sandbox.control.set_switches(hub_id=hub_id, id_order=id_order)
    done = await scan_sandbox(sandbox, hub_id)
    assert sorted(done.ids) == sorted(ids)


async def test_short_pages_that_ascend_are_read_without_listing(sandbox: RunningSandbox, hub_id: int):
    ids = range(1_001, 1_451)
    put_contacts(sandbox, hub_id, ids)
    sandbox.control.set_switches(hub_id=hub_id, short_pages=True)
    done = await scan_sandbox(sandbox, hub_id)
    assert done.ids == list(ids)
    assert done.lists == 0


async def test_empty_pages_with_a_cursor_end_in_the_list(sandbox: RunningSandbox, hub_id: int):
    ids = range(1_001, 1_251)
    put_contacts(sandbox, hub_id, ids)
    sandbox.control.set_switches(hub_id=hub_id, empty_pages=True)
    done = await scan_sandbox(sandbox, hub_id)
    assert done.ids == list(ids)
    assert (done.searches, done.lists) == (1, 3)


async def test_the_list_is_asked_for_in_short_urls_and_filtered_by_the_window(sandbox: RunningSandbox, hub_id: int):
    put_contacts(sandbox, hub_id, range(1_001, 1_151))
    put_contacts(sandbox, hub_id, range(2_001, 2_151), modified_ms=SINCE_MS - 1)
    done = await scan_sandbox(sandbox, hub_id, start=Position(by_list=True))
    assert done.ids == list(range(1_001, 1_151))
    assert (done.searches, done.lists) == (0, 3)


@pytest.mark.slow
async def test_what_is_archived_meanwhile_does_not_throw_the_scan_off_its_order(sandbox: RunningSandbox, hub_id: int):
    put_contacts(sandbox, hub_id, range(1_001, 2_001))
    archived = iter(range(2_000, 1_900, -10))

    def archive_one(_: SentRequest) -> None:
        sandbox.control.archive("contacts", [next(archived)], hub_id=hub_id)

    done = await scan_sandbox(sandbox, hub_id, on_request=archive_one)
    live = sandbox.control.export(hub_id=hub_id).live("contacts")
    assert set(done.ids) >= {int(record_id) for record_id in live}
    assert done.lists == 0


async def test_what_is_created_and_edited_meanwhile_above_the_cursor_is_brought(sandbox: RunningSandbox, hub_id: int):
    put_contacts(sandbox, hub_id, range(1_001, 1_601))
    put_contacts(sandbox, hub_id, range(5_001, 5_011), modified_ms=SINCE_MS - 1)
    edited = iter(range(5_001, 5_011))
    born: list[int] = []

    def happen(_: SentRequest) -> None:
        sandbox.control.edit("contacts", [next(edited)], {"city": "Utrecht"}, hub_id=hub_id)
        born.append(int(sandbox.control.create("contacts", {}, hub_id=hub_id)))

    done = await scan_sandbox(sandbox, hub_id, on_request=happen)
    assert done.lists == 0
    assert set(done.ids) >= {*range(1_001, 1_601), 5_001, 5_002, *born[:2]}
    assert len(done.ids) == len(set(done.ids))


@pytest.mark.slow
async def test_cut_after_any_page_it_goes_on_behind_it(sandbox: RunningSandbox, hub_id: int):
    put_contacts(sandbox, hub_id, range(1_001, 2_101))
    position, ids, slices = Position(), [], 0
    while True:
        part = await scan_sandbox(sandbox, hub_id, start=position, until=lambda _: True)
        ids += part.ids
        slices += 1
        position = part.pages[-1].position
        if part.pages[-1].is_last:
            break
    assert ids == list(range(1_001, 2_101))
    assert slices == 6


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a thousand records be a window that is worth reading from both ends."""
    monkeypatch.setattr("coppermind_pipeline.sync.pulling.scan.FROM_BOTH_ENDS_RECORDS", 1_000)


@pytest.mark.usefixtures("large")
async def test_a_large_window_is_read_from_both_ends_each_record_once(sandbox: RunningSandbox, hub_id: int):
    ids = {*range(1_001, 1_901), *range(100_000_000_001, 100_000_000_301)}
    put_contacts(sandbox, hub_id, ids)
    done = await scan_sandbox(sandbox, hub_id)
    assert sorted(done.ids) == sorted(ids)
    assert any(page.position.first_id for page in done.pages)
    # A page each, and the one with which each of the two learns that they have met.
    assert done.searches <= 6 + 3
    assert [page.total for page in done.pages if page.total] == [1_200, 1_200]
    assert [page.is_last for page in done.pages].index(True) == len(done.pages) - 1


@pytest.fixture
def very_large(large: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is left of it, if it is a thousand records, be read from the middle too, on however busy a machine."""
    monkeypatch.setattr("coppermind_pipeline.sync.pulling.scan.FROM_THE_MIDDLE_RECORDS", 1_000)
    monkeypatch.setattr("coppermind_pipeline.hubspot.client.WAITED_S", math.inf)


@pytest.mark.usefixtures("very_large")
@pytest.mark.parametrize("gap", [0, 100_000_000_000, 4])
async def test_a_very_large_window_is_read_from_its_middle_too_each_record_once(
    sandbox: RunningSandbox, hub_id: int, gap: int
):
    ids = {*range(1_001, 1_901), *range(1_901 + gap, 4_001 + gap)}
    put_contacts(sandbox, hub_id, ids)
    done = await scan_sandbox(sandbox, hub_id)
    assert sorted(done.ids) == sorted(ids)
    assert len(done.ids) == len(ids)
    assert any(page.position.middle for page in done.pages)
    # A page each, and those of the fronts that have met, or of a middle that lies below all others.
    assert done.searches <= 15 + 15
    assert done.lists == 0
    assert [page.is_last for page in done.pages].index(True) == len(done.pages) - 1


@pytest.mark.usefixtures("very_large")
async def test_a_window_is_not_read_from_its_middle_where_searches_wait_for_their_turns_anyway(
    sandbox: RunningSandbox, hub_id: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("coppermind_pipeline.hubspot.client.WAITED_S", 0.0)
    put_contacts(sandbox, hub_id, set(range(1_001, 4_001)))
    done = await scan_sandbox(sandbox, hub_id)
    assert sorted(done.ids) == list(range(1_001, 4_001))
    assert not any(page.position.middle for page in done.pages)
    assert done.searches <= 15 + 3


@pytest.mark.slow
@pytest.mark.usefixtures("very_large")
async def test_a_very_large_window_cut_after_any_page_is_read_on_from_where_it_stood(
    sandbox: RunningSandbox, hub_id: int
):
    put_contacts(sandbox, hub_id, range(1_001, 5_001))
    for pages in range(1, 8):
        position, ids = Position(), []
        while True:
            left = cycle(range(pages))
            next(left)
            part = await scan_sandbox(sandbox, hub_id, start=position, until=lambda _, left=left: next(left) == 0)
            ids += part.ids
            position = part.pages[-1].position
            if part.pages[-1].is_last:
                break
        assert sorted(ids) == list(range(1_001, 5_001))


@pytest.mark.slow
@pytest.mark.usefixtures("large")
async def test_a_large_window_cut_after_any_page_is_read_on_from_both_ends(sandbox: RunningSandbox, hub_id: int):
    put_contacts(sandbox, hub_id, range(1_001, 3_001))
    position, ids = Position(), []
    while True:
        part = await scan_sandbox(sandbox, hub_id, start=position, until=lambda _: True)
        ids += part.ids
        position = part.pages[-1].position
        if part.pages[-1].is_last:
            break
    assert sorted(ids) == list(range(1_001, 3_001))
    part = await scan_sandbox(sandbox, hub_id, start=Position(last_id=1_600, first_id=2_401))
    assert sorted(part.ids) == list(range(1_601, 2_401))


@pytest.mark.slow
@pytest.mark.usefixtures("large")
async def test_what_goes_on_between_the_two_ends_of_a_large_window_is_brought(sandbox: RunningSandbox, hub_id: int):
    put_contacts(sandbox, hub_id, range(1_001, 2_401))
    put_contacts(sandbox, hub_id, range(2_401, 2_411), modified_ms=SINCE_MS - 1)
    archived, edited = iter(range(1_100, 2_400, 90)), cycle(range(2_401, 2_411))

    def happen(_: SentRequest) -> None:
        sandbox.control.archive("contacts", [next(archived)], hub_id=hub_id)
        sandbox.control.edit("contacts", [next(edited)], {"city": "Utrecht"}, hub_id=hub_id)

    done = await scan_sandbox(sandbox, hub_id, on_request=happen)
    live = {int(record_id) for record_id in sandbox.control.export(hub_id=hub_id).live("contacts")}
    assert set(done.ids) >= {record_id for record_id in live if record_id <= 2_400}
    assert done.lists == 0
    assert len(done.ids) == len(set(done.ids))


@pytest.mark.usefixtures("large")
async def test_contacts_are_asked_for_by_the_date_that_search_knows_of_them(sandbox: RunningSandbox, hub_id: int):
    put_contacts(sandbox, hub_id, [1_001])
    sandbox.control.create("companies", {}, at_ms=SINCE_MS, hub_id=hub_id)
    for object_type in (ObjectType.CONTACTS, ObjectType.COMPANIES):
        done = await scan_sandbox(sandbox, hub_id, object_type=object_type)
        assert len(done.ids) == 1

"""A sync brings what the portal holds, once, and nothing else; cut anywhere, it goes on from there."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from coppermind_pipeline.connectors import open_portal
from coppermind_pipeline.hubspot import HubSpotClient, ScopeMissing
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sandbox import Fault, RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import SyncContext, link, normalize, pull
from coppermind_pipeline.sync.pulling import pages
from coppermind_pipeline_tests.connected import Connected, settings_for


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=600, companies=150, deals=250, limits=False)) as running:
        yield running


@pytest.fixture
async def connected(database: Database, sandbox: RunningSandbox, tmp_path: Path) -> Connected:
    return await Connected.create(database, settings_for(sandbox, tmp_path))


def assert_store_equals_portal(connected: Connected, sandbox: RunningSandbox) -> None:
    """Assert that each live record of the window, and each one that a stored deal is linked to, is stored as it is."""
    state = sandbox.control.export()
    ((since,),) = connected.rows("SELECT since FROM hubspot_backfills")
    live = {(t.value, r.id): r for t in ObjectType for r in state.live(t.value).values()}
    window = {key for key, record in live.items() if record.modified_ms >= since.timestamp() * 1000}
    deals = {record_id for object_type, record_id in window if object_type == "deals"}
    links = {
        (link.from_id, link.to_type, link.to_id)
        for link in state.links
        if link.from_type == "deals" and link.from_id in deals and (link.to_type, link.to_id) in live
    }
    referenced = {(to_type, to_id) for _, to_type, to_id in links}

    stored = {
        (row.object_type, row.hubspot_id): row
        for row in connected.rows("SELECT * FROM hubspot_crm_objects WHERE archived_at IS NULL")
    }
    assert set(stored) == window | referenced
    assert {key for key, row in stored.items() if row.referenced_only} == referenced - window
    for key, row in stored.items():
        assert row.properties == live[key].properties
    stored_links = connected.rows("SELECT from_id, to_type, to_id FROM hubspot_associations WHERE valid_to IS NULL")
    assert {tuple(row) for row in stored_links} == links


async def test_a_sync_brings_the_window_and_what_its_deals_are_linked_to(connected: Connected, sandbox: RunningSandbox):
    pulled = await connected.sync()
    assert pulled.complete
    assert_store_equals_portal(connected, sandbox)


async def test_searches_go_on_while_the_last_deals_are_read_in_full(connected: Connected, sandbox: RunningSandbox):
    sandbox.control.add_fault(Fault(path="deals/batch/read", delay_ms=2_000, count=None))
    await connected.pull()
    searched = min(request.at_ms for request in sandbox.control.requests(path="contacts/search"))
    assert searched < max(read.at_ms for read in sandbox.control.requests(path="deals/batch/read"))


async def test_a_second_sync_reads_nothing_again_and_writes_nothing(connected: Connected):
    await connected.sync()
    everything = "SELECT *, xmin FROM hubspot_crm_objects ORDER BY object_type, hubspot_id"
    versions = "SELECT *, xmin FROM hubspot_raw_records ORDER BY object_type, hubspot_id, version"
    before = connected.rows(everything), connected.rows(versions)
    again = await connected.sync()
    assert again.complete
    assert sum(again.read.values()) == 0
    assert (connected.rows(everything), connected.rows(versions)) == before


@pytest.mark.slow
async def test_a_backfill_cut_after_every_page_ends_in_the_same_store(connected: Connected, sandbox: RunningSandbox):
    slices = 0
    while not (await connected.pull(time_is_up=lambda: True)).complete:
        slices += 1
    assert slices >= 2
    normalize(connected.database, connected.connector)
    link(connected.database, connected.connector)
    assert_store_equals_portal(connected, sandbox)
    assert connected.rows("SELECT completed_at FROM hubspot_backfills")[0].completed_at is not None


@pytest.mark.slow
@pytest.mark.parametrize("requests_before_the_fault", [1, 5, 9, 13])
async def test_a_portal_that_fails_in_the_middle_loses_nothing(
    connected: Connected, sandbox: RunningSandbox, requests_before_the_fault: int
):
    refusal = {"status": "error", "category": "MISSING_SCOPES", "message": "no longer"}
    sandbox.control.add_fault(
        Fault(path="/crm/objects/", status=403, body=refusal, after=requests_before_the_fault, count=None)
    )
    with pytest.raises(ScopeMissing):
        await connected.pull()
    sandbox.control.clear_faults()
    await connected.sync()
    assert_store_equals_portal(connected, sandbox)


async def test_a_pull_that_fails_while_a_page_is_written_leaves_nothing_to_be_committed_later(
    connected: Connected, monkeypatch: pytest.MonkeyPatch
):
    writing, may_go_on, failing = Event(), Event(), asyncio.Event()
    search, store = HubSpotClient.search, pages._store

    async def search_companies_alone(client, object_type, **asked):
        if object_type == ObjectType.COMPANIES:
            return await search(client, object_type, **asked)
        await asyncio.to_thread(writing.wait, 30)
        failing.set()
        raise ScopeMissing("no contacts")

    def store_when_told(*arguments):
        writing.set()
        assert may_go_on.wait(30)
        store(*arguments)

    monkeypatch.setattr(HubSpotClient, "search", search_companies_alone)
    monkeypatch.setattr(pages, "_store", store_when_told)
    async with open_portal(connected.database, connected.settings, connected.connector) as client:
        context = SyncContext(connected.database, connected.connector, client)
        types = {ObjectType.CONTACTS, ObjectType.COMPANIES}
        pulling = asyncio.create_task(pull(context, types=types, time_is_up=lambda: False))
        async with asyncio.timeout(60):
            await failing.wait()
        for _ in range(50):  # more often than anything of it takes that waits for nothing
            await asyncio.sleep(0)
        returned_before = pulling.done()
        may_go_on.set()
        with pytest.raises(ScopeMissing):
            await pulling
        stored = connected.rows("SELECT count(*) AS n FROM hubspot_raw_records")[0].n
    assert not returned_before
    assert stored > 0


async def test_what_changed_arrives_with_the_next_sync(connected: Connected, sandbox: RunningSandbox):
    await connected.sync()
    portal = sandbox.control
    state = portal.export()
    deal, contact = next(iter(state.live("deals"))), next(iter(state.live("contacts")))
    born = portal.create("contacts", {"email": "new@customer.example", "firstname": "New"})
    portal.edit("deals", [deal], {"amount": "123456.78"})
    portal.edit("contacts", [contact], {"city": "Utrecht"})
    portal.associate(("deals", deal), ("contacts", born))
    before = connected.rows("SELECT count(*) FROM hubspot_raw_records")
    sandbox.control.clear_log()
    await connected.sync()
    assert connected.rows("SELECT count(*) - 3 FROM hubspot_raw_records") == before
    assert (
        len(sandbox.control.requests(path="/crm/objects/2026-09/contacts/batch/read")) == 1
    )  # the scan and the deal's link share it
    assert_store_equals_portal(connected, sandbox)

"""The cases that broke a HubSpot connector somewhere, one by one, and where each is tested.

| case | what broke | tested by |
| --- | --- | --- |
| I1 | a window of more than 10,000 changes | `end_to_end/test_peers_big_scans.py` |
| I2 | more than 10,000 changes with one timestamp | `end_to_end/test_peers_big_scans.py` |
| I3, I4 | records missing, and nobody notices or says which | `test_reconciliation.py` (drift and its ids) |
| I5 | a change that search shows late | `test_a_change_that_search_shows_late_is_read` |
| I6, I7 | links made, relabelled and removed without a date | `test_reread.py` |
| I8 | contacts' own modified date | `test_scan.py` (the date that search knows of them) |
| I9 | archived, restored and purged records | `test_reconciliation.py` |
| I10 | archived owners; both lists answer both | `test_owners_who_left_keep_their_names` |
| I11 | all is lost when a first sync fails | `test_a_sync_that_breaks_off_…`, `end_to_end/test_killed_sync.py` |
| I12 | 1,200 properties with long names | `test_long_names_of_many_properties_fit_every_request` |
| I13 | formulas move no date | `test_reread.py` |
| I14 | rows out of order or outside the window | `test_scan.py` |
| I15 | properties grow between runs | `test_properties_that_grow_between_two_syncs` |
| I16, I22, R7 | what did not change is read again | `test_a_sync_of_an_unchanged_portal_reads_ids_alone` |
| I17, I21 | merged records stay, and count twice | `test_reconciliation.py` |
| I18 | flags that are true, false or nothing | `test_a_flag_that_says_nothing_is_not_a_false_one` |
| I19 | a removed stage loses its label | `test_a_removed_stage_keeps_its_label` |
| I20 | purged records | `test_reconciliation.py` |
| I23, I24, I26, I27 | the same memory twice, speed, erasure, no LLM | the memories' own tests: `memories/` |
| I25 | a query that forgets the mind | `store/test_isolation.py`, for memories too |
| I28 | no estimate of the time left | `connectors/status/test_status.py` (backfill progress) |
| I29 | an edited pipeline bumps every deal, 429 mid-page | `test_progress_is_kept_where_the_limit_strikes_…` |
| I30 | short and empty pages with a cursor; ids sorted as text | `test_scan.py` |
| R1 | history of properties read in part | not ours: values' history is not read, the raw log keeps versions |
| R2 | pages shift when a record is edited meanwhile | `test_records_edited_and_created_…`, `test_scan.py` |
| R3 | links beyond one answer are cut off | `test_reread.py` (more contacts than an answer holds) |
| R4 | a failed answer about links means none | `test_reread.py` |
| R5 | things keyed by label or time overwrite each other | `test_what_has_the_same_label_stays_apart` |
| R6 | a second portal in one process starts at the first one's cursor | `test_two_portals_in_one_process_…` |
| R8 | a property added later stays empty on old rows | `test_reread.py` |
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import stamina

from coppermind_pipeline.hubspot import RateLimited, SentRequest
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sandbox import Fault
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync.pulling.pages import PAGES_AHEAD_MAX, PAGES_WRITTEN_MAX
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.sync.reconciled import Reconciling
from coppermind_pipeline_tests.unthrottled import unthrottled

MINUTE_MS = 60_000


@pytest.fixture
async def portal(database: Database, tmp_path: Path) -> AsyncIterator[Reconciling]:
    async with unthrottled(database, tmp_path) as portal:
        yield portal


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many pages out of few records."""
    monkeypatch.setattr("coppermind_pipeline.sync.pulling.scan.SEARCH_PAGE_RECORDS_MAX", 20)


@pytest.mark.parametrize("minutes_ago", [0, 50])
async def test_a_change_that_search_shows_late_is_read(portal: Reconciling, minutes_ago: int):
    await portal.sync()
    await portal.sync()
    portal.portal.set_switches(index_delay_ms=10 * MINUTE_MS)
    contact = portal.live("contacts")[0]
    changed_at_ms = portal.portal.now_ms() - minutes_ago * MINUTE_MS
    portal.portal.edit("contacts", [contact], {"city": "Utrecht"}, at_ms=changed_at_ms)
    assert sum((await portal.sync()).read.values()) == 0
    portal.portal.advance_clock(11 * MINUTE_MS)
    assert (await portal.sync()).read[ObjectType.CONTACTS] == 1
    portal.assert_equal()


@pytest.mark.usefixtures("small_pages")
async def test_records_edited_and_created_between_pages_are_read_once_the_next_sync_is_done(portal: Reconciling):
    contacts = sorted(portal.portal.export().live("contacts"), key=int)
    edited = iter(contacts * 3)

    def happen(_: SentRequest) -> None:
        portal.portal.edit("contacts", [next(edited)], {"city": "Utrecht"})
        portal.portal.create("contacts", {"firstname": "Late"})

    assert (await portal.pull(on_request=happen)).complete
    portal.derive()
    await portal.sync()
    portal.assert_equal()


async def test_a_sync_of_an_unchanged_portal_reads_ids_alone(portal: Reconciling):
    await portal.sync()
    portal.portal.clear_log()
    await portal.sync()
    asked = [request.path for request in portal.portal.requests(path="/crm/objects") if request.budget != "search"]
    linked = portal.portal.requests(path="associations")
    assert (asked, linked) == ([], [])
    assert len(portal.portal.requests(path="/search")) == 3


class Cut(Exception):
    """The process ended here, as far as the portal is concerned."""


@pytest.mark.usefixtures("small_pages")
async def test_a_sync_that_breaks_off_again_and_again_reads_no_more_twice_than_was_in_flight(
    database: Database, tmp_path: Path
):
    # Pages of 20; one more waits to be put with those read ahead.
    in_flight_max = (PAGES_AHEAD_MAX + PAGES_WRITTEN_MAX + 1) * 20
    async with unthrottled(database, tmp_path, contacts=600, companies=0, deals=0) as portal:
        runs = 0
        while True:
            runs += 1
            try:
                await _pull_cut_after(portal, 24)
            except Cut:
                continue
            break
        hydrated = sum(request.records for request in portal.portal.requests(path="contacts/batch/read"))
        assert runs >= 3
        in_window = len(portal.connected.rows("SELECT FROM hubspot_raw_records"))
        assert in_window <= hydrated <= in_window + (runs - 1) * in_flight_max
        portal.derive()
        portal.assert_equal()


async def _pull_cut_after(portal: Reconciling, requests_max: int) -> None:
    requests = 0

    def count(_: SentRequest) -> None:
        nonlocal requests
        requests += 1
        if requests == requests_max:
            raise Cut

    await portal.pull(on_request=count)


@pytest.mark.slow
@pytest.mark.usefixtures("small_pages")
async def test_progress_is_kept_where_the_limit_strikes_in_every_sync_of_a_mass_bump(
    database: Database, tmp_path: Path
):
    async with unthrottled(database, tmp_path, contacts=0, companies=0, deals=200) as portal:
        await portal.sync()
        pipelines = portal.portal.export().pipelines["deals"]
        portal.portal.set_stage(pipelines[0]["id"], pipelines[0]["stages"][0]["id"], label="Renamed")
        portal.portal.edit("deals", None, {"hs_next_step": "Call"})
        runs = 0
        for _ in range(10):
            runs += 1
            portal.portal.clear_faults()
            portal.portal.add_fault(Fault(path="deals/search", after=7, count=None, status=429, body={}))
            try:
                with stamina.set_testing(True, attempts=2, cap=True):
                    await portal.pull()
            except RateLimited:
                continue
            break
        assert 2 <= runs < 10
        portal.derive()
        portal.assert_equal()


@pytest.mark.slow
async def test_long_names_of_many_properties_fit_every_request(database: Database, tmp_path: Path):
    async with unthrottled(database, tmp_path, contacts=120, companies=5, deals=5) as portal:
        _define(portal, "contacts", 1_200)
        # HubSpot's guide limits a search's body to 3,000 characters; an empty page leads the scan to the list's URLs.
        portal.portal.set_switches(search_body_characters_max=3_000, empty_pages=True)
        await portal.sync()
        statuses = {request.status for request in portal.portal.requests()}
        assert statuses <= {200, 207}
        assert portal.connected.rows("SELECT FROM hubspot_hydrations") == []
        portal.assert_equal()


@pytest.mark.slow
async def test_properties_that_grow_between_two_syncs(portal: Reconciling):
    await portal.sync()
    names = _define(portal, "deals", 300)
    deal = portal.live("deals")[0]
    portal.portal.edit("deals", [deal], {names[0]: "first", names[-1]: "last"})
    await portal.sync()
    values = portal.stored("deals", deal).properties
    assert (values[names[0]], values[names[-1]]) == ("first", "last")
    portal.assert_equal()


def _define(portal: Reconciling, object_type: Any, count: int) -> list[str]:
    names = [f"a_long_name_such_as_an_integration_makes_from_its_own_field_path_{number:04}" for number in range(count)]
    for name in names:
        portal.portal.set_property(object_type, {"name": name, "label": name, "type": "string", "fieldType": "text"})
    return names


async def test_owners_who_left_keep_their_names(portal: Reconciling):
    left = {"id": "90210", "firstName": "Noor", "lastName": "de Wit", "email": "noor@harborlight.example"}
    portal.portal.set_owners([left | {"archived": True, "userId": None, "userIdIncludingInactive": 777}])
    await portal.sync()
    assert _owner(portal, "90210") == ("Noor de Wit", "777", True)
    # For a time HubSpot answered both kinds, whichever was asked for.
    both = [
        left | {"archived": True, "userId": None, "userIdIncludingInactive": 777},
        {"id": "90211", "firstName": "Ada", "lastName": "Bos", "userId": 778, "archived": False},
    ]
    portal.portal.add_fault(Fault(path="/crm/owners", count=None, status=200, body={"results": both}))
    await portal.sync()
    assert _owner(portal, "90210") == ("Noor de Wit", "777", True)
    assert _owner(portal, "90211") == ("Ada Bos", "778", False)


def _owner(portal: Reconciling, owner_id: str) -> tuple[Any, ...]:
    (owner,) = portal.connected.rows(
        "SELECT label, user_id, archived FROM hubspot_owners WHERE hubspot_id = :id AND missing_since IS NULL",
        id=owner_id,
    )
    return tuple(owner)


async def test_a_removed_stage_keeps_its_label(portal: Reconciling):
    await portal.sync()
    deal = portal.live("deals")[0]
    before = portal.stored("deals", deal)
    stage = "SELECT label, missing_since FROM hubspot_stages WHERE pipeline_id = :pipeline AND hubspot_id = :stage"
    of_deal = {"pipeline": before.pipeline_id, "stage": before.stage_id}
    (known,) = portal.connected.rows(stage, **of_deal)
    portal.portal.remove_stage(before.pipeline_id, before.stage_id)
    await portal.sync()
    (kept,) = portal.connected.rows(stage, **of_deal)
    assert kept.label == known.label
    assert kept.missing_since is not None
    after = portal.stored("deals", deal)
    assert (after.pipeline_id, after.stage_id, after.outcome) == (before.pipeline_id, before.stage_id, before.outcome)
    portal.portal.set_stage(before.pipeline_id, before.stage_id, label="Back again")
    await portal.sync()
    assert portal.connected.rows(stage, **of_deal) == [("Back again", None)]


async def test_a_flag_that_says_nothing_is_not_a_false_one(portal: Reconciling):
    """Of a stage that is gone, the deal's own flags decide: true, false, empty, or not there at all."""
    deals = sorted(portal.portal.export().live("deals"), key=int)[:4]
    flags = ("true", "false", "", None)
    portal.portal.edit("deals", deals, {"dealstage": "a_stage_that_is_gone"})
    for deal, flag in zip(deals, flags, strict=True):
        portal.portal.edit("deals", [deal], {"hs_is_closed_won": flag, "hs_is_closed": "true"}, touch=False)
    outcomes = {}
    for unset_as_null in (True, False):
        portal.portal.set_switches(unset_as_null=unset_as_null)
        await portal.sync()
        await portal.reread()
        outcomes[unset_as_null] = [portal.stored("deals", deal).outcome for deal in deals]
        for deal, flag in zip(deals, flags, strict=True):
            assert portal.stored("deals", deal).properties.get("hs_is_closed_won") == flag
    assert outcomes[True] == outcomes[False] == ["won", "lost", "lost", "lost"]


async def test_what_has_the_same_label_stays_apart(portal: Reconciling):
    pipeline = portal.portal.export().pipelines["deals"][0]["id"]
    for number in (1, 2):
        portal.portal.set_stage(pipeline, f"same_stage_{number}", label="Same")
        definition = {"name": f"same_property_{number}", "label": "Same", "type": "string", "fieldType": "text"}
        portal.portal.set_property("deals", definition)
    await portal.sync()
    stages = portal.connected.rows("SELECT hubspot_id FROM hubspot_stages WHERE label = 'Same' ORDER BY 1")
    properties = portal.connected.rows("SELECT name FROM hubspot_properties WHERE label = 'Same' ORDER BY 1")
    assert stages == [("same_stage_1",), ("same_stage_2",)]
    assert properties == [("same_property_1",), ("same_property_2",)]


@pytest.mark.slow
async def test_two_portals_in_one_process_do_not_know_each_other(portal: Reconciling, tmp_path: Path):
    hub_id = portal.portal.create_portal(seed=2, contacts=30, companies=5, deals=10)
    settings = settings_for(portal.sandbox, tmp_path)
    second = await Connected.create(portal.connected.database, settings, mind="Second", hub_id=hub_id)
    other = Reconciling(second, portal.sandbox)
    for _ in range(2):
        for each in (portal, other):
            await each.sync()
    edited = portal.portal.edit("contacts", None, {"city": "Utrecht"})
    assert sum((await other.sync()).read.values()) == 0
    assert (await portal.sync()).read[ObjectType.CONTACTS] == edited
    portal.assert_equal()
    other.assert_equal()

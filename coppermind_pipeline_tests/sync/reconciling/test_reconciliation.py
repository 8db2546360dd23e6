"""What HubSpot does not announce is found by reconciliation; what it does not say, is not concluded."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from coppermind_pipeline.hubspot import ScopeMissing
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sandbox import Fault, RunningSandbox, SandboxConfig
from coppermind_pipeline.sandbox import ObjectType as Kind
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import reconciliations_due
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.sync.reconciled import Reconciling

TYPES: tuple[Kind, ...] = ("contacts", "companies", "deals")


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    config = SandboxConfig(contacts=130, companies=40, deals=60, definitions_per_type=60, limits=False)
    with RunningSandbox(config) as running:
        yield running


@pytest.fixture
async def portal(database: Database, sandbox: RunningSandbox, tmp_path: Path) -> Reconciling:
    connected = await Connected.create(database, settings_for(sandbox, tmp_path))
    portal = Reconciling(connected, sandbox)
    await portal.sync()
    return portal


async def test_where_nothing_happened_nothing_is_written(portal: Reconciling):
    versions = "SELECT hubspot_id, version, xmin FROM hubspot_raw_records ORDER BY object_type, hubspot_id, version"
    rows = "SELECT object_type, hubspot_id, xmin FROM hubspot_crm_objects ORDER BY object_type, hubspot_id"
    before = portal.connected.rows(versions), portal.connected.rows(rows)
    done = await portal.reconcile()
    again = await portal.reread()
    assert done.complete
    assert (done.archived, done.restored, done.merged, done.purged, done.erased, done.repaired) == (0, 0, 0, 0, 0, 0)
    assert again.complete
    assert again.read == {t: len(portal.live(t)) + referenced(portal, t) for t in ObjectType}
    assert (portal.connected.rows(versions), portal.connected.rows(rows)) == before
    portal.assert_equal()


def referenced(portal: Reconciling, object_type: str) -> int:
    ((count,),) = portal.connected.rows(
        "SELECT count(*) FROM hubspot_crm_objects WHERE object_type = :type AND referenced_only", type=object_type
    )
    return count


@pytest.mark.slow
@pytest.mark.parametrize("object_type", TYPES)
async def test_archived_then_restored(portal: Reconciling, object_type: Kind):
    archived, kept = portal.live(object_type)[:2]
    portal.portal.archive(object_type, [archived])
    done = await portal.reconcile()
    assert done.archived == 1
    row = portal.stored(object_type, archived)
    assert row.archived_reason == "archived"
    assert abs(row.archived_at.timestamp() - portal.portal.now_ms() / 1000) < 60
    assert portal.stored(object_type, kept).archived_at is None
    await portal.reread()
    portal.assert_equal()

    portal.portal.restore(object_type, [archived])
    done = await portal.reconcile()
    assert done.restored == 1
    assert portal.stored(object_type, archived).archived_at is None
    await portal.reread()
    portal.assert_equal()


@pytest.mark.parametrize("object_type", TYPES)
async def test_purged_after_its_time_in_the_bin(portal: Reconciling, object_type: Kind):
    (record_id,) = portal.live(object_type)[:1]
    portal.portal.set_switches(record_times_as_ms=object_type == "deals")
    long_ago = datetime.now(UTC) - timedelta(days=100)
    portal.portal.archive(object_type, [record_id], at_ms=int(long_ago.timestamp() * 1000))
    await portal.reconcile()
    portal.portal.purge(object_type, [record_id])
    done = await portal.reconcile()
    assert (done.purged, done.erased) == (1, 0)
    row = portal.stored(object_type, record_id)
    assert row.archived_reason == "purged"
    assert row.archived_at.date() == long_ago.date()
    assert row.properties != {}
    await portal.reread()
    portal.assert_equal()


@pytest.mark.parametrize("object_type", ["companies", "deals"])
async def test_a_company_or_deal_that_vanished_was_purged_and_keeps_what_was_known(
    portal: Reconciling, object_type: Kind
):
    (record_id,) = portal.live(object_type)[:1]
    portal.portal.purge(object_type, [record_id])
    done = await portal.reconcile()
    assert (done.purged, done.erased) == (1, 0)
    assert portal.stored(object_type, record_id).properties != {}


@pytest.mark.parametrize("archived_first", [False, True])
async def test_an_erased_contact_leaves_no_text(portal: Reconciling, archived_first: bool):
    (contact,) = portal.live("contacts")[:1]
    portal.portal.edit("contacts", [contact], {"firstname": "Unmistakable"})
    await portal.sync()
    if archived_first:
        portal.portal.archive("contacts", [contact])
        await portal.reconcile()
    portal.portal.erase("contacts", [contact])
    done = await portal.reconcile()
    assert done.erased == 1
    assert portal.stored("contacts", contact).archived_reason == "erased"
    for table, column in (("hubspot_raw_records", "payload"), ("hubspot_crm_objects", "properties")):
        assert portal.connected.rows(f"SELECT FROM {table} WHERE CAST({column} AS text) LIKE '%Unmistakable%'") == []
    await portal.reread()
    portal.assert_equal()
    assert (await portal.reconcile()).erased == 0


async def test_an_erased_survivor_takes_the_contacts_merged_into_it_along(portal: Reconciling):
    first, second = portal.live("contacts")[:2]
    survivor = portal.portal.merge("contacts", first, second)
    await portal.sync()
    portal.portal.erase("contacts", [survivor])
    await portal.reconcile()
    for contact in (first, second, survivor):
        row = portal.stored("contacts", contact)
        assert (row.archived_reason, row.properties, row.merged_into) == ("erased", {}, None)
    portal.assert_equal()


@pytest.mark.slow
@pytest.mark.parametrize("keeps_id", [False, True])
@pytest.mark.parametrize("object_type", TYPES)
async def test_merged_records_lead_to_the_survivor_at_once(portal: Reconciling, object_type: Kind, keeps_id: bool):
    portal.portal.set_switches(merge_keeps_id=keeps_id)
    first, second = portal.live(object_type)[:2]
    survivor = portal.portal.merge(object_type, first, second)
    await portal.sync()
    losers = {first, second} - {survivor}
    for loser in losers:
        row = portal.stored(object_type, loser)
        assert (row.archived_reason, row.merged_into) == ("merged", survivor)
    assert portal.stored(object_type, survivor).archived_at is None
    if object_type != "deals":
        assert portal.connected.rows(
            "SELECT FROM hubspot_associations WHERE to_type = :type AND to_id = ANY(:ids) AND valid_to IS NULL",
            type=object_type, ids=list(losers),
        ) == []  # fmt: skip
    await portal.reconcile()
    await portal.reread()
    portal.assert_equal()


async def test_a_loser_that_arrives_after_its_survivor_counts_nowhere(portal: Reconciling):
    first, second = portal.live("contacts")[:2]
    survivor = portal.portal.merge("contacts", first, second)
    await portal.sync()
    _execute(
        portal,
        """INSERT INTO hubspot_raw_records
                  (connector_id, mind_id, object_type, hubspot_id, content_hash, modified_at, payload)
           SELECT connector_id, mind_id, object_type, hubspot_id, 'late', modified_at, '{"firstname": "Late"}'
             FROM hubspot_raw_records WHERE object_type = 'contacts' AND hubspot_id = :id LIMIT 1""",
        id=first,
    )
    portal.derive()
    row = portal.stored("contacts", first)
    assert (row.name, row.archived_reason, row.merged_into) == ("Late", "merged", survivor)


@pytest.mark.slow
async def test_an_answer_that_names_merged_contacts_links_the_survivor_once(portal: Reconciling):
    deal, (first, second) = portal.live("deals")[0], portal.live("contacts")[:2]
    portal.portal.associate(("deals", deal), ("contacts", first), label="Blocker")
    portal.portal.associate(("deals", deal), ("contacts", second))
    await portal.reread()
    old_answer = portal.connected.rows(_ANSWER, deal=deal)[0].links
    survivor = portal.portal.merge("contacts", first, second)
    await portal.sync()
    await portal.reread()
    _execute(
        portal,
        """UPDATE hubspot_raw_associations SET links = CAST(:links AS jsonb), seq = nextval('change_seq')
            WHERE from_id = :deal AND to_type = 'contacts'""",
        links=json.dumps(old_answer),
        deal=deal,
    )
    portal.derive()
    portal.assert_equal()
    linked = portal.connected.rows(
        """SELECT to_id, labels FROM hubspot_associations
            WHERE from_id = :deal AND to_id = ANY(:ids) AND valid_to IS NULL""",
        deal=deal,
        ids=[first, second, survivor],
    )
    assert [tuple(row) for row in linked] == [(survivor, ["Blocker"])]


_ANSWER = "SELECT links FROM hubspot_raw_associations WHERE from_id = :deal AND to_type = 'contacts'"


def _execute(portal: Reconciling, statement: str, **values: Any) -> None:
    with portal.connected.database.mind(portal.connected.connector.mind_id) as connection:
        assert connection.execute(text(statement), values).rowcount == 1


@pytest.mark.slow
@pytest.mark.parametrize("synced_between", [False, True])
async def test_a_chain_of_merges_ends_at_the_last_survivor(portal: Reconciling, synced_between: bool):
    a, b, c, d = portal.live("contacts")[:4]
    first = portal.portal.merge("contacts", a, b)
    if synced_between:
        await portal.sync()
    second = portal.portal.merge("contacts", c, d)
    if synced_between:
        await portal.sync()
    last = portal.portal.merge("contacts", first, second)
    await portal.sync()
    for loser in (a, b, c, d):
        assert portal.stored("contacts", loser).merged_into == last
    await portal.reconcile()
    await portal.reread()
    portal.assert_equal()


@pytest.mark.parametrize("in_archived_list", [False, True])
async def test_a_survivor_archived_before_anyone_saw_it_still_tells_of_its_losers(
    portal: Reconciling, in_archived_list: bool
):
    portal.portal.set_switches(merged_ids_archived=in_archived_list)
    first, second = portal.live("contacts")[:2]
    survivor = portal.portal.merge("contacts", first, second)
    portal.portal.archive("contacts", [survivor])
    done = await portal.reconcile()
    assert done.erased == 0
    for loser in (first, second):
        row = portal.stored("contacts", loser)
        assert (row.archived_reason, row.merged_into) == ("merged", survivor)
        assert row.properties != {}


async def test_a_merge_that_no_property_tells_of_is_found_by_asking_for_the_old_id(portal: Reconciling):
    first, second, other = portal.live("companies")[:3]
    survivor = portal.portal.merge("companies", first, second)
    portal.portal.edit("companies", [survivor], {"hs_merged_object_ids": None})
    portal.portal.purge("companies", [other])
    done = await portal.reconcile()
    assert (done.merged, done.purged) == (2, 1)
    for loser in (first, second):
        assert portal.stored("companies", loser).merged_into == survivor
    await portal.reread()
    portal.assert_equal()


async def test_a_record_that_no_scan_brought_is_read(portal: Reconciling):
    a_week_ago = portal.portal.now_ms() - 7 * 86_400_000
    late = portal.portal.create("deals", {"dealname": "Late"}, at_ms=a_week_ago)
    changed = portal.live("companies")[0]
    portal.portal.edit("companies", [changed], {"city": "Ghent"}, at_ms=portal.portal.now_ms() - 7_200_000)
    pulled = await portal.sync()
    assert sum(pulled.read.values()) == 0
    done = await portal.reconcile()
    assert done.repaired >= 1
    assert portal.stored("deals", late).name == "Late"
    assert portal.stored("companies", changed).city == "Ghent"
    portal.assert_equal()


@pytest.mark.slow
async def test_cut_after_every_page_it_comes_to_the_same_end(portal: Reconciling):
    contacts, deals = portal.live("contacts"), portal.live("deals")
    portal.portal.archive("contacts", contacts[:3])
    portal.portal.erase("contacts", contacts[3:5])
    portal.portal.merge("deals", deals[0], deals[1])
    await portal.sync()
    slices = 1
    while not (await portal.reconcile(time_is_up=lambda: True, every=timedelta(days=1))).complete:
        slices += 1
    assert slices >= 4
    while not (await portal.reread(time_is_up=lambda: True)).complete:
        pass
    portal.assert_equal()
    assert portal.connected.rows("SELECT FROM hubspot_walked_pages") == []


@pytest.mark.parametrize("requests_before_the_fault", [0, 2, 4, 7, 9])
async def test_an_error_in_the_middle_erases_nothing(portal: Reconciling, requests_before_the_fault: int):
    contacts = portal.live("contacts")
    portal.portal.erase("contacts", contacts[:1])
    state = """SELECT * FROM hubspot_crm_objects WHERE NOT (object_type = 'contacts' AND hubspot_id = :erased)
                ORDER BY object_type, hubspot_id"""
    before = portal.connected.rows(state, erased=contacts[0])
    refusal = {"status": "error", "category": "MISSING_SCOPES", "message": "no longer"}
    portal.portal.add_fault(
        Fault(path="/crm/objects/", status=403, body=refusal, after=requests_before_the_fault, count=None)
    )
    with pytest.raises(ScopeMissing):
        await portal.reconcile()
    portal.derive()
    assert portal.connected.rows(state, erased=contacts[0]) == before
    portal.portal.clear_faults()
    await portal.reconcile()
    assert portal.stored("contacts", contacts[0]).archived_reason == "erased"
    portal.assert_equal()


async def test_an_error_about_single_records_erases_nothing(portal: Reconciling):
    contact = portal.live("contacts")[0]
    everything = [row.hubspot_id for row in portal.connected.rows("SELECT hubspot_id FROM hubspot_raw_records")]
    portal.portal.purge("contacts", [contact])
    unwell = {"status": "error", "category": "INTERNAL_ERROR", "message": "not now", "context": {"ids": everything}}
    body = {"status": "COMPLETE", "results": [], "errors": [unwell], "numErrors": 1}
    portal.portal.add_fault(Fault(path="/contacts/batch/read", status=207, body=body, count=None))
    done = await portal.reconcile()
    assert (done.purged, done.erased) == (0, 0)
    assert portal.stored("contacts", contact).archived_at is None


async def test_lists_that_come_back_empty_prove_nothing(portal: Reconciling):
    portal.portal.add_fault(
        Fault(path="/crm/objects/[^/]+/[^/]+$", method="GET", status=200, body={"results": []}, count=None)
    )
    done = await portal.reconcile()
    assert (done.archived, done.purged, done.erased, done.repaired) == (0, 0, 0, 0)
    portal.portal.clear_faults()
    portal.assert_equal()


async def test_drift_appears_when_it_stays_and_heals(portal: Reconciling):
    delay_ms = 10 * 86_400_000
    portal.portal.set_switches(index_delay_ms=delay_ms)
    unseen = portal.portal.create("contacts", {"firstname": "Unseen"}, at_ms=portal.portal.now_ms() - 3 * 86_400_000)
    await portal.reconcile()
    assert portal.stored("contacts", unseen).name == "Unseen"

    first = await portal.reconcile(index_delay=timedelta(0))
    assert first.drift == {}, "not before it has outlasted the index delay"
    second = await portal.reconcile(every=timedelta(days=1), index_delay=timedelta(0))
    drift = second.drift[ObjectType.CONTACTS]
    assert drift.surplus_ids == (unseen,)
    assert drift.missing_ids == ()
    assert drift.stored_total == drift.portal_total + 1
    assert set(second.drift) == {ObjectType.CONTACTS}

    portal.portal.advance_clock(delay_ms + 1)
    third = await portal.reconcile(every=timedelta(days=1), index_delay=timedelta(0))
    assert third.drift == {}
    events = portal.connected.rows("SELECT code FROM connector_events WHERE code LIKE 'drift%' ORDER BY id")
    assert [event.code for event in events] == ["drift", "drift_healed"]


async def test_a_difference_that_is_our_own_fault_is_put_right_and_no_drift(portal: Reconciling):
    await portal.reconcile()
    victims = portal.live("deals")[:2]
    portal.portal.archive("deals", victims)
    with portal.connected.database.owner() as connection:
        connection.execute(text("UPDATE hubspot_drifts SET differs_since = clock_timestamp()"))
    done = await portal.reconcile(every=timedelta(days=1), index_delay=timedelta(0))
    assert (done.archived, done.drift) == (2, {})
    await portal.reread()
    portal.assert_equal()


async def test_a_capped_total_is_no_drift_and_no_crash(portal: Reconciling):
    body = {"total": 100, "results": []}
    await portal.reconcile()
    portal.portal.add_fault(Fault(path="/contacts/search", status=200, body=body, count=1))
    await portal.reconcile(every=timedelta(0), index_delay=timedelta(0))
    done = await portal.reconcile(every=timedelta(0), index_delay=timedelta(0))
    assert done.drift == {}


async def test_what_is_due_follows_from_what_was_done(portal: Reconciling):
    def due() -> list[str]:
        with portal.connected.database.scheduler() as connection:
            return [one.reason for one in reconciliations_due(connection)]

    assert due() == ["walk"]
    await portal.reconcile()
    assert due() == ["reread"]
    await portal.reread(every=timedelta(days=1))
    assert due() == []
    portal.portal.set_property("deals", {"name": "custom_new", "type": "string", "label": "New"})
    await portal.sync()
    assert due() == ["definitions"]
    await portal.reread(every=timedelta(days=1))
    assert due() == []

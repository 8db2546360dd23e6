"""What changes without moving a modified date arrives by the rolling re-read, and nothing is written for the rest."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from coppermind_pipeline.hubspot import SentRequest
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sandbox import Fault, RunningSandbox, SandboxConfig
from coppermind_pipeline.sandbox import ObjectType as Kind
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.sync.reconciled import Reconciling

CALCULATED: dict[Kind, str] = {
    "deals": "hs_projected_amount",
    "contacts": "num_associated_deals",
    "companies": "num_associated_deals",
}


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


@pytest.mark.parametrize("object_type", ["deals", "contacts", "companies"])
async def test_a_formula_that_changed_alone(portal: Reconciling, object_type: Kind):
    name = CALCULATED[object_type]
    record = portal.live(object_type)[0]
    before = portal.connected.rows("SELECT version FROM hubspot_raw_records WHERE hubspot_id = :id", id=record)
    portal.portal.edit(object_type, [record], {name: "4711"}, touch=False)
    assert sum((await portal.sync()).read.values()) == 0
    await portal.reread()
    assert portal.stored(object_type, record).properties[name] == "4711"
    versions = portal.connected.rows("SELECT version FROM hubspot_raw_records WHERE hubspot_id = :id", id=record)
    assert versions == before
    portal.assert_equal()


async def test_links_that_were_added_relabelled_and_removed_without_a_date(portal: Reconciling):
    deals, contacts = portal.live("deals"), portal.live("contacts")
    (link,) = portal.connected.rows(
        "SELECT from_id, to_id FROM hubspot_associations WHERE to_type = 'contacts' AND valid_to IS NULL LIMIT 1"
    )
    removed_from, removed = link.from_id, link.to_id
    deal = next(d for d in deals if d != removed_from)
    portal.portal.associate(("deals", deal), ("contacts", contacts[0]))
    portal.portal.associate(("deals", deal), ("contacts", contacts[1]), label="Decision maker")
    portal.portal.disassociate(("deals", removed_from), ("contacts", removed), all_types=True)
    assert sum((await portal.sync()).read.values()) == 0
    await portal.reread()
    portal.assert_equal()
    portal.portal.associate(("deals", deal), ("contacts", contacts[0]), label="Blocker")
    portal.portal.disassociate(("deals", deal), ("contacts", contacts[1]), label="Decision maker")
    await portal.reread()
    portal.assert_equal()
    relabelled = portal.connected.rows(
        """SELECT labels, valid_to IS NULL AS live FROM hubspot_associations
            WHERE from_id = :deal AND to_id = :contact ORDER BY valid_from""",
        deal=deal, contact=contacts[1],
    )  # fmt: skip
    assert [(row.labels, row.live) for row in relabelled] == [(["Decision maker"], False), ([], True)]


async def test_a_record_that_a_new_link_names_is_read(portal: Reconciling):
    years_ago = portal.portal.now_ms() - 5 * 365 * 86_400_000
    old = portal.portal.create("companies", {"name": "Forgotten Ltd"}, at_ms=years_ago)
    portal.portal.associate(("deals", portal.live("deals")[0]), ("companies", old))
    done = await portal.reread()
    assert done.referenced == 1
    assert portal.stored("companies", old).referenced_only
    portal.assert_equal()


@pytest.mark.slow
async def test_a_linked_record_that_was_archived_when_it_should_have_been_read_is_read_later(portal: Reconciling):
    years_ago = portal.portal.now_ms() - 5 * 365 * 86_400_000
    old = portal.portal.create("contacts", {"firstname": "Back"}, at_ms=years_ago)
    deal = portal.live("deals")[0]
    portal.portal.associate(("deals", deal), ("contacts", old))
    portal.portal.edit("deals", [deal], {"dealname": "Touched"})

    def archive(request: SentRequest) -> None:
        if "/associations/" in request.path:
            portal.portal.archive("contacts", [old])

    await portal.pull(on_request=archive)
    portal.derive()
    assert portal.stored("contacts", old) is None
    portal.portal.restore("contacts", [old])
    await portal.reread()
    assert portal.stored("contacts", old).name == "Back"
    portal.assert_equal()


@pytest.mark.slow
async def test_a_deal_with_more_contacts_than_an_answer_holds(portal: Reconciling):
    deal = portal.live("deals")[0]
    contacts = portal.portal.create_many("contacts", ({"firstname": f"No. {n}"} for n in range(620)))
    for contact in contacts:
        portal.portal.associate(("deals", deal), ("contacts", contact))
    await portal.sync()
    await portal.reread()
    portal.assert_equal()
    for contact in contacts[::7]:
        portal.portal.disassociate(("deals", deal), ("contacts", contact), all_types=True)
    await portal.reread()
    portal.assert_equal()


async def test_a_failed_association_answer_ends_no_link(portal: Reconciling):
    links = "SELECT * FROM hubspot_associations ORDER BY from_id, to_type, to_id, valid_from"
    before = portal.connected.rows(links)
    failed = {"status": "error", "category": "INTERNAL_ERROR", "message": "not now"}
    body = {"status": "COMPLETE", "results": [], "errors": [failed], "numErrors": 1}
    portal.portal.add_fault(Fault(path="/crm/associations/", status=207, body=body, count=None))
    done = await portal.reread()
    assert done.complete
    assert portal.connected.rows(links) == before


async def test_a_property_defined_later_is_read_at_once_of_all_records(portal: Reconciling):
    company = portal.live("companies")[0]
    await portal.reread()
    portal.portal.set_property("companies", {"name": "tier", "label": "Tier", "type": "string"})
    portal.portal.edit("companies", [company], {"tier": "gold"}, touch=False)
    await portal.sync()
    assert "tier" not in portal.stored("companies", company).properties
    done = await portal.reread(every=timedelta(days=7))
    assert done.read[ObjectType.COMPANIES] >= len(portal.live("companies"))
    assert done.read[ObjectType.DEALS] == done.read[ObjectType.CONTACTS] == 0
    assert portal.stored("companies", company).properties["tier"] == "gold"
    ((sets,),) = portal.connected.rows(
        """SELECT count(DISTINCT definitions_hash)
             FROM (SELECT DISTINCT ON (hubspot_id) definitions_hash FROM hubspot_raw_records
                    WHERE object_type = 'companies' ORDER BY hubspot_id, version DESC) AS newest"""
    )
    assert sets == 1
    assert sum((await portal.reread(every=timedelta(days=7))).read.values()) == 0
    portal.assert_equal()


async def test_records_read_with_fewer_properties_keep_their_values_and_are_read_again(portal: Reconciling):
    contact = portal.live("contacts")[0]
    full = portal.stored("contacts", contact).properties
    await portal.reread()
    portal.portal.set_switches(property_names_max=30)
    portal.portal.edit("contacts", [contact], {"firstname": "Renamed"})
    await portal.sync()
    degraded = portal.stored("contacts", contact).properties
    assert degraded["firstname"] == "Renamed"
    assert degraded.keys() >= full.keys()
    assert sum((await portal.reread(every=timedelta(days=7))).read.values()) == 0

    portal.portal.edit("contacts", [contact], {"phone": "+31 20 123"}, touch=False)
    portal.portal.set_switches(property_names_max=0)
    with portal.connected.database.owner() as connection:
        connection.execute(text("UPDATE hubspot_hydrations SET tried_at = tried_at - interval '25 hours'"))
    done = await portal.reread(every=timedelta(days=7))
    assert done.read[ObjectType.CONTACTS] >= len(portal.live("contacts"))
    assert portal.stored("contacts", contact).properties["phone"] == "+31 20 123"
    assert portal.connected.rows("SELECT FROM hubspot_hydrations WHERE object_type = 'contacts'") == []


@pytest.mark.slow
async def test_cut_after_every_batch_it_goes_on(portal: Reconciling, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("coppermind_pipeline.sync.reconciling.rounds.RECORDS_AT_ONCE_MAX", 25)
    portal.portal.edit("contacts", None, {"num_associated_deals": "9"}, touch=False)
    portal.portal.edit("deals", None, {"hs_projected_amount": "9"}, touch=False)
    slices = 1
    await portal.reread(time_is_up=lambda: True)
    while not (await portal.reread(time_is_up=lambda: True, every=timedelta(days=1))).complete:
        slices += 1
    assert slices >= 4
    portal.assert_equal()

"""What HubSpot can't answer at once is asked for in parts; what it can't answer even alone is skipped and shown."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stamina
from sqlalchemy import text

from coppermind_pipeline.accounts import local_caller
from coppermind_pipeline.connectors import status
from coppermind_pipeline.hubspot import PortalUnavailable
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sandbox import Fault
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.sync.reconciled import AT_ONCE, Reconciling
from coppermind_pipeline_tests.unthrottled import unthrottled

CONTACTS = "objects/2026-09/contacts/batch/read"
GATEWAY_TIMEOUT = {"status": 504, "body": "<html>504 Gateway Time-out</html>", "count": None}
REFUSED = {"status": 400, "body": {"status": "error", "message": "Too many inputs"}, "count": None}
LEFT_OUT = {"status": 200, "body": {"status": "COMPLETE", "results": []}}
TOO_LARGE = {"status": 413, "body": "<html>413 Request Entity Too Large</html>", "count": None}


@pytest.fixture(autouse=True)
def no_waits_between_attempts() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture
async def portal(database: Database, tmp_path: Path) -> AsyncIterator[Reconciling]:
    async with unthrottled(database, tmp_path, contacts=330, companies=40, deals=150) as portal:
        yield portal


def shown(portal: Reconciling) -> Any:
    database = portal.connected.database
    (connector,) = status(database, local_caller(database), now=datetime.now(UTC)).connectors
    return connector


def skipped(portal: Reconciling) -> dict[str, set[str]]:
    return {t: set(each.ids) for t, each in shown(portal).hubspot_diagnostics.skipped_records.items()}


@pytest.mark.parametrize("fault", [GATEWAY_TIMEOUT, TOO_LARGE, REFUSED], ids=["504", "413", "400"])
async def test_batches_that_are_too_large_are_read_in_parts(portal: Reconciling, fault: dict[str, Any]):
    portal.portal.add_fault(Fault(path="batch/read", method="POST", over=50, **fault))
    assert (await portal.sync()).complete
    portal.assert_equal()
    assert skipped(portal) == {}
    assert shown(portal).hubspot_diagnostics.hydration == "full"
    failed = [r for r in portal.portal.requests(path="objects/.*batch/read") if r.status == fault["status"]]
    # Once it is known what is too much, nothing is refused any more; the batches of one page go out side by side.
    assert len(failed) <= 20


@pytest.mark.slow
async def test_records_that_fail_alone_are_skipped_shown_and_read_when_the_fault_is_gone(portal: Reconciling):
    truth = portal.portal.export().live("contacts")
    recent = sorted(truth, key=lambda record_id: truth[record_id].modified_ms)
    poison = {recent[i] for i in (-1, -2, -130)}
    portal.portal.add_fault(Fault(path=CONTACTS, ids=frozenset(poison), **GATEWAY_TIMEOUT))
    assert (await portal.sync()).complete
    assert skipped(portal) == {"contacts": poison}
    assert shown(portal).warnings == ("3 contacts could not be read from HubSpot; they are tried again daily.",)
    # They are stored as search shows them, and every other one as it is.
    stored = portal.live("contacts")
    assert poison < set(stored)
    for record_id in stored:
        is_whole = portal.stored("contacts", record_id).properties == truth[record_id].properties
        assert is_whole == (record_id not in poison)

    await portal.reread()
    assert skipped(portal) == {"contacts": poison}
    portal.portal.clear_faults()
    await portal.reread()
    assert skipped(portal) == {}
    assert shown(portal).warnings == ()
    portal.assert_equal()


async def test_what_an_answer_leaves_out_is_asked_for_again_at_once(portal: Reconciling):
    portal.portal.add_fault(Fault(path=CONTACTS, **LEFT_OUT))
    assert (await portal.sync()).complete
    portal.assert_equal()
    assert skipped(portal) == {}


async def test_what_is_left_out_again_is_stored_as_searched_and_shown(portal: Reconciling):
    portal.portal.add_fault(Fault(path=CONTACTS, count=None, **LEFT_OUT))
    assert (await portal.sync()).complete
    noted = {row.hubspot_id for row in portal.connected.rows("SELECT hubspot_id FROM hubspot_skipped_records")}
    assert noted == set(portal.live("contacts"))
    assert noted >= skipped(portal)["contacts"]
    portal.portal.clear_faults()
    await portal.reread()
    assert skipped(portal) == {}
    portal.assert_equal()


async def test_what_was_known_of_a_record_stays_while_it_can_not_be_read(portal: Reconciling):
    await portal.sync()
    record_id = portal.live("contacts")[3]
    before = portal.stored("contacts", record_id).properties
    portal.portal.add_fault(Fault(path=CONTACTS, ids=frozenset([record_id]), **GATEWAY_TIMEOUT))
    portal.portal.edit("contacts", [record_id], {"firstname": "Renamed"})
    await portal.sync()
    assert skipped(portal) == {"contacts": {record_id}}
    after = portal.stored("contacts", record_id).properties
    assert after["firstname"] == "Renamed"
    assert before.keys() <= after.keys()


async def test_an_endpoint_that_answers_nothing_is_down_and_nothing_is_skipped(portal: Reconciling):
    portal.portal.add_fault(Fault(path=CONTACTS, **GATEWAY_TIMEOUT))
    with pytest.raises(PortalUnavailable, match="504"):
        await portal.sync()
    assert skipped(portal) == {}
    asked = portal.portal.requests(path=CONTACTS)
    assert len(asked) <= 40, "a portal in trouble gets no storm of requests"
    portal.portal.clear_faults()
    await portal.sync()
    portal.assert_equal()


async def test_a_portal_that_is_down_is_not_asked_in_parts(portal: Reconciling):
    portal.portal.add_fault(Fault(path=CONTACTS, **GATEWAY_TIMEOUT))
    portal.portal.add_fault(Fault(path="objects/2026-09/contacts$", **GATEWAY_TIMEOUT))
    with pytest.raises(PortalUnavailable, match="504"):
        await portal.sync()
    batches = portal.portal.requests(path=CONTACTS)
    assert {request.status for request in batches} == {504}
    assert len(batches) <= 8, "two attempts at each of the batches that went out side by side"


async def test_a_record_that_is_gone_meanwhile_is_no_longer_skipped(portal: Reconciling):
    await portal.sync()
    record_id = portal.live("contacts")[3]
    with portal.connected.database.owner() as connection:
        connection.execute(
            text(
                """INSERT INTO hubspot_skipped_records (connector_id, mind_id, object_type, hubspot_id, part)
                   VALUES (:connector, :mind, 'contacts', :id, 'record')"""
            ),
            {"connector": portal.connected.connector_id, "mind": portal.connected.connector.mind_id, "id": record_id},
        )
    portal.portal.archive("contacts", [record_id])
    await portal.reread()
    assert skipped(portal) == {}


@pytest.mark.parametrize("fault", [GATEWAY_TIMEOUT, REFUSED], ids=["504", "400"])
async def test_links_that_are_too_many_are_read_in_parts(portal: Reconciling, fault: dict[str, Any]):
    portal.portal.add_fault(Fault(path="associations/.*batch/read", over=100, **fault))
    assert (await portal.sync()).complete
    await portal.reread()
    portal.assert_equal()
    assert skipped(portal) == {}


@pytest.mark.slow
async def test_a_deal_whose_links_fail_alone_is_shown_and_read_when_the_fault_is_gone(portal: Reconciling):
    deals = [row.id for row in portal.portal.export().live("deals").values()]
    poison, gone = deals[3], deals[70]
    portal.portal.add_fault(Fault(path="associations/.*batch/read", ids=frozenset([poison, gone]), **GATEWAY_TIMEOUT))
    assert (await portal.sync()).complete
    assert skipped(portal) == {"deals": {poison, gone}}
    linked = {row.from_id for row in portal.connected.rows("SELECT from_id FROM hubspot_associations")}
    assert len(linked) > 100
    assert poison not in linked

    portal.portal.archive("deals", [gone])
    await portal.reconcile()
    await portal.reread()
    assert skipped(portal) == {"deals": {poison}}
    portal.portal.clear_faults()
    await portal.reread()
    assert skipped(portal) == {}
    portal.assert_equal()


@pytest.mark.slow
async def test_pages_that_are_too_large_are_made_smaller(portal: Reconciling):
    portal.portal.add_fault(Fault(path="/search$", over=50, **GATEWAY_TIMEOUT))
    portal.portal.add_fault(Fault(path="objects/2026-09/[a-z]+$", method="GET", over=20, **GATEWAY_TIMEOUT))
    assert (await portal.sync()).complete
    portal.assert_equal()
    reconciled = await portal.reconcile()
    assert reconciled.complete
    assert reconciled.drift == {}
    portal.assert_equal()
    failed = [r for r in portal.portal.requests() if r.status == 504]
    # In each of the two passes: two sizes of a search and three of a list that are too much, each tried twice, by type.
    assert len(failed) <= 2 * (2 + 3) * 2 * 3


@pytest.mark.slow
async def test_smaller_pages_find_the_same_difference_between_search_and_store(portal: Reconciling):
    portal.portal.set_switches(index_delay_ms=10 * 86_400_000)
    unseen = portal.portal.create("contacts", {"firstname": "Unseen"}, at_ms=portal.portal.now_ms() - 3 * 86_400_000)
    portal.portal.add_fault(Fault(path="/search$", over=20, **GATEWAY_TIMEOUT))
    await portal.sync()
    await portal.reconcile()
    await portal.reconcile(index_delay=AT_ONCE)
    drift = (await portal.reconcile(every=timedelta(days=1), index_delay=AT_ONCE)).drift[ObjectType.CONTACTS]
    assert (drift.surplus_ids, drift.missing_ids) == ((unseen,), ())


async def test_a_search_that_answers_nothing_is_down(portal: Reconciling):
    portal.portal.add_fault(Fault(path="/search$", **GATEWAY_TIMEOUT))
    with pytest.raises(PortalUnavailable, match="504"):
        await portal.sync()
    assert len(portal.portal.requests(path="/search$")) <= 3 * (2 + 3)
    portal.portal.clear_faults()
    await portal.sync()
    portal.assert_equal()

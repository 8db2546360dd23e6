"""Where a portal refuses the full list of properties, a sync completes with fewer, says so, and recovers by itself."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from coppermind_pipeline.accounts import local_caller
from coppermind_pipeline.connectors import status
from coppermind_pipeline.hubspot import BatchRead, RequestRefused
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sandbox import Fault
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import read_definitions
from coppermind_pipeline.sync.hydrating.hydration import Hydrator
from coppermind_pipeline.sync.hydrating.property_set import load_property_set
from coppermind_pipeline.sync.hydrating.required import required_properties
from coppermind_pipeline.sync.hydrating.storing import store_records
from coppermind_pipeline_tests.sync.reconciled import Reconciling
from coppermind_pipeline_tests.unthrottled import unthrottled


@pytest.fixture
async def portal(database: Database, tmp_path: Path) -> AsyncIterator[Reconciling]:
    async with unthrottled(database, tmp_path, definitions_per_type=120) as portal:
        yield portal


def hydrations(portal: Reconciling) -> dict[str, list[str]]:
    return {
        row.object_type: row.refused
        for row in portal.connected.rows("SELECT object_type, refused FROM hubspot_hydrations")
    }


def events(portal: Reconciling, code: str) -> list[Any]:
    return portal.connected.rows("SELECT * FROM connector_events WHERE code = :code ORDER BY id", code=code)


def shown(portal: Reconciling) -> str | None:
    database = portal.connected.database
    (connector,) = status(database, local_caller(database), now=datetime.now(UTC)).connectors
    return connector.hubspot_diagnostics.hydration


def assert_read_without(portal: Reconciling, object_type: str, *, left_out: Callable[[str], bool]) -> None:
    """Assert that each stored record has all of the portal's values but those of the properties that are left out."""
    truth = {r.id: r for r in portal.portal.export().records if r.object_type == object_type}
    stored = portal.live(object_type)
    assert stored
    for record_id in stored:
        expected = {name: value for name, value in truth[record_id].properties.items() if not left_out(name)}
        assert portal.stored(object_type, record_id).properties == expected, record_id


async def a_day_passes(portal: Reconciling) -> None:
    with portal.connected.database.owner() as connection:
        connection.execute(text("UPDATE hubspot_hydrations SET tried_at = tried_at - interval '25 hours'"))


async def test_names_that_are_refused_are_left_out_and_all_others_read(portal: Reconciling):
    portal.portal.set_switches(refused_properties=("phone", "mobilephone"))
    assert (await portal.sync()).complete
    assert hydrations(portal) == {"contacts": ["mobilephone", "phone"], "companies": ["phone"]}
    assert_read_without(portal, "contacts", left_out=lambda name: name in {"phone", "mobilephone"})
    assert_read_without(portal, "companies", left_out=lambda name: name == "phone")
    assert_read_without(portal, "deals", left_out=lambda _: False)
    told = {event.details["object_type"]: event for event in events(portal, "hydration_degraded")}
    assert told.keys() == {"contacts", "companies"}
    assert told["contacts"].severity == "warning"
    assert told["contacts"].details["refused"] == ["mobilephone", "phone"]
    assert shown(portal) == "degraded"


@pytest.mark.slow
async def test_a_list_that_is_refused_as_a_whole_leaves_the_required_properties(portal: Reconciling):
    portal.portal.set_switches(property_names_max=30)
    assert (await portal.sync()).complete
    assert hydrations(portal) == {t.value: [] for t in ObjectType}
    won_stages = [
        f"hs_v2_date_entered_{stage['id']}"
        for pipeline in portal.portal.export().pipelines["deals"]
        for stage in pipeline["stages"]
        if stage["metadata"]["probability"] == "1.0"
    ]
    (lifecycle,) = [
        definition["options"]
        for definition in portal.portal.export().properties["contacts"]
        if definition["name"] == "lifecyclestage"
    ]
    of_stages = {
        ObjectType.DEALS: won_stages,
        ObjectType.CONTACTS: [f"hs_v2_date_entered_{stage['value']}" for stage in lifecycle],
        ObjectType.COMPANIES: [],
    }
    for object_type in ObjectType:
        required = required_properties(object_type, defined=(), of_stages=of_stages[object_type])
        assert_read_without(portal, object_type, left_out=lambda name, required=required: name not in required)
    assert {event.details["object_type"] for event in events(portal, "hydration_degraded")} == {*ObjectType}
    assert shown(portal) == "degraded"


async def test_what_a_portal_refuses_is_not_asked_at_each_page(database: Database, tmp_path: Path):
    async with unthrottled(database, tmp_path, contacts=600, companies=0, deals=0) as portal:
        portal.portal.set_switches(property_names_max=30)
        await portal.sync()
        refusals = [request for request in portal.portal.requests(path="batch/read") if request.status == 400]
        # The batches of one page are asked side by side, before the first refusal is known.
        assert 1 <= len(refusals) <= 6
        portal.portal.clear_log()
        portal.portal.edit("contacts", None, {"city": "Utrecht"})
        await portal.sync()
        assert portal.portal.requests(path="batch/read") == []
        assert len(events(portal, "hydration_degraded")) == 1


async def test_a_refusal_that_is_none_of_names_leaves_no_property_out(database: Database, tmp_path: Path):
    """Such as the page of a proxy: while it lasts the sync fails with its cause; one that passes is nothing."""
    forbidden = Fault(path="batch/read", status=403, body="<html>Forbidden</html>", content_type="text/html")
    async with unthrottled(database, tmp_path, contacts=40, companies=0, deals=0) as portal:
        portal.portal.add_fault(forbidden.model_copy(update={"count": None}))
        with pytest.raises(RequestRefused, match="batch/read with 403"):
            await portal.sync()
        assert hydrations(portal) == {}
        portal.portal.clear_faults()
        portal.portal.add_fault(forbidden)
        await portal.sync()
        assert hydrations(portal) == {}
        assert events(portal, "hydration_degraded") == []
        portal.assert_equal()


@pytest.mark.slow
async def test_what_is_accepted_again_is_read_in_full_by_itself(portal: Reconciling):
    portal.portal.set_switches(property_names_max=30)
    await portal.sync()
    portal.portal.set_switches(property_names_max=0)
    portal.portal.edit("contacts", None, {"city": "Utrecht"})
    await portal.sync()
    assert hydrations(portal).keys() == {*ObjectType}, "it is tried again daily, and not before"

    await a_day_passes(portal)
    for object_type in ObjectType:
        portal.portal.edit(object_type.value, portal.live(object_type)[:1], {"hs_tag": "touched"})
    await portal.sync()
    assert hydrations(portal) == {}
    assert {event.details["object_type"] for event in events(portal, "hydration_restored")} == {*ObjectType}
    assert shown(portal) == "full"
    # What was read with fewer properties meanwhile is read again by the rolling re-read.
    await portal.reread()
    portal.assert_equal()


@pytest.mark.slow
async def test_it_recovers_where_no_record_changes(portal: Reconciling):
    portal.portal.set_switches(property_names_max=30)
    await portal.sync()
    portal.portal.set_switches(property_names_max=0)
    await a_day_passes(portal)
    await portal.sync()
    await portal.reread()
    assert hydrations(portal) == {}
    portal.assert_equal()


@pytest.mark.slow
async def test_still_refused_the_day_after_it_stays_degraded(portal: Reconciling):
    portal.portal.set_switches(property_names_max=30)
    await portal.sync()
    await a_day_passes(portal)
    portal.portal.edit("deals", None, {"dealname": "Renamed"})
    assert (await portal.sync()).complete
    assert hydrations(portal).keys() == {*ObjectType}
    assert events(portal, "hydration_restored") == []
    assert {portal.stored("deals", deal).name for deal in portal.live("deals")} == {"Renamed"}


async def test_a_record_that_two_answers_hold_is_stored_once(portal: Reconciling):
    """What several readers ask for shares batches, so that one reader's answers may bring a record twice."""
    contact = portal.portal.create("contacts", {"firstname": "Ann"})
    async with portal.context() as context:
        await read_definitions(context, ObjectType.CONTACTS)
        properties = await context.read(load_property_set, context.scope, ObjectType.CONTACTS)
        answer = await context.client.batch_read(ObjectType.CONTACTS, [contact], properties.names)

        class Shared:
            async def answers(self, _: Sequence[str]) -> list[BatchRead]:
                return [answer, answer]

        hydrator = Hydrator(context, ObjectType.CONTACTS, properties, batched=Shared())  # pyright: ignore[reportArgumentType]
        records = await hydrator.read_all([contact])
        await context.write(store_records, context, records, hydrator)
    assert len(portal.connected.rows("SELECT FROM hubspot_raw_records")) == 1

from datetime import UTC, datetime

import orjson
import pytest

from coppermind_pipeline.hubspot import (
    BATCH_READ_IDS_MAX,
    Budget,
    Filter,
    Operator,
    PortalUnavailable,
    RequestRefused,
    RetryLimits,
)
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline_tests.hubspot.scripted_portal import Reply

CONTACTS, DEALS = ObjectType.CONTACTS, ObjectType.DEALS


def record(record_id, **properties):
    return {"id": record_id, "properties": properties, "createdAt": "2026-01-01T00:00:00Z", "archived": False}


async def test_a_search_sends_filters_sort_and_cursor_as_hubspot_takes_them(client, portal, budgets):
    portal.will(Reply(body={"total": 0, "results": []}))
    since = datetime(2026, 11, 1, 8, 30, 0, 123_999, tzinfo=UTC)
    await client.search(
        CONTACTS,
        filters=[
            Filter("lastmodifieddate", Operator.GTE, since),
            Filter("hs_object_id", Operator.GT, 501),
            Filter("lifecyclestage", Operator.IN, values=["lead", "customer"]),
        ],
        properties=["email"],
        after="200",
    )
    [request] = portal.requests
    assert (request.method, request.path) == ("POST", "/crm/objects/2026-09/contacts/search")
    assert request.json == {
        "filterGroups": [
            {
                "filters": [
                    {"propertyName": "lastmodifieddate", "operator": "GTE", "value": "1793521800123"},
                    {"propertyName": "hs_object_id", "operator": "GT", "value": "501"},
                    {"propertyName": "lifecyclestage", "operator": "IN", "values": ["lead", "customer"]},
                ]
            }
        ],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "properties": ["email"],
        "limit": 200,
        "after": "200",
    }
    assert budgets.acquired == [Budget.SEARCH]


async def test_a_search_page_keeps_total_records_and_cursor(client, portal):
    portal.will(
        Reply(body={"total": 25_000, "results": [record("1", email=None)], "paging": {"next": {"after": 200}}}),
        Reply(body={"total": 1, "results": [record(7, email="a@example.com")]}),
        Reply(body={"total": 1, "results": [], "paging": None}),
    )
    first, last, empty = [await client.search(CONTACTS) for _ in range(3)]
    assert (first.total, first.after, first.records[0].properties) == (25_000, "200", {})
    assert (last.after, last.records[0].id) == (None, "7")
    assert empty.after is None


async def test_what_orjson_refuses_is_still_read(client, portal):
    body = rb'{"total": 1, "results": [{"id": "1", "properties": {"firstname": "half \ud83d", "nul": "a\u0000b"}}]}'
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(body)
    portal.will(Reply(body=body))
    page = await client.search(CONTACTS)
    assert page.records[0].properties == {"firstname": "half \ud83d", "nul": "a\0b"}


@pytest.mark.parametrize("status", [200, 207])
async def test_a_batch_read_tells_the_fates_of_ids_by_errors_whatever_the_status(client, portal, budgets, status):
    body = {
        "status": "COMPLETE",
        "results": [record("1"), record("900"), record("1")],
        "errors": [
            {"status": "error", "category": "OBJECT_NOT_FOUND", "message": "gone", "context": {"ids": ["2", "3"]}},
            {"status": "error", "category": "INTERNAL_ERROR", "message": "oops", "context": {"ids": [4]}},
        ],
        "numErrors": 2,
    }
    portal.will(Reply(status, body))
    read = await client.batch_read(DEALS, ["1", "2", "3", "4", "5", "1"], ["dealname"])
    assert [r.id for r in read.records] == ["1", "900"]
    assert read.missing_ids == {"2", "3"}
    assert read.failed_ids == {"4"}
    assert read.unanswered_ids == {"5"}
    assert [r.id for r in read.survivors] == ["900"]
    [request] = portal.requests
    assert request.query == {"archived": "false"}
    assert request.json == {
        "inputs": [{"id": i} for i in "12345"],
        "properties": ["dealname"],
        "propertiesWithHistory": [],
    }
    assert budgets.acquired == [Budget.GENERAL]


async def test_a_batch_read_of_archived_records_says_so(client, portal):
    archived = record("1") | {"archived": True, "archivedAt": "2026-10-01T00:00:00Z", "url": "https://x/1"}
    portal.will(Reply(body={"results": [archived]}))
    [found] = (await client.batch_read(DEALS, ["1"], [], archived=True)).records
    assert portal.requests[0].query == {"archived": "true"}
    assert (found.archived, found.archived_at, found.url) == (True, "2026-10-01T00:00:00Z", "https://x/1")


async def test_a_batch_read_sends_no_more_ids_than_hubspot_takes(client, portal):
    with pytest.raises(ValueError, match="101 ids"):
        await client.batch_read(DEALS, map(str, range(BATCH_READ_IDS_MAX + 1)), [])
    assert (await client.batch_read(DEALS, [], [])).records == ()
    assert portal.requests == []


async def test_a_list_page_asks_for_properties_in_one_parameter(client, portal):
    portal.will(Reply(body={"results": [record("1")], "paging": {"next": {"after": "394", "link": "https://…"}}}))
    page = await client.list_page(CONTACTS, properties=["email", "city"], archived=True, after="1")
    assert portal.requests[0].path == "/crm/objects/2026-09/contacts"
    assert portal.requests[0].query == {"limit": "100", "archived": "true", "properties": "email,city", "after": "1"}
    assert page.after == "394"


async def test_an_answer_without_results_is_a_fault_and_no_empty_page(client, portal):
    portal.will(*[Reply(body={"status": "COMPLETE"})] * 3)
    with pytest.raises(PortalUnavailable, match="'results' is missing"):
        await client.batch_read(CONTACTS, ["1"], [])


async def test_a_url_that_is_too_long_is_refused_for_good(client, portal):
    portal.will(Reply(414, b"<html>URI Too Long</html>"))
    with pytest.raises(RequestRefused) as refused:
        await client.list_page(CONTACTS)
    assert refused.value.status == 414
    assert len(portal.requests) == 1


async def test_the_recorded_answers_read_as_records(make_client, portal, recordings):
    client = await make_client(retry_limits=RetryLimits(attempts=1))
    search = orjson.loads((recordings / "objects/search-deals.json").read_bytes())["body"]
    listing = orjson.loads((recordings / "objects/list-contacts-with-next-link.json").read_bytes())
    batch = orjson.loads((recordings / "objects/batch-read-contacts.json").read_bytes())
    portal.will(Reply(body=search), Reply(body=listing), Reply(body=batch))
    deals = await client.search(DEALS)
    assert (deals.total, len(deals.records), deals.after) == (21, 5, "5")
    values = [{name: v for name, v in r["properties"].items() if v is not None} for r in search["results"]]
    assert [r.properties for r in deals.records] == values
    page = await client.list_page(CONTACTS)
    assert ([r.id for r in page.records], page.after) == (["1", "51", "101"], "394")
    read = await client.batch_read(CONTACTS, ["110338039632", "110323586992"], ["email"])
    assert (len(read.records), read.missing_ids, read.unanswered_ids) == (2, frozenset(), frozenset())

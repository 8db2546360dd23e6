"""The sandbox answers in the shapes that HubSpot was recorded with."""

import json
from typing import Any

import httpx
import pytest

from coppermind_pipeline.sandbox.timestamps import parse_ms
from coppermind_pipeline_tests.sandbox.conftest import RECORDINGS

pytestmark = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recorded answers are not here")


def recorded(name: str) -> Any:
    return json.loads((RECORDINGS / name).read_bytes())


def shape(value: Any) -> Any:
    """Members and types of an answer; of a list, the shapes that its entries have; dates are told from other text."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in sorted(value.items())}
    if isinstance(value, list):
        return sorted({json.dumps(shape(each)) for each in value})
    if isinstance(value, str):
        return "date" if "T" in value and parse_ms(value) is not None else "text"
    return type(value).__name__


def without_properties(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "properties"}


def first_link(api: httpx.Client) -> list[str]:
    page = api.get("/crm/v3/objects/contacts?limit=20&associations=companies").json()
    return [record["id"] for record in page["results"] if "associations" in record]


def test_listed_records_have_the_recorded_members_and_string_values(api: httpx.Client):
    mine = api.get("/crm/v3/objects/deals?limit=20&properties=dealname,amount,closedate").json()["results"]
    theirs = recorded("objects/list-deals.json")["body"]["results"]
    assert {json.dumps(shape(without_properties(r))) for r in mine} == {
        json.dumps(shape(without_properties(r))) for r in theirs
    }
    for record in mine:
        assert all(value is None or isinstance(value, str) for value in record["properties"].values())
        assert list(record["properties"]) == sorted(record["properties"])


def test_pages_of_list_and_search_have_the_recorded_members(api: httpx.Client):
    listed = api.get("/crm/v3/objects/contacts?limit=3").json()
    assert shape(listed["paging"]) == shape(recorded("objects/list-contacts-with-next-link.json")["paging"])
    found = api.post("/crm/v3/objects/contacts/search", json={"limit": 1}).json()
    page_one = recorded("objects/search-contacts-page1.json")
    assert set(found) == set(page_one)
    assert shape(found["paging"]) == shape(page_one["paging"])
    assert shape(without_properties(found["results"][0])) == shape(without_properties(page_one["results"][0]))


def test_the_recorded_search_by_two_dates_is_understood(api: httpx.Client):
    answer = api.post("/crm/v3/objects/contacts/search", json=recorded("objects/search-request-since-until.json"))
    assert answer.status_code == 200
    since, until = parse_ms("2024-09-19T04:30:45-08:00") or 0, parse_ms("2025-01-01T00:00:00-08:00") or 0
    found = answer.json()["results"]
    assert found
    assert all(since <= (parse_ms(r["properties"]["lastmodifieddate"]) or 0) <= until for r in found)
    assert [int(r["id"]) for r in found] == sorted(int(r["id"]) for r in found)


def test_batch_read_has_the_recorded_members_also_when_partial(api: httpx.Client):
    ids = [{"id": each} for each in first_link(api)]
    whole = api.post("/crm/v3/objects/contacts/batch/read", json={"inputs": ids, "properties": []}).json()
    theirs = recorded("objects/batch-read-contacts.json")
    assert set(whole) == set(theirs)
    assert shape(without_properties(whole["results"][0])) == shape(without_properties(theirs["results"][0]))
    body = {"inputs": [*ids, {"id": "unknownIdentifier888"}], "properties": []}
    partly = api.post("/crm/v3/objects/contacts/batch/read", json=body).json()
    theirs = recorded("errors/batch-update-contacts-partial.207.json")
    assert set(partly) == set(theirs)
    assert partly["errors"] == theirs["errors"]


def test_links_have_the_recorded_members_also_where_there_are_none(api: httpx.Client):
    inputs = [{"id": each} for each in [*first_link(api), "103107104018"]]
    mine = api.post("/crm/v4/associations/contacts/companies/batch/read", json={"inputs": inputs}).json()
    theirs = recorded("associations/v4-batch-read-contacts-to-companies.207.json")
    assert set(mine) == set(theirs)
    assert mine["errors"] == theirs["errors"]
    assert theirs["results"][0]["to"][0]["associationTypes"] in [
        to["associationTypes"] for result in mine["results"] for to in result["to"]
    ]
    assert shape(theirs["results"][0]) in [shape(result) for result in mine["results"]]
    invalid = api.post(
        "/crm/v4/associations/contacts/companies/batch/read", json={"inputs": [{"id": "unknown_id_123456798"}]}
    )
    assert invalid.json()["errors"] == recorded("associations/v4-batch-create-invalid.207.json")["errors"][:1]


@pytest.mark.parametrize("object_type", ["contacts", "companies", "deals"])
def test_definitions_have_the_recorded_members(api: httpx.Client, object_type: str):
    def members(definitions: list[dict[str, Any]]) -> set[str]:
        return {name for definition in definitions for name in definition}

    mine = api.get(f"/crm/v3/properties/{object_type}").json()["results"]
    theirs = recorded(f"properties/{object_type}.json")["results"] + [recorded("objects/create-property.json")["body"]]
    always = set.intersection(*(set(d) for d in theirs))
    assert always <= set.intersection(*(set(d) for d in mine))
    assert members(mine) <= members(theirs)
    same = {d["name"]: d for d in theirs}
    for definition in mine:
        if definition["name"] in same:
            assert definition["type"] == same[definition["name"]]["type"], definition["name"]


def test_a_definition_of_the_portals_own_has_the_members_of_a_created_one(api: httpx.Client):
    mine = api.get("/crm/v3/properties/contacts/nps_score").json()
    assert shape(mine) == shape(recorded("objects/create-property.json")["body"])


def test_pipelines_are_as_recorded(api: httpx.Client):
    mine = api.get("/crm/v3/pipelines/deals").json()["results"][0]
    assert mine == recorded("pipelines/deals.json")["results"][0]
    lifecycle = api.get("/crm/v3/pipelines/contacts").json()["results"][0]
    assert shape(lifecycle) == shape(recorded("pipelines/contacts-lifecycle.json")["results"][0])


def test_owners_and_account_have_the_recorded_members(api: httpx.Client):
    queue = next(o for o in api.get("/crm/v3/owners").json()["results"] if o["type"] == "QUEUE")
    person = next(o for o in api.get("/crm/v3/owners").json()["results"] if o["type"] == "PERSON")
    theirs = recorded("owners/owners.json")["results"][0]
    assert set(queue) == set(theirs)
    assert shape({name: person[name] for name in theirs}) == shape(theirs)
    account = api.get("/account-info/v3/details").json()
    assert set(account) == set(recorded("account/account-info-details.json"))


def quoted(case: str) -> dict[str, Any]:
    return next(e["body"] for e in recorded("errors/quoted-in-public-threads.json") if e["case"].startswith(case))


def test_error_bodies_are_as_recorded(api: httpx.Client):
    def same(answer: httpx.Response, body: dict[str, Any]) -> None:
        mine = answer.json()
        assert set(mine) - {"correlationId"} == set(body) - {"correlationId"}
        assert {k: v for k, v in mine.items() if k != "correlationId"} == {
            k: v for k, v in body.items() if k != "correlationId"
        }

    same(api.get("/crm/v3/objects/butterflies"), recorded("errors/unknown-object-type.400.json"))
    same(api.get("/crm/v3/schemas"), recorded("errors/missing-scopes-schemas.403.json"))
    twice = {"inputs": [{"id": "123456"}, {"id": "123456"}], "properties": []}
    same(api.post("/crm/v3/objects/contacts/batch/read", json=twice), recorded("errors/batch-duplicate-ids.400.json"))
    same(httpx.get(f"{api.base_url}/crm/v3/owners"), quoted("no or malformed credentials (current"))

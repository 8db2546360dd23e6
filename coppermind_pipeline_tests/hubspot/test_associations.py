import orjson
import pytest

from coppermind_pipeline.hubspot import AssociationType, Budget, Link, PortalUnavailable
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline_tests.hubspot.scripted_portal import Reply

PLAIN = {"category": "HUBSPOT_DEFINED", "typeId": 3, "label": None}
CHAMPION = {"category": "USER_DEFINED", "typeId": "77", "label": "Champion"}


def result(from_id, *to_ids, types=(PLAIN,), after=None):
    page = {"from": {"id": from_id}, "to": [{"toObjectId": i, "associationTypes": list(types)} for i in to_ids]}
    return page | ({"paging": {"next": {"after": after, "link": "https://dead"}}} if after else {})


def none_found(from_id):
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": f"No contact is associated with deal {from_id}.",
        "context": {"fromObjectId": [from_id], "fromObjectType": ["deal"], "toObjectType": ["contact"]},
    }


def answer(*results, errors=(), **more):
    return Reply(
        207 if errors else 200, {"status": "COMPLETE", "results": list(results), "errors": list(errors), **more}
    )


async def read(client, *ids):
    return await client.associations(ObjectType.DEALS, ObjectType.CONTACTS, ids)


def to_ids(links):
    return [link.to_id for link in links]


async def test_links_are_read_with_each_type_and_ids_as_text(client, portal, budgets):
    portal.will(answer(result("1", 29022297485, types=(PLAIN, CHAMPION)), result(2, "7")))
    found = await read(client, "1", "2")
    assert found.links == {
        "1": (
            Link(
                "29022297485",
                (AssociationType("HUBSPOT_DEFINED", 3, None), AssociationType("USER_DEFINED", 77, "Champion")),
            ),
        ),
        "2": (Link("7", (AssociationType("HUBSPOT_DEFINED", 3, None),)),),
    }
    assert portal.requests[0].path == "/crm/associations/2026-09/deals/contacts/batch/read"
    assert portal.requests[0].json == {"inputs": [{"id": "1"}, {"id": "2"}]}
    assert budgets.acquired == [Budget.ASSOCIATIONS]


async def test_a_record_with_many_links_is_followed_to_its_last_page_alone(client, portal):
    portal.will(
        answer(result("1", 10, 11, after="c1"), result("2", 20)),
        answer(result("1", 11, 12, types=(CHAMPION,), after="c2")),
        answer(result("1", 13)),
    )
    found = await read(client, "1", "2")
    assert to_ids(found.links["1"]) == ["10", "11", "12", "13"]
    assert len(found.links["1"][1].types) == 2
    assert [r.json["inputs"] for r in portal.requests[1:]] == [
        [{"id": "1", "after": "c1"}],
        [{"id": "1", "after": "c2"}],
    ]


async def test_no_links_and_an_error_are_told_apart(client, portal):
    invalid = {
        "status": "error",
        "category": "VALIDATION_ERROR",
        "subCategory": "crm.associations.INVALID_IDENTIFIER",
        "message": "x is not a valid ID",
        "context": {"id": ["x"]},
    }
    portal.will(answer(result("3", 30), errors=[none_found("1"), invalid], numErrors=2))
    found = await read(client, "1", "x", "3")
    assert found.links["1"] == ()
    assert to_ids(found.links["3"]) == ["30"]
    assert found.failed["x"].code == "crm.associations.INVALID_IDENTIFIER"
    assert "x" not in found.links


async def test_an_error_on_a_later_page_leaves_no_half_answer(client, portal):
    failing = {"category": "INTERNAL_ERROR", "message": "oops", "context": {"fromObjectId": ["1"]}}
    portal.will(answer(result("1", 10, after="c1")), answer(errors=[failing]))
    found = await read(client, "1")
    assert (found.links, found.failed["1"].category) == ({}, "INTERNAL_ERROR")


async def test_a_record_that_an_answer_passes_over_is_asked_for_again(client, portal):
    portal.will(answer(result("2", 20), errors=[none_found("3")], numErrors=36), answer(result("1", 10)))
    found = await read(client, "1", "2", "3")
    assert {i: to_ids(links) for i, links in found.links.items()} == {"1": ["10"], "2": ["20"], "3": []}
    assert portal.requests[1].json["inputs"] == [{"id": "1"}]


async def test_passed_over_twice_means_no_links_only_where_the_answer_is_whole(client, portal):
    portal.will(*[answer(result("2", 20))] * 1, answer())
    assert (await read(client, "1", "2")).links["1"] == ()
    portal.will(answer(result("2", 20), numErrors=1), answer(numErrors=1))
    trimmed = await read(client, "1", "2")
    assert "1" not in trimmed.links
    assert "1" in trimmed.failed
    portal.will(answer(), answer(errors=[{"category": "INTERNAL_ERROR", "message": "whoever it was"}]))
    unattributed = await read(client, "1")
    assert unattributed.failed["1"].category == "INTERNAL_ERROR"


async def test_passed_over_on_a_later_page_means_failed(client, portal):
    portal.will(answer(result("1", 10, after="c1")), answer(), answer())
    found = await read(client, "1")
    assert (found.links, set(found.failed)) == ({}, {"1"})


async def test_cursors_in_a_circle_end_in_an_error(client, portal):
    portal.will(*[answer(result("1", 10, after=cursor)) for cursor in ("c1", "c2", "c1")])
    found = await read(client, "1")
    assert (found.links, set(found.failed)) == ({}, {"1"})


async def test_more_than_a_thousand_ids_take_several_requests(client, portal):
    for _ in range(3):
        portal.will(lambda request: answer(*[result(i["id"], 5) for i in request.json["inputs"]]))
    found = await read(client, *map(str, range(2_500)))
    assert [len(r.json["inputs"]) for r in portal.requests] == [1_000, 1_000, 500]
    assert len(found.links) == 2_500


async def test_an_answer_without_links_is_a_fault(client, portal):
    portal.will(*[Reply(body={"results": [{"from": {"id": "1"}}]})] * 3)
    with pytest.raises(PortalUnavailable):
        await read(client, "1")


async def test_the_recorded_partial_answer_reads_as_links_and_none(client, portal, recordings):
    name = "associations/v4-batch-read-contacts-to-companies.207.json"
    recorded = orjson.loads((recordings / name).read_bytes())
    portal.will(Reply(207, recorded))
    found = await client.associations(ObjectType.CONTACTS, ObjectType.COMPANIES, ["501", "103107104018"])
    assert to_ids(found.links["501"]) == ["29022297485"]
    assert [t.type_id for t in found.links["501"][0].types] == [1, 279]
    assert found.links["103107104018"] == ()

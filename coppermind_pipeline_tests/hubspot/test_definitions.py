import orjson
import pytest

from coppermind_pipeline.hubspot import PortalUnavailable
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline_tests.hubspot.scripted_portal import Reply


def definition(name, **more):
    return {"name": name, "label": name.title(), "type": "string", "fieldType": "text", "options": [], **more}


def owner(owner_id, **more):
    return {"id": owner_id, "email": f"{owner_id}@example.com", "firstName": "A", "lastName": "B", **more}


async def test_sensitive_properties_are_left_out_also_where_hubspot_lists_them(client, portal):
    kinds = {"a": {}, "b": {"dataSensitivity": "non_sensitive"}, "c": {"dataSensitivity": "sensitive"}}
    kinds["d"] = {"dataSensitivity": "highly_sensitive"}
    portal.will(Reply(body={"results": [definition(name, **more) for name, more in kinds.items()]}))
    assert [p.name for p in await client.properties(ObjectType.CONTACTS)] == ["a", "b"]
    assert portal.requests[0].path == "/crm/properties/2026-09/contacts"
    assert portal.requests[0].query == {"archived": "false", "dataSensitivity": "non_sensitive"}


async def test_a_calculated_property_is_known_by_either_sign(client, portal):
    kinds = [{"calculated": True}, {"fieldType": "calculation_equation", "calculated": False}, {"calculated": False}]
    portal.will(Reply(body={"results": [definition(f"p{i}", **more) for i, more in enumerate(kinds)]}))
    assert [p.calculated for p in await client.properties(ObjectType.DEALS)] == [True, True, False]


async def test_stages_tell_whether_they_are_closed_from_text_or_truth_value(client, portal):
    stages = [
        {"id": "lost", "label": "Lost", "displayOrder": 2, "metadata": {"isClosed": True, "probability": 0.0}},
        {"id": "new", "label": "New", "displayOrder": 0, "metadata": {"isClosed": "false", "probability": "0.2"}},
        {"id": "17", "label": "Odd", "displayOrder": 1},
    ]
    portal.will(Reply(body={"results": [{"id": "default", "label": "Sales", "displayOrder": 0, "stages": stages}]}))
    [pipeline] = await client.pipelines()
    assert portal.requests[0].path == "/crm/pipelines/2026-09/deals"
    assert [(s.id, s.is_closed, s.probability) for s in pipeline.stages] == [
        ("new", False, "0.2"),
        ("17", None, None),
        ("lost", True, "0.0"),
    ]


async def test_owners_are_read_in_both_states_over_all_pages_each_once(client, portal):
    gone = owner("2", archived=True, userId=None, userIdIncludingInactive=5)
    portal.will(
        Reply(body={"results": [gone, owner("1", archived=True)]}),
        Reply(body={"results": [owner("1", archived=False)], "paging": {"next": {"after": "x"}}}),
        Reply(body={"results": [owner("3", type="QUEUE")]}),
    )
    owners = await client.owners()
    assert [(o.id, o.archived) for o in owners] == [("1", False), ("2", True), ("3", False)]
    assert (owners[1].user_id, owners[1].user_id_including_inactive) == (None, 5)
    assert [(r.query["archived"], r.query.get("after")) for r in portal.requests] == [
        ("true", None),
        ("false", None),
        ("false", "x"),
    ]


async def test_pages_in_a_circle_end_in_an_error(client, portal):
    portal.will(*[Reply(body={"results": [], "paging": {"next": {"after": "x"}}})] * 2)
    with pytest.raises(PortalUnavailable, match="circle"):
        await client.owners()


async def test_the_recorded_definitions_owners_and_account_are_read(client, portal, recordings):
    def recorded(name):
        return Reply(body=(recordings / name).read_bytes())

    portal.will(*[recorded(f"properties/{t}.json") for t in ObjectType])
    counts = {t: len(await client.properties(t)) for t in ObjectType}
    listed = {t: len(orjson.loads((recordings / f"properties/{t}.json").read_bytes())["results"]) for t in ObjectType}
    assert counts == listed
    portal.will(recorded("pipelines/deals.json"))
    [pipeline] = await client.pipelines()
    assert [s.id for s in pipeline.stages if s.is_closed] == ["closedwon", "closedlost"]
    portal.will(recorded("owners/owners.json"), Reply(body={"results": []}))
    assert [o.id for o in await client.owners()] == ["32900489", "88842095"]
    portal.will(recorded("account/account-info-details.json"))
    account = await client.account()
    assert (account.portal_id, account.time_zone, account.ui_domain) == (147893286, "US/Eastern", "app-eu1.hubspot.com")

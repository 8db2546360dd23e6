from typing import Any

import httpx
import pytest

from coppermind_pipeline.sandbox import RunningSandbox
from coppermind_pipeline_tests.sandbox.conftest import api_client, ids_of, only, searched

BY_ID = [{"propertyName": "hs_object_id", "direction": "ASCENDING"}]


@pytest.fixture
def three(own: RunningSandbox) -> RunningSandbox:
    """Three contacts: 11 (Ada), 22 (grace, in two segments) and 1003, who has no name."""
    own.control.create(
        "contacts",
        {
            "firstname": "Ada",
            "email": "ada@loom.example",
            "lifecyclestage": "lead",
            "nps_score": "9",
            "interests": "core",
        },
        record_id=11,
        at_ms=1_700_000_000_000,
    )
    own.control.create(
        "contacts",
        {"firstname": "grace", "lifecyclestage": "customer", "nps_score": "10", "interests": "core;analytics"},
        record_id=22,
        at_ms=1_710_000_000_000,
    )
    own.control.create(
        "contacts",
        {"company": "The Loom Works", "first_conversion_date": "2024-05-01"},
        record_id=1003,
        at_ms=1_720_000_000_000,
    )
    return own


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (("firstname", "EQ", "ADA"), ["11"]),
        (("firstname", "NEQ", "ada"), ["22"]),
        (("firstname", "IN", ["ada", "grace"]), ["11", "22"]),
        (("firstname", "NOT_IN", ["ada"]), ["22"]),
        (("firstname", "HAS_PROPERTY"), ["11", "22"]),
        (("firstname", "NOT_HAS_PROPERTY"), ["1003"]),
        (("lifecyclestage", "EQ", "lead"), ["11"]),
        (("lifecyclestage", "EQ", "LEAD"), []),
        (("nps_score", "GT", "9"), ["22"]),
        (("nps_score", "GTE", "9"), ["11", "22"]),
        (("nps_score", "LT", "10"), ["11"]),
        (("hs_object_id", "GT", "22"), ["1003"]),
        (("hs_object_id", "LTE", "22"), ["11", "22"]),
        (("hs_object_id", "IN", ["22", "1003"]), ["22", "1003"]),
        (("interests", "IN", ["analytics"]), ["22"]),
        (("company", "CONTAINS_TOKEN", "loom"), ["1003"]),
        (("company", "CONTAINS_TOKEN", "lo*"), ["1003"]),
        (("email", "CONTAINS_TOKEN", "*ada*"), ["11"]),
        (("company", "NOT_CONTAINS_TOKEN", "loom"), []),
        (("lastmodifieddate", "GTE", 1_710_000_000_000), ["22", "1003"]),
        (("lastmodifieddate", "GTE", "2024-03-09T16:00:00Z"), ["22", "1003"]),
        (("lastmodifieddate", "GT", "2024-03-09T08:00:00-08:00"), ["1003"]),
        (("createdate", "LT", 1_710_000_000_000), ["11"]),
        (("first_conversion_date", "GTE", "2024-05-01T00:00:00Z"), ["1003"]),
        (("hs_lastmodifieddate", "GTE", "1"), []),
    ],
)
def test_each_operator_finds_what_it_should(three: RunningSandbox, condition: tuple[Any, ...], expected: list[str]):
    with api_client(three) as api:
        found = searched(api, "contacts", sorts=BY_ID, **only(condition))
    assert ids_of(found) == expected
    assert found["total"] == len(expected)


def test_between_is_inclusive_and_refuses_nonsense(three: RunningSandbox):
    def between(low: str, high: str) -> dict[str, Any]:
        each = {"propertyName": "nps_score", "operator": "BETWEEN", "value": low, "highValue": high}
        return {"filters": [each], "sorts": BY_ID}

    with api_client(three) as api:
        assert ids_of(searched(api, "contacts", **between("9", "10"))) == ["11", "22"]
        assert api.post("/crm/v3/objects/contacts/search", json=between("10", "9")).status_code == 400
        assert api.post("/crm/v3/objects/contacts/search", json=between("0", "9")).status_code == 500


def test_groups_are_alternatives_and_filters_must_all_hold(three: RunningSandbox):
    groups = [
        {"filters": [{"propertyName": "firstname", "operator": "EQ", "value": "ada"}]},
        {
            "filters": [
                {"propertyName": "nps_score", "operator": "GT", "value": "1"},
                {"propertyName": "lifecyclestage", "operator": "EQ", "value": "customer"},
            ]
        },
    ]
    with api_client(three) as api:
        assert ids_of(searched(api, "contacts", filterGroups=groups, sorts=BY_ID)) == ["11", "22"]


def test_query_words_start_tokens_of_the_searched_properties(three: RunningSandbox):
    with api_client(three) as api:
        assert ids_of(searched(api, "contacts", query="loo", sorts=BY_ID)) == ["11", "1003"]
        assert ids_of(searched(api, "contacts", query="works loom")) == ["1003"]
        assert searched(api, "contacts", query="oom")["total"] == 0


def test_negations_may_find_records_without_a_value(three: RunningSandbox):
    three.control.set_switches(negation_finds_unset=True)
    with api_client(three) as api:
        assert ids_of(searched(api, "contacts", sorts=BY_ID, **only(("firstname", "NEQ", "ada")))) == ["22", "1003"]


def test_linked_records_are_found_by_the_other_ends_id(three: RunningSandbox):
    deal = three.control.create("deals", {"dealname": "One"})
    three.control.associate(("deals", deal), ("contacts", 22))
    with api_client(three) as api:
        assert ids_of(searched(api, "deals", **only(("associations.contact", "EQ", "22")))) == [deal]
        assert ids_of(searched(api, "contacts", **only(("associations.deals", "IN", [deal])))) == ["22"]


def test_the_default_order_is_oldest_created_first(three: RunningSandbox):
    three.control.create("contacts", {}, record_id=5_000, at_ms=1_600_000_000_000)
    with api_client(three) as api:
        assert ids_of(searched(api, "contacts")) == ["5000", "11", "22", "1003"]


def test_one_sort_puts_records_without_a_value_last(three: RunningSandbox):
    with api_client(three) as api:
        descending = [{"propertyName": "nps_score", "direction": "DESCENDING"}]
        assert ids_of(searched(api, "contacts", sorts=descending)) == ["22", "11", "1003"]
        assert ids_of(searched(api, "contacts", sorts=["nps_score"])) == ["11", "22", "1003"]
        two = [{"propertyName": "createdate"}, {"propertyName": "firstname"}]
        assert api.post("/crm/v3/objects/contacts/search", json={"sorts": two}).status_code == 400


def test_ids_may_be_sorted_and_compared_as_text(three: RunningSandbox):
    with api_client(three) as api:
        three.control.set_switches(id_order="text_sort")
        assert ids_of(searched(api, "contacts", sorts=BY_ID)) == ["1003", "11", "22"]
        assert ids_of(searched(api, "contacts", sorts=BY_ID, **only(("hs_object_id", "GT", "22")))) == ["1003"]
        three.control.set_switches(id_order="text")
        assert ids_of(searched(api, "contacts", sorts=BY_ID, **only(("hs_object_id", "GT", "1003")))) == ["11", "22"]


def test_pages_by_offset_hold_every_record_once(api: httpx.Client):
    seen: list[str] = []
    after: str | None = None
    while True:
        page = searched(api, "contacts", limit=70, **({"after": after} if after else {}))
        seen += ids_of(page)
        if "paging" not in page:
            break
        assert "link" not in page["paging"]["next"]
        after = page["paging"]["next"]["after"]
        assert after == str(len(seen))
    assert len(seen) == len(set(seen)) == page["total"]


def test_a_walk_by_id_holds_every_record_once_and_counts_down(api: httpx.Client, shared: RunningSandbox):
    last, seen = "0", []
    while True:
        page = searched(api, "deals", limit=50, sorts=BY_ID, **only(("hs_object_id", "GT", last)))
        if not page["results"]:
            break
        assert page["total"] == len(shared.control.export().live("deals")) - len(seen)
        seen += ids_of(page)
        last = seen[-1]
    assert [int(i) for i in seen] == sorted(int(i) for i in shared.control.export().live("deals"))


def test_default_and_requested_properties_come_with_id_and_dates(api: httpx.Client):
    default = searched(api, "deals", limit=1)["results"][0]["properties"]
    assert set(default) == {
        "amount",
        "closedate",
        "createdate",
        "dealname",
        "dealstage",
        "hs_lastmodifieddate",
        "hs_object_id",
        "pipeline",
    }
    asked = searched(api, "contacts", limit=1, properties=["hs_feedback_last_nps_rating", "no_such_name"])
    properties = asked["results"][0]["properties"]
    assert list(properties) == ["createdate", "hs_feedback_last_nps_rating", "hs_object_id", "lastmodifieddate"]
    assert properties["hs_feedback_last_nps_rating"] is None


def test_more_than_ten_thousand_results_are_counted_but_not_paged(start):
    sandbox = start(contacts=10_300, companies=10, deals=0)
    with api_client(sandbox) as api:
        total = searched(api, "contacts", limit=1)["total"]
        assert total > 10_000
        last = searched(api, "contacts", limit=200, after="9800")
        assert last["total"] == total
        assert last["paging"]["next"]["after"] == "10000"
        for after in ("10000", "9900", "20000"):
            refused = api.post("/crm/objects/2026-09/contacts/search", json={"limit": 200, "after": after})
            assert refused.status_code == 400
            assert refused.json()["category"] == "VALIDATION_ERROR"


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"limit": "many"},
        {"after": "x"},
        {"filterGroups": [{"filters": []}] * 6},
        {"filterGroups": [{"filters": [{"propertyName": "email", "operator": "HAS_PROPERTY"}] * 7}]},
        {"filterGroups": [{"filters": [{"propertyName": "email", "operator": "HAS_PROPERTY"}] * 5}] * 4},
        {"filterGroups": {"filters": []}},
        {"filters": [{"propertyName": "email", "operator": "LIKE", "value": "x"}]},
        {"filters": [{"propertyName": "email", "operator": "IN", "value": ["x"]}]},
        {"filters": [{"propertyName": "email", "operator": "IN", "value": "x"}]},
        {"filters": [{"propertyName": "email", "operator": "EQ"}]},
        {"filters": [{"propertyName": "no_such_property", "operator": "EQ", "value": "x"}]},
        {"filters": [{"propertyName": "lastmodifieddate", "operator": "GTE", "value": "yesterday"}]},
        {"filters": [{"propertyName": "nps_score", "operator": "GTE", "value": "ten"}]},
        {"query": "x" * 3_001},
        [],
    ],
)
def test_a_search_that_makes_no_sense_is_a_400(api: httpx.Client, body: Any):
    refused = api.post("/crm/objects/2026-09/contacts/search", json=body)
    assert refused.status_code == 400
    assert {"status", "message", "correlationId"} <= set(refused.json())


def test_a_value_of_the_wrong_shape_is_refused_in_the_words_of_hubspots_json_reader(api: httpx.Client):
    each = {"propertyName": "email", "operator": "IN", "value": ["x"]}
    refused = api.post("/crm/v3/objects/contacts/search", json={"filters": [each]}).json()
    assert refused["message"].startswith("Invalid input JSON on line 1, column ")
    assert refused["message"].endswith("Cannot deserialize instance of `java.lang.String` out of START_ARRAY token")


def test_the_total_may_stop_where_the_pages_do(start):
    sandbox = start(contacts=10_300, companies=10, deals=0)
    sandbox.control.set_switches(total_capped=True, search_body_characters_max=300)
    with api_client(sandbox) as api:
        assert searched(api, "contacts", limit=1)["total"] == 10_000
        long = api.post("/crm/v3/objects/contacts/search", json={"properties": ["email"] * 60})
        assert long.status_code == 400


def test_short_and_empty_pages_still_lead_through_everything(start):
    sandbox = start()
    live = len(sandbox.control.export().live("companies"))
    sandbox.control.set_switches(short_pages=True, empty_pages=True)
    with api_client(sandbox) as api:
        first = searched(api, "companies", limit=20)
        assert first["results"] == []
        seen, after = [], first["paging"]["next"]["after"]
        while after is not None:
            page = searched(api, "companies", limit=20, after=after)
            assert len(page["results"]) <= 10
            seen += ids_of(page)
            after = page.get("paging", {}).get("next", {}).get("after")
    assert len(set(seen)) == len(seen) == live


def test_search_lags_behind_edits_while_list_and_batch_read_do_not(start):
    sandbox = start(contacts=0, companies=0, deals=0)
    control = sandbox.control
    old = control.create("contacts", {"firstname": "Old"})
    control.set_switches(index_delay_ms=5_000, index_jitter_ms=1_000)
    new = control.create("contacts", {"firstname": "New"})
    control.edit("contacts", [old], {"firstname": "Edited"})
    with api_client(sandbox) as api:
        shown = searched(api, "contacts", properties=["firstname"])["results"]
        assert [(r["id"], r["properties"]["firstname"]) for r in shown] == [(old, "Old")]
        listed = api.get("/crm/objects/2026-09/contacts?properties=firstname").json()["results"]
        assert [(r["id"], r["properties"]["firstname"]) for r in listed] == [(old, "Edited"), (new, "New")]
        control.set_switches(list_lags=True)
        listed = api.get("/crm/objects/2026-09/contacts?properties=firstname").json()["results"]
        assert [(r["id"], r["properties"]["firstname"]) for r in listed] == [(old, "Old")]
        control.archive("contacts", [new])
        control.advance_clock(6_001)
        shown = searched(api, "contacts", properties=["firstname"])
        assert [r["properties"]["firstname"] for r in shown["results"]] == ["Edited"]
        control.archive("contacts", [old])
        assert searched(api, "contacts")["total"] == 1
        control.advance_clock(6_001)
        assert searched(api, "contacts")["total"] == 0

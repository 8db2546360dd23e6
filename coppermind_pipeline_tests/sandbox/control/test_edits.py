import httpx
import pytest

from coppermind_pipeline.sandbox import ControlClient, ControlError, RunningSandbox
from coppermind_pipeline_tests.sandbox.conftest import api_client, ids_of, only, searched

NOW = 1_790_000_000_000


def values(control: ControlClient, object_type: str, record_id: str) -> dict[str, str]:
    return next(r.properties for r in control.export().records if (r.object_type, r.id) == (object_type, record_id))


def test_a_created_deal_has_what_hubspot_calculates(own: RunningSandbox):
    deal = own.control.create(
        "deals",
        {
            "dealname": "One",
            "amount": "100.50",
            "dealstage": "closedwon",
            "pipeline": "default",
            "closedate": "2026-09-20T00:00:00Z",
        },
        at_ms=NOW,
    )
    found = values(own.control, "deals", deal)
    assert found["hs_is_closed"] == found["hs_is_closed_won"] == "true"
    assert found["amount_in_home_currency"] == "100.50"
    assert found["hs_closed_amount"] == "100.50"
    assert found["hs_v2_date_entered_closedwon"] == found["hs_v2_date_entered_current_stage"] == found["createdate"]
    assert found["hs_closed_won_date"] == "2026-09-20T00:00:00Z"


def test_moving_a_deal_renews_what_depends_on_its_stage(own: RunningSandbox):
    deal = own.control.create(
        "deals", {"amount": "10", "dealstage": "closedwon", "closedate": "2026-09-22T00:00:00Z"}, at_ms=NOW
    )
    own.control.edit("deals", [deal], {"dealstage": "qualifiedtobuy"}, at_ms=NOW + 5_000)
    found = values(own.control, "deals", deal)
    assert found["hs_is_closed"] == "false"
    assert "hs_closed_won_date" not in found
    assert found["hs_deal_stage_probability"] == "0.40000000000000002220446049250313080847263336181640625"
    assert (
        found["hs_v2_date_exited_closedwon"]
        == found["hs_v2_date_entered_qualifiedtobuy"]
        == found["hs_lastmodifieddate"]
    )


def test_a_foreign_amount_is_told_in_the_companys_currency_too(own: RunningSandbox):
    deal = own.control.create("deals", {"amount": "100", "deal_currency_code": "EUR", "hs_exchange_rate": "1.1"})
    assert values(own.control, "deals", deal)["amount_in_home_currency"] == "110.00"


def test_any_number_of_records_change_in_one_millisecond(own: RunningSandbox, own_api: httpx.Client):
    made = own.control.create_many("contacts", [{}] * 1_200)
    assert own.control.edit("contacts", None, {"city": "Lyon"}, at_ms=NOW) == 1_200
    found = searched(own_api, "contacts", **only(("lastmodifieddate", "EQ", NOW), ("city", "EQ", "lyon")))
    assert found["total"] == len(made) == 1_200


def test_modified_dates_can_be_spread_over_time(own: RunningSandbox):
    own.control.create_many("contacts", [{}] * 100)
    own.control.edit("contacts", None, {"city": "Lyon"}, at_ms=NOW, spread_ms=1_000)
    dates = [r.modified_ms for r in own.control.export().records]
    assert (min(dates), max(dates), len(set(dates))) == (NOW - 990, NOW, 100)


def test_a_calculated_value_changes_without_moving_the_date(own: RunningSandbox, own_api: httpx.Client):
    contact = own.control.create("contacts", {"firstname": "Ada"}, at_ms=NOW)
    own.control.edit("contacts", [contact], {"num_associated_deals": "4", "firstname": None}, touch=False)
    record = own_api.get(f"/crm/objects/2026-09/contacts/{contact}?properties=num_associated_deals,firstname").json()
    assert record["properties"]["num_associated_deals"] == "4"
    assert record["properties"]["firstname"] is None
    assert record["updatedAt"] == record["createdAt"]


def test_archiving_hides_a_record_everywhere_but_in_the_archived_list(own: RunningSandbox, own_api: httpx.Client):
    contact = own.control.create("contacts", {"firstname": "Ada"}, at_ms=NOW)
    assert own.control.archive("contacts", [contact]) == 1
    assert own.control.archive("contacts", [contact]) == 0
    assert searched(own_api, "contacts")["total"] == 0
    assert own_api.get("/crm/objects/2026-09/contacts").json() == {"results": []}
    (record,) = own_api.get("/crm/objects/2026-09/contacts?archived=true").json()["results"]
    assert record["archived"]
    assert record["updatedAt"] == record["createdAt"]
    assert own.control.restore("contacts", [contact]) == 1
    assert searched(own_api, "contacts")["total"] == 1


def test_a_merge_makes_a_new_record_to_which_both_old_ids_lead(own: RunningSandbox, own_api: httpx.Client):
    control = own.control
    first = control.create("deals", {"dealname": "First", "amount": "1"})
    second = control.create("deals", {"dealname": "Second", "description": "kept"})
    contacts = control.create_many("contacts", [{}, {}])
    for deal, contact in zip((first, second), contacts, strict=True):
        control.associate(("deals", deal), ("contacts", contact))
    survivor = control.merge("deals", first, second)
    assert survivor not in {first, second}
    found = values(control, "deals", survivor)
    assert (found["dealname"], found["description"]) == ("First", "kept")
    assert found["hs_merged_object_ids"] == f"{first};{second}"
    assert ids_of(searched(own_api, "deals")) == [survivor]
    body = {"inputs": [{"id": first}], "properties": [], "propertiesWithHistory": []}
    assert ids_of(own_api.post("/crm/objects/2026-09/deals/batch/read", json=body).json()) == [survivor]
    asked = {"inputs": [{"id": survivor}, {"id": first}]}
    links = own_api.post("/crm/associations/2026-09/deals/contacts/batch/read", json=asked).json()
    assert [str(to["toObjectId"]) for to in links["results"][0]["to"]] == contacts
    assert links["errors"][0]["context"]["fromObjectId"] == [first]
    assert own_api.get("/crm/objects/2026-09/deals?archived=true").json()["results"] == []
    control.set_switches(merged_ids_archived=True)
    assert ids_of(own_api.get("/crm/objects/2026-09/deals?archived=true").json()) == [first, second]


def test_a_record_has_one_primary_company_whatever_is_linked_or_merged(own: RunningSandbox):
    def primaries() -> list[tuple[str, str]]:
        return [(link.from_id, link.to_id) for link in own.control.export().links if link.label == "Primary"]

    first, second = own.control.create_many("deals", [{}, {}])
    one, two, three = own.control.create_many("companies", [{}, {}, {}])
    own.control.associate(("deals", first), ("companies", one), label="Primary")
    own.control.associate(("companies", two), ("deals", first), label="Primary")
    assert primaries() == [(first, two)]
    own.control.associate(("deals", second), ("companies", three), label="Primary")
    survivor = own.control.merge("deals", first, second)
    assert primaries() == [(survivor, two)]
    plain = {link.to_id for link in own.control.export().links if link.label is None}
    assert plain == {one, two, three}


def test_merges_of_merges_name_every_old_id_and_lead_on(own: RunningSandbox, own_api: httpx.Client):
    a, b, c = own.control.create_many("contacts", [{}, {}, {}])
    ab = own.control.merge("contacts", a, b)
    abc = own.control.merge("contacts", ab, c)
    found = values(own.control, "contacts", abc)
    assert found["hs_merged_object_ids"] == f"{a};{b};{ab};{c}"
    assert [entry.split(":")[0] for entry in found["hs_calculated_merged_vids"].split(";")] == [a, b, ab, c]
    body = {"inputs": [{"id": a}, {"id": b}], "properties": []}
    assert ids_of(own_api.post("/crm/objects/2026-09/contacts/batch/read", json=body).json()) == [abc]


def test_a_merge_may_keep_the_primarys_id(own: RunningSandbox):
    own.control.set_switches(merge_keeps_id=True)
    first, second = own.control.create_many("companies", [{}, {}])
    assert own.control.merge("companies", first, second) == first
    assert list(own.control.export().live("companies")) == [first]


@pytest.mark.parametrize("how", ["erased", "purged"])
def test_what_is_gone_for_good_is_nowhere(own: RunningSandbox, own_api: httpx.Client, how: str):
    contact = own.control.create("contacts", {})
    deal = own.control.create("deals", {})
    own.control.associate(("deals", deal), ("contacts", contact))
    (own.control.erase if how == "erased" else own.control.purge)("contacts", [contact])
    assert own_api.get("/crm/objects/2026-09/contacts?archived=true").json()["results"] == []
    body = {"inputs": [{"id": contact}], "properties": []}
    assert own_api.post("/crm/objects/2026-09/contacts/batch/read", json=body).json()["results"] == []
    state = own.control.export()
    assert state.gone == {("contacts", contact): how}
    assert state.links == []


def test_the_export_is_the_whole_truth(start):
    sandbox = start()
    state = sandbox.control.export()
    with api_client(sandbox) as api:
        counted = {kind: searched(api, kind, limit=1)["total"] for kind in ("contacts", "companies", "deals")}
    assert {kind: len(state.live(kind)) for kind in ("contacts", "companies", "deals")} == counted
    assert len(state.owners) > 5
    assert len(state.pipelines["deals"]) == 2
    assert {(link.from_type, link.to_type) for link in state.links} == {
        ("contacts", "companies"),
        ("deals", "contacts"),
        ("deals", "companies"),
    }


def test_a_further_portal_can_be_made_while_running(own: RunningSandbox):
    hub_id = own.control.create_portal(contacts=12, companies=3, deals=4, seed=5)
    assert len(own.control.export(hub_id=hub_id).records) == 19
    with pytest.raises(ControlError, match="exists already"):
        own.control.create_portal(hub_id=hub_id)


def test_an_impossible_change_is_refused_and_changes_nothing(own: RunningSandbox):
    contact = own.control.create("contacts", {})
    before = own.control.export()
    with pytest.raises(ControlError, match="a merge takes two live contacts"):
        own.control.merge("contacts", contact, 99)
    with pytest.raises(ControlError, match="exists already"):
        own.control.create("contacts", {}, record_id=int(contact))
    with pytest.raises(ControlError, match="createdate can't change"):
        own.control.edit("contacts", [contact], {"createdate": "2020-01-01"}, touch=False)
    with pytest.raises(ControlError, match="no switch nonsense"):
        own.control.set_switches(nonsense=True)
    with pytest.raises(ControlError, match="id_order"):
        own.control.set_switches(id_order="backwards")
    with pytest.raises(ControlError, match="no portal 5"):
        own.control.edit("contacts", [contact], {}, hub_id=5)
    with pytest.raises(ControlError, match="no pipeline"):
        own.control.set_stage("none", "1")
    response = httpx.post(f"{own.url}/__sandbox__/edit", json={"object_type": "contacts", "id": 1})
    assert response.status_code == 400
    assert "id: Extra inputs are not permitted" in response.json()["error"]
    assert httpx.post(f"{own.url}/__sandbox__/nothing").status_code == 404
    assert own.control.export() == before

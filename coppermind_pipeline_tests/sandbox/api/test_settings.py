import httpx
import pytest

from coppermind_pipeline.sandbox import RunningSandbox


@pytest.mark.parametrize("object_type", ["contacts", "companies", "deals"])
def test_each_type_has_about_250_definitions_of_every_sort(api: httpx.Client, object_type: str):
    definitions = api.get(f"/crm/properties/2026-09/{object_type}").json()["results"]
    by_name = {d["name"]: d for d in definitions}
    assert len(by_name) == len(definitions) == 250
    assert {"string", "number", "datetime", "date", "bool", "enumeration", "object_coordinates"} <= {
        d["type"] for d in definitions
    }
    assert any(d["fieldType"].startswith("calculation_") for d in definitions)
    assert any(not d.get("hubspotDefined") for d in definitions)
    assert by_name["hubspot_owner_id"]["externalOptions"]
    assert by_name["hubspot_owner_id"]["options"] == []
    assert by_name["hs_object_id"]["modificationMetadata"]["readOnlyValue"]


def test_the_number_of_definitions_is_a_setting(start):
    sandbox = start(definitions_per_type=1_200, contacts=1, companies=1, deals=1)
    assert {len(p) for p in sandbox.control.export().properties.values()} == {1_200}


def test_one_definition_is_served_by_name(api: httpx.Client):
    stage = api.get("/crm/properties/2026-09/deals/dealstage").json()
    assert stage["externalOptions"]
    assert api.get("/crm/properties/2026-09/deals/nothing").status_code == 404


def test_definitions_change_and_archived_or_sensitive_ones_are_apart(own: RunningSandbox, own_api: httpx.Client):
    def names(query: str = "") -> set[str]:
        return {d["name"] for d in own_api.get(f"/crm/properties/2026-09/deals{query}").json()["results"]}

    document = {"name": "deal_flavour", "label": "Flavour", "type": "string", "fieldType": "text"}
    own.control.set_property("deals", document)
    own.control.set_property("deals", document | {"name": "health", "dataSensitivity": "sensitive"})
    deal = own.control.create("deals", {"deal_flavour": "plum"})
    assert "deal_flavour" in names()
    assert "health" not in names()
    assert names("?dataSensitivity=sensitive") == {"health"}
    own.control.archive_property("deals", "deal_flavour")
    assert "deal_flavour" not in names()
    assert names("?archived=true") == {"deal_flavour"}
    shown = own_api.get(f"/crm/objects/2026-09/deals/{deal}?properties=deal_flavour,dealname").json()
    assert "deal_flavour" not in shown["properties"]
    own.control.remove_property("deals", "dealname")
    assert "dealname" not in names()


def test_two_pipelines_have_stages_of_their_own_one_with_numbers_for_ids(api: httpx.Client):
    pipelines = api.get("/crm/pipelines/2026-09/deals").json()["results"]
    assert len(pipelines) == 2
    sales, other = pipelines
    assert sales["id"] == "default"
    assert all(stage["id"].isdigit() for stage in other["stages"])
    for pipeline in pipelines:
        metadata = [stage["metadata"] for stage in pipeline["stages"]]
        assert {"isClosed": "true", "probability": "1.0"} in metadata
        assert {"isClosed": "true", "probability": "0.0"} in metadata
        assert api.get(f"/crm/pipelines/2026-09/deals/{pipeline['id']}").json() == pipeline
    assert api.get("/crm/pipelines/2026-09/contacts").json()["results"][0]["id"] == "contacts-lifecycle-pipeline"


def test_a_stage_comes_and_goes_with_its_properties(own: RunningSandbox, own_api: httpx.Client):
    def stage_ids() -> list[str]:
        (pipeline,) = [p for p in own_api.get("/crm/pipelines/v3/deals").json()["results"] if p["id"] == "default"]
        return [stage["id"] for stage in pipeline["stages"]]

    own.control.set_stage("default", "777", label="Handshake", probability=0.95)
    assert "777" in stage_ids()
    assert own_api.get("/crm/properties/2026-09/deals/hs_v2_date_entered_777").status_code == 200
    deal = own.control.create("deals", {"dealstage": "777", "pipeline": "default"})
    own.control.remove_stage("default", "777")
    assert "777" not in stage_ids()
    assert own_api.get("/crm/properties/2026-09/deals/hs_v2_date_entered_777").status_code == 404
    assert own_api.get(f"/crm/objects/2026-09/deals/{deal}").json()["properties"]["dealstage"] == "777"


def test_owners_who_left_are_listed_apart_and_without_their_user_id(api: httpx.Client):
    active = api.get("/crm/owners/2026-09?archived=false").json()["results"]
    left = api.get("/crm/v3/owners/?archived=true").json()["results"]
    assert active
    assert left
    assert {o["id"] for o in active}.isdisjoint(o["id"] for o in left)
    assert all(o["userId"] is None and o["userIdIncludingInactive"] for o in left)
    assert {o["type"] for o in active} == {"PERSON", "QUEUE"}
    assert api.get(f"/crm/owners/2026-09/{left[0]['id']}?archived=true").json() == left[0]


def test_owners_are_paged_and_found_by_email(api: httpx.Client):
    seen, after = [], "0"
    while after is not None:
        page = api.get(f"/crm/owners/2026-09?limit=2&after={after}").json()
        seen += page["results"]
        after = page.get("paging", {}).get("next", {}).get("after")
    assert seen == api.get("/crm/owners/2026-09").json()["results"]
    assert api.get("/crm/owners/2026-09", params={"email": seen[0]["email"].upper()}).json()["results"] == [seen[0]]
    assert api.get("/crm/owners/2026-09?limit=501").status_code == 400


def test_owners_change(own: RunningSandbox, own_api: httpx.Client):
    owner = own_api.get("/crm/owners/2026-09").json()["results"][0]
    own.control.set_owners([owner | {"archived": True}])
    assert owner["id"] in {o["id"] for o in own_api.get("/crm/owners/2026-09?archived=true").json()["results"]}


def test_account_details_tell_zone_currency_and_todays_offset(own: RunningSandbox, own_api: httpx.Client):
    account = own_api.get("/account-info/2026-09/details").json()
    assert account["timeZone"] == "US/Eastern"
    assert account["companyCurrency"] == "USD"
    assert account["additionalCurrencies"] == ["EUR"]
    own.control.set_account(time_zone="Asia/Kolkata", ui_domain="app-eu1.hubspot.com")
    account = own_api.get("/account-info/v3/details").json()
    assert account["utcOffset"] == "+05:30"
    assert account["utcOffsetMilliseconds"] == 19_800_000
    assert account["dataHostingLocation"] == "eu1"

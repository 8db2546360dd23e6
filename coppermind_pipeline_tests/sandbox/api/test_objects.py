import httpx
import pytest

from coppermind_pipeline.sandbox import RunningSandbox
from coppermind_pipeline_tests.sandbox.conftest import api_client, ids_of

BATCH = "/crm/objects/2026-09/contacts/batch/read"


def batch(api: httpx.Client, ids: list[str], path: str = BATCH, **more: object) -> httpx.Response:
    return api.post(
        path, json={"inputs": [{"id": each} for each in ids], "properties": [], "propertiesWithHistory": []} | more
    )


@pytest.fixture(scope="module")
def ids(api: httpx.Client) -> list[str]:
    return ids_of(api.get("/crm/objects/2026-09/contacts?limit=100").json())


def test_the_list_holds_every_live_record_in_ascending_order_of_id(api: httpx.Client, shared: RunningSandbox):
    seen: list[str] = []
    query: dict[str, str] = {"limit": "70", "properties": "email"}
    while True:
        page = api.get("/crm/objects/2026-09/contacts", params=query).json()
        assert "total" not in page
        seen += ids_of(page)
        if "paging" not in page:
            break
        following = page["paging"]["next"]
        assert following["link"].startswith("https://api.hubapi.com/crm/objects/2026-09/contacts?")
        assert f"after={following['after']}" in following["link"]
        query["after"] = following["after"]
    assert seen == sorted(shared.control.export().live("contacts"), key=int)


def test_after_is_the_id_that_the_next_page_begins_with(api: httpx.Client):
    page = api.get("/crm/objects/2026-09/deals?limit=3").json()
    after = page["paging"]["next"]["after"]
    assert ids_of(api.get(f"/crm/objects/2026-09/deals?limit=1&after={after}").json()) == [after]


@pytest.mark.parametrize(
    "query", ["limit=101", "limit=0", "limit=x", "limit=51&propertiesWithHistory=email", "after=x"]
)
def test_a_list_beyond_its_limits_is_a_400(api: httpx.Client, query: str):
    assert api.get(f"/crm/objects/2026-09/contacts?{query}").status_code == 400


def test_archived_records_are_listed_only_when_asked_for(start):
    sandbox = start(contacts=2_000, companies=5, deals=0)
    with api_client(sandbox) as api:
        archived = api.get("/crm/objects/2026-09/contacts?archived=true&limit=100").json()["results"]
        live = ids_of(api.get("/crm/objects/2026-09/contacts?limit=100").json())
        assert archived
        assert all(record["archived"] and record["archivedAt"] for record in archived)
        gone = archived[0]["id"]
        assert gone not in live
        assert batch(api, [gone]).json()["results"] == []
        assert ids_of(batch(api, [gone, live[0]], path=f"{BATCH}?archived=true").json()) == [gone]


def test_batch_read_gives_what_is_found_and_names_what_is_not(api: httpx.Client, ids: list[str]):
    whole = batch(api, ids[:100])
    assert whole.status_code == 200
    assert sorted(ids_of(whole.json())) == sorted(ids[:100])
    assert "errors" not in whole.json()
    partly = batch(api, [ids[0], "999", "not-a-number"])
    assert partly.status_code == 207
    assert ids_of(partly.json()) == [ids[0]]
    (error,) = partly.json()["errors"]
    assert error["category"] == "OBJECT_NOT_FOUND"
    assert error["message"].startswith("Could not get some CONTACT objects")
    assert sorted(error["context"]["ids"]) == ["999", "not-a-number"]
    assert partly.json()["numErrors"] == 1


def test_batch_read_takes_100_ids_and_50_with_history(api: httpx.Client, ids: list[str]):
    assert batch(api, [*ids[:100], "1"]).status_code == 400
    assert batch(api, ids[:50], propertiesWithHistory=["email"]).status_code == 200
    refused = batch(api, ids[:51], propertiesWithHistory=["email"])
    assert refused.status_code == 400
    assert "50 when requesting properties with history" in refused.json()["message"]


def test_history_names_the_value_and_when_it_was_set(api: httpx.Client, ids: list[str]):
    record = batch(api, ids[:1], propertiesWithHistory=["lastname"], properties=["lastname"]).json()["results"][0]
    (entry,) = record["propertiesWithHistory"]["lastname"]
    assert entry["value"] == record["properties"]["lastname"]
    assert entry["timestamp"] == record["updatedAt"]


def test_the_same_id_twice_is_refused_unless_switched_off(start):
    sandbox = start(contacts=5)
    with api_client(sandbox) as api:
        one = ids_of(api.get("/crm/objects/2026-09/contacts?limit=1").json())[0]
        refused = batch(api, [one, one])
        assert refused.status_code == 400
        assert refused.json()["context"] == {"ids": [one]}
        sandbox.control.set_switches(duplicate_ids_refused=False)
        assert ids_of(batch(api, [one, one]).json()) == [one]


def test_unset_properties_are_null_or_left_out(start):
    sandbox = start()
    with api_client(sandbox) as api:
        names = [p["name"] for p in api.get("/crm/properties/2026-09/contacts").json()["results"]]
        ids = ids_of(api.get("/crm/objects/2026-09/contacts?limit=5").json())
        with_nulls = batch(api, ids, properties=[*names, "unknown_name"]).json()["results"]
        assert all(list(record["properties"]) == sorted(names) for record in with_nulls)
        sandbox.control.set_switches(unset_as_null=False)
        without = batch(api, ids, properties=[*names, "unknown_name"]).json()["results"]
        assert [r["properties"] for r in without] == [
            {name: value for name, value in r["properties"].items() if value is not None} for r in with_nulls
        ]


def test_batch_read_may_answer_in_another_order_than_asked(start):
    sandbox = start()
    with api_client(sandbox) as api:
        ids = ids_of(api.get("/crm/objects/2026-09/contacts?limit=9").json())
        assert ids_of(batch(api, ids[::2] + ids[1::2]).json()) == ids[::2] + ids[1::2]
        sandbox.control.set_switches(batch_reversed=True)
        assert ids_of(batch(api, ids).json()) == ids[::-1]


def test_a_record_may_be_read_by_another_property(start):
    sandbox = start(contacts=0, companies=0, deals=0)
    made = sandbox.control.create("contacts", {"email": "Ada@loom.example"})
    with api_client(sandbox) as api:
        assert ids_of(batch(api, ["ada@loom.example"], idProperty="email").json()) == [made]
        one = api.get("/crm/objects/2026-09/contacts/ADA@loom.example?idProperty=email")
        assert one.json()["id"] == made


def test_one_record_is_served_by_id_with_its_links(start):
    sandbox = start(contacts=0, companies=0, deals=0)
    contact = sandbox.control.create("contacts", {"firstname": "Ada"})
    company = sandbox.control.create("companies", {"name": "Loom"})
    sandbox.control.associate(("contacts", contact), ("companies", company), label="Primary")
    with api_client(sandbox) as api:
        record = api.get(f"/crm/objects/2026-09/contacts/{contact}?properties=firstname&associations=companies").json()
        assert record["properties"]["firstname"] == "Ada"
        assert record["associations"]["companies"]["results"] == [
            {"id": company, "type": "contact_to_company_labeled"},
            {"id": company, "type": "contact_to_company"},
        ]
        assert record["url"].endswith(f"/record/0-1/{contact}")
        assert api.get("/crm/objects/2026-09/contacts/12345").status_code == 404


def test_refused_property_names_are_listed_in_the_400(start):
    sandbox = start()
    sandbox.control.set_switches(refused_properties=["city"])
    with api_client(sandbox) as api:
        refused = batch(api, ["1"], properties=["email", "city"])
        assert refused.status_code == 400
        assert [e["context"]["propertyName"] for e in refused.json()["errors"]] == [["city"]]
        assert refused.json()["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"
        sandbox.control.set_switches(refused_properties=[], property_names_max=1)
        assert batch(api, ["1"], properties=["email", "city"]).status_code == 400
        assert batch(api, ["1"], properties=["email"]).status_code == 207


@pytest.mark.parametrize(
    "path",
    [
        "/crm/objects/2026-09/contacts",
        "/crm/objects/2026-03/contacts",
        "/crm/v3/objects/contacts",
        "/crm/objects/v3/contact",
        "/crm/v3/objects/0-1",
        "/crm/v3/objects/contacts/",
    ],
)
def test_every_version_of_a_path_answers_alike(api: httpx.Client, path: str):
    assert ids_of(api.get(path).json()) == ids_of(api.get("/crm/objects/2026-09/contacts").json())


def test_an_unknown_type_path_or_method_is_refused(api: httpx.Client):
    butterflies = api.get("/crm/v3/objects/butterflies")
    assert butterflies.status_code == 400
    assert butterflies.json()["message"] == "Unable to infer object type from: butterflies"
    assert api.get("/crm/v3/nothing").status_code == 404
    assert api.put("/crm/v3/objects/contacts").status_code == 405


def test_a_url_of_sixteen_thousand_characters_is_a_414_in_html(api: httpx.Client):
    refused = api.get("/crm/objects/2026-09/contacts", params={"properties": ",".join(["some_long_name"] * 1_200)})
    assert refused.status_code == 414
    assert refused.headers["content-type"].startswith("text/html")


def test_a_body_that_is_no_json_is_a_400(api: httpx.Client):
    for body in (b"", b"{", b"[]", b'{"inputs": 1}', b'{"inputs": ["1"]}'):
        assert api.post(BATCH, content=body).status_code == 400

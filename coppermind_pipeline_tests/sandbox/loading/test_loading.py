import json
from pathlib import Path
from typing import Any

import pytest

from coppermind_pipeline.sandbox import LoadError, RunningSandbox, SandboxConfig, create_app
from coppermind_pipeline_tests.sandbox.conftest import RECORDINGS, api_client, ids_of, searched

PIPELINES = [
    {
        "id": "p1",
        "label": "Only",
        "stages": [
            {"id": "new", "label": "New", "metadata": {"isClosed": "false", "probability": "0.25"}},
            {"id": "won", "label": "Won", "metadata": {"isClosed": "true", "probability": "1.0"}},
        ],
    }
]


def write(directory: Path, **files: str | Any) -> Path:
    for name, content in files.items():
        is_csv = isinstance(content, str)
        path = directory / f"{name}.{'csv' if is_csv else 'json'}"
        path.write_text(content if is_csv else json.dumps(content), encoding="utf-8")
    return directory


def loaded(start, directory: Path, **config: Any) -> RunningSandbox:
    return start(load=directory, **config)


def test_columns_are_properties_and_what_is_absent_is_filled(start, tmp_path: Path):
    write(
        tmp_path,
        contacts='id,firstname,Shoe size,createdate\n7,"Ada, née Byron",38,2024-02-03\n9,,,\n',
        deals="id,dealname,amount,dealstage,pipeline,closedate\n5,First,100,won,p1,2026-01-31\n6,Second,,new,p1,\n",
        pipelines=PIPELINES,
        properties_contacts=[{"name": "firstname", "label": "Given name", "type": "string", "fieldType": "text"}],
    )
    state = loaded(start, tmp_path).control.export()
    contacts, deals = state.live("contacts"), state.live("deals")
    assert contacts["7"].properties["firstname"] == "Ada, née Byron"
    assert contacts["7"].properties["Shoe size"] == "38"
    assert contacts["7"].properties["createdate"] == "2024-02-03T00:00:00Z"
    assert contacts["7"].properties["hs_object_id"] == "7"
    assert set(contacts["9"].properties) == {"createdate", "hs_object_id", "lastmodifieddate"}
    definitions = {d["name"]: d for d in state.properties["contacts"]}
    assert definitions["firstname"]["label"] == "Given name"
    assert definitions["Shoe size"]["type"] == "string"
    won, new = deals["5"].properties, deals["6"].properties
    assert (won["hs_is_closed"], won["hs_is_closed_won"], won["hs_deal_stage_probability"]) == ("true", "true", "1")
    assert (new["hs_is_closed"], new["hs_deal_stage_probability"]) == ("false", "0.25")
    assert won["amount_in_home_currency"] == "100"
    assert won["closedate"] == "2026-01-31T00:00:00Z"
    assert [p["id"] for p in state.pipelines["deals"]] == ["p1"]
    assert won["hs_lastmodifieddate"] == new["createdate"]


def test_a_column_of_a_calculated_property_is_kept(start, tmp_path: Path):
    write(tmp_path, deals="id,dealstage,hs_is_closed_won\n1,closedwon,false\n2,closedwon,\n")
    deals = loaded(start, tmp_path).control.export().live("deals")
    assert deals["1"].properties["hs_is_closed_won"] == "false"
    assert "hs_is_closed_won" not in deals["2"].properties
    assert deals["2"].properties["hs_is_closed"] == "true"


def test_rows_without_an_id_column_are_numbered(start, tmp_path: Path):
    write(tmp_path, companies="name\nLoom\nForge\n")
    companies = loaded(start, tmp_path).control.export().live("companies")
    assert {i: c.properties["name"] for i, c in companies.items()} == {"1": "Loom", "2": "Forge"}


def test_links_and_owners_are_read(start, tmp_path: Path):
    write(
        tmp_path,
        contacts="id\n1\n",
        companies="id\n2\n",
        deals="id\n3\n",
        associations="from_type,from_id,to_type,to_id,label\ndeals,3,contacts,1,\ncompany,2,deals,3,Primary\ncontacts,1,deals,3,Sponsor\n",
        owners="id,email,first_name,last_name,archived\n77,ada@own.example,Ada,Byron,false\n78,,Left,Person,true\n",
    )
    state = loaded(start, tmp_path).control.export()
    assert sorted((link.from_type, link.to_type, link.label) for link in state.links if link.label) == [
        ("deals", "companies", "Primary"),
        ("deals", "contacts", "Sponsor"),
    ]
    assert len(state.links) == 4
    assert [(o["id"], o["archived"]) for o in state.owners] == [("77", False), ("78", True)]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"contacts": "id,email\n1,a\n1,b\n"}, "contacts.csv, row 3: its id is used by another row too"),
        ({"contacts": "id,email\n1,a,b\n"}, "contacts.csv, row 2: it has 3 cells, the header 2"),
        ({"contacts": "id,email\n,a\n"}, "contacts.csv, row 2: its id is empty"),
        ({"contacts": "id,email\nx1,a\n"}, "contacts.csv, row 2: 'x1' is no id"),
        ({"contacts": "id,id\n1,2\n"}, "contacts.csv, row 1: the column id is there twice"),
        ({"contacts": ""}, "contacts.csv, row 1: a header"),
        ({"contacts": "id,createdate\n1,soon\n"}, "contacts.csv, row 2: createdate is 'soon'"),
        (
            {"contacts": "id\n1\n", "associations": "from_type,from_id\n"},
            "associations.csv: the column to_type, to_id is",
        ),
        (
            {"contacts": "id\n1\n", "associations": "from_type,from_id,to_type,to_id,label\ncontacts,1,deals,8,\n"},
            "associations.csv, row 2: there is no deal with the id 8",
        ),
        (
            {"contacts": "id\n1\n", "associations": "from_type,from_id,to_type,to_id\ncontacts,1,tickets,8\n"},
            "associations.csv, row 2: to_type is 'tickets'",
        ),
        (
            {"deals": "id\n1\n", "pipelines": [{"id": "x", "label": "y"}]},
            "pipelines.json, entry 1: a pipeline lacks 'stages'",
        ),
        ({"owners": "id\n1\n"}, "holds neither contacts.csv"),
    ],
)
def test_what_is_wrong_with_the_files_is_said_with_file_and_row(tmp_path: Path, files: dict[str, Any], message: str):
    write(tmp_path, **files)
    with pytest.raises(LoadError) as refused:
        create_app(SandboxConfig(load=tmp_path))
    assert message in str(refused.value)


def test_a_directory_that_is_not_there_is_said(tmp_path: Path):
    with pytest.raises(LoadError, match="is no directory"):
        create_app(SandboxConfig(load=tmp_path / "nowhere"))


needs_recordings = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recorded answers are not here")


@needs_recordings
def test_recorded_answers_become_a_portal_that_answers_them_again(start):
    with api_client(loaded(start, RECORDINGS)) as api:
        for object_type in ("contacts", "companies", "deals"):
            recorded = json.loads((RECORDINGS / "objects" / f"list-{object_type}.json").read_bytes())
            asked = recorded["request"]["params"]["properties"]
            for record in recorded["body"]["results"]:
                # A record that was recorded again later is in its later state.
                answer = api.get(f"/crm/v3/objects/{object_type}/{record['id']}?properties={asked}").json()
                if answer["updatedAt"] == record["updatedAt"]:
                    assert answer == record
        account = api.get("/account-info/v3/details").json()
        expected = json.loads((RECORDINGS / "account" / "account-info-details.json").read_bytes())
        assert account["timeZone"] == expected["timeZone"]
        assert account["uiDomain"] == expected["uiDomain"]


@needs_recordings
def test_recorded_full_records_keep_every_property_and_link(start):
    full = json.loads((RECORDINGS / "objects" / "full-property-records.json").read_bytes())
    state = loaded(start, RECORDINGS).control.export()
    for object_type in ("contacts", "companies", "deals"):
        expected = {
            name: str(value)
            for name, value in full[object_type]["properties"].items()
            if value is not None and value != "redacted"
        }
        found = state.live(object_type)[str(full[object_type]["id"])].properties
        assert {name: found.get(name) for name in expected} == expected
    contact, company = str(full["contacts"]["id"]), str(full["companies"]["id"])
    assert (contact, company) in {(link.from_id, link.to_id) for link in state.links}


@needs_recordings
def test_recorded_definitions_pipelines_and_owners_are_served_as_recorded(start):
    with api_client(loaded(start, RECORDINGS)) as api:
        for object_type in ("contacts", "companies", "deals"):
            recorded = json.loads((RECORDINGS / "properties" / f"{object_type}.json").read_bytes())["results"]
            served = {p["name"]: p for p in api.get(f"/crm/v3/properties/{object_type}").json()["results"]}
            assert {p["name"]: served[p["name"]] for p in recorded} == {p["name"]: p for p in recorded}
        for path, file in (
            ("/crm/v3/pipelines/deals", "pipelines/deals.json"),
            ("/crm/v3/owners", "owners/owners.json"),
        ):
            assert api.get(path).json() == json.loads((RECORDINGS / file).read_bytes())
        assert ids_of(searched(api, "deals", limit=1))

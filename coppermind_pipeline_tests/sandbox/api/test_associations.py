import httpx
import pytest

from coppermind_pipeline.sandbox import RunningSandbox

PATHS = ["/crm/associations/2026-09/{}/{}/batch/read", "/crm/v4/associations/{}/{}/batch/read"]


def links(api: httpx.Client, ends: tuple[str, str], *inputs: object, path: str = PATHS[0]) -> httpx.Response:
    body = {"inputs": [each if isinstance(each, dict) else {"id": str(each)} for each in inputs]}
    return api.post(path.format(*ends), json=body)


@pytest.fixture
def linked(own: RunningSandbox) -> RunningSandbox:
    """Deal 1 with contacts 11 and 12 and the primary company 21; deal 2 with nothing."""
    control = own.control
    for number in (1, 2):
        control.create("deals", {"dealname": f"Deal {number}"}, record_id=number)
    for number in (11, 12):
        control.create("contacts", {}, record_id=number)
    control.create("companies", {}, record_id=21)
    control.associate(("deals", 1), ("contacts", 11))
    control.associate(("contacts", 12), ("deals", 1), label="Decision maker")
    control.associate(("deals", 1), ("companies", 21), label="Primary")
    return own


@pytest.mark.parametrize("path", PATHS)
def test_links_come_by_input_id_with_their_types(linked: RunningSandbox, own_api: httpx.Client, path: str):
    answer = links(own_api, ("deals", "companies"), 1, path=path)
    assert answer.status_code == 200
    assert answer.json()["results"] == [
        {
            "from": {"id": "1"},
            "to": [
                {
                    "toObjectId": 21,
                    "associationTypes": [
                        {"category": "HUBSPOT_DEFINED", "typeId": 5, "label": "Primary"},
                        {"category": "HUBSPOT_DEFINED", "typeId": 341, "label": None},
                    ],
                }
            ],
        }
    ]


def test_the_other_end_sees_its_own_type_ids(linked: RunningSandbox, own_api: httpx.Client):
    (result,) = links(own_api, ("companies", "deals"), 21).json()["results"]
    assert [t["typeId"] for t in result["to"][0]["associationTypes"]] == [6, 342]
    (result,) = links(own_api, ("contact", "deal"), 11).json()["results"]
    assert [t["typeId"] for t in result["to"][0]["associationTypes"]] == [4]


def test_labels_of_the_portals_own_are_user_defined(linked: RunningSandbox, own_api: httpx.Client):
    (result,) = links(own_api, ("deals", "contacts"), 1).json()["results"]
    labelled = next(to for to in result["to"] if to["toObjectId"] == 12)["associationTypes"]
    assert {(t["category"], t["label"]) for t in labelled} == {
        ("HUBSPOT_DEFINED", None),
        ("USER_DEFINED", "Decision maker"),
    }
    known = own_api.get("/crm/associations/2026-09/deals/contacts/labels").json()["results"]
    assert {"category": "HUBSPOT_DEFINED", "typeId": 3, "label": None} in known
    assert ("USER_DEFINED", "Decision maker") in {(t["category"], t["label"]) for t in known}


def test_ids_without_links_and_bad_ids_come_as_errors(linked: RunningSandbox, own_api: httpx.Client):
    answer = links(own_api, ("deals", "contacts"), 1, 2, 999, "x1")
    assert answer.status_code == 207
    assert [r["from"]["id"] for r in answer.json()["results"]] == ["1"]
    errors = answer.json()["errors"]
    assert answer.json()["numErrors"] == len(errors) == 3
    assert errors[0]["message"] == "No contact is associated with deal 2."
    assert errors[0]["subCategory"] == "crm.associations.NO_ASSOCIATIONS_FOUND"
    assert errors[2]["subCategory"] == "crm.associations.INVALID_IDENTIFIER"


def test_a_thousand_ids_are_taken_and_no_more(own_api: httpx.Client):
    assert links(own_api, ("deals", "contacts"), *range(1, 1_001)).status_code == 207
    assert links(own_api, ("deals", "contacts"), *range(1, 1_002)).status_code == 400


def test_many_links_of_one_record_are_paged_for_it_alone(own: RunningSandbox, own_api: httpx.Client):
    control = own.control
    contacts = control.create_many("contacts", [{}] * 7)
    for number in (1, 2):
        control.create("deals", {}, record_id=number)
    for contact in contacts:
        control.associate(("deals", 1), ("contacts", contact))
    control.associate(("deals", 2), ("contacts", contacts[0]))
    control.set_switches(association_page=3)
    first, second = links(own_api, ("deals", "contacts"), 1, 2).json()["results"]
    assert "paging" not in second
    seen = [to["toObjectId"] for to in first["to"]]
    while "paging" in first:
        after = {"id": "1", "after": first["paging"]["next"]["after"]}
        (first,) = links(own_api, ("deals", "contacts"), after).json()["results"]
        assert len(first["to"]) <= 3
        seen += [to["toObjectId"] for to in first["to"]]
    assert [str(each) for each in seen] == contacts


def test_ids_of_the_other_end_may_be_strings(linked: RunningSandbox, own_api: httpx.Client):
    linked.control.set_switches(to_object_id_string=True)
    (result,) = links(own_api, ("deals", "companies"), 1).json()["results"]
    assert result["to"][0]["toObjectId"] == "21"


def test_links_with_archived_records_are_hidden_until_they_are_restored(linked: RunningSandbox, own_api: httpx.Client):
    linked.control.archive("contacts", [11])
    (result,) = links(own_api, ("deals", "contacts"), 1).json()["results"]
    assert [to["toObjectId"] for to in result["to"]] == [12]
    linked.control.restore("contacts", [11])
    (result,) = links(own_api, ("deals", "contacts"), 1).json()["results"]
    assert [to["toObjectId"] for to in result["to"]] == [11, 12]


def test_links_change_without_moving_any_date(linked: RunningSandbox, own_api: httpx.Client):
    before = linked.control.export().records
    assert linked.control.disassociate(("deals", 1), ("contacts", 12), label="Decision maker") == 1
    assert linked.control.disassociate(("contacts", 11), ("deals", 1), all_types=True) == 1
    (result,) = links(own_api, ("deals", "contacts"), 1).json()["results"]
    assert [(to["toObjectId"], len(to["associationTypes"])) for to in result["to"]] == [(12, 1)]
    assert linked.control.export().records == before


def test_one_records_links_are_listed_too(linked: RunningSandbox, own_api: httpx.Client):
    answer = own_api.get("/crm/v4/objects/deals/1/associations/contacts").json()
    assert [to["toObjectId"] for to in answer["results"]] == [11, 12]


def test_scopes_of_both_ends_may_be_needed(linked: RunningSandbox):
    token = linked.control.issue_token(["crm.objects.deals.read"]).access_token
    with httpx.Client(base_url=linked.url, headers={"Authorization": f"Bearer {token}"}) as api:
        assert links(api, ("deals", "contacts"), 1).status_code == 200
        linked.control.set_switches(association_scopes_both=True)
        assert links(api, ("deals", "contacts"), 1).status_code == 403

"""One account by one call: whom it means, what it says first, and how much."""

from typing import Any
from uuid import UUID

import pytest

from coppermind_pipeline.accounts import Mind, MindKind
from coppermind_pipeline.memories import MemoryType, Sensitivity
from coppermind_pipeline.reports import memory_tool
from coppermind_pipeline.tool_calls import ToolArgumentError
from coppermind_pipeline_tests.memories.publishing import publish
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

_ROWS = 14
_LONG = "Grüße aus Übersee, " * 40


@pytest.fixture
def mind(portal: StoredPortal, local_customer: UUID) -> Mind:
    return Mind(id=portal.mind_id, customer_id=local_customer, name="acme", slug="acme", kind=MindKind.CLIENT,
                company_info={})  # fmt: skip


async def _ask(portal: StoredPortal, mind: Mind, company: str, **arguments: Any) -> dict[str, Any]:
    made = await memory_tool(portal.database, mind=mind, action="account", now=NOW, company=company, **arguments)
    assert len(made.model_dump_json().encode()) < 20_000
    return made.model_dump(mode="json")


def _company(portal: StoredPortal, hubspot_id: str, name: str, **columns: Any) -> None:
    portal.company(hubspot_id, name=name, **columns)
    if not columns.get("filtered_reason"):
        publish(portal, hubspot_id, f"{name} is a company.", object_type="companies", memory_type=MemoryType.FACT)


async def test_who_the_contact_is_comes_in_one_call(portal: StoredPortal, mind: Mind):
    _company(portal, "1", "Acme Inc.", domain="acme.example", city="Ulm", country_code="DE")
    portal.contact("1", name="Ann Buyer", job_title="CFO", owner_id="11", lifecycle_stage="customer")
    portal.contact("2", name="Bob User", properties={"associatedcompanyid": "1"})
    portal.deal(
        "1", name="Harvester", close_at="2026-11-02T00:00:00Z", amount=10, currency="USD", primary_company_id="1"
    )
    portal.link("1", "companies", "1", primary=True)
    portal.link("1", "contacts", "1", labels=("Decision maker",))
    publish(portal, "1", "Harvester waits.", object_type="deals", memory_type=MemoryType.BUYING_SIGNAL,
            sensitivity=Sensitivity.SENSITIVE)  # fmt: skip
    answer = await _ask(portal, mind, "www.ACME.example")
    assert list(answer)[:3] == ["trust", "audit", "headline"]
    assert answer["headline"][0] == (
        "Acme Inc. (acme.example): 2 contacts are known, 1 of them its own people: Ann Buyer (CFO); Bob User."
    )
    assert answer["headline"][1].startswith(
        "Deals whose primary company it is: 0 won, 0 lost and 1 open worth $10 (1 overdue); as of 18 November 2026"
    )
    assert answer["company"]["place"] == "Ulm, Germany"
    ann, bob = answer["contacts"]["rows"]
    assert (ann["deals"][0]["labels"], ann["own_company"], bob["own_company"]) == (["Decision maker"], False, True)
    assert ann["link"] == "https://app.hubspot.com/contacts/7/record/0-1/1"
    assert [memory["content"] for memory in answer["memories"]] == ["Acme Inc. is a company.", "Harvester waits."]
    assert answer["audit"]["caveats"][-1].startswith("Contacts that are tied to it by a secondary company link alone")
    assert answer["trust"]["portal_ids"] == [7]


async def test_several_of_one_name_are_a_choice(portal: StoredPortal, mind: Mind, local_customer: UUID):
    other = StoredPortal.create(portal.database, local_customer, hub_id=8)
    for of, place in ((portal, "Ulm"), (other, "Bern")):
        of.company("1", name="Acme", city=place)
    answer = await _ask(portal, mind, "ACME")
    assert answer["company"] is answer["contacts"] is answer["totals"] is None
    assert [(each["company_id"], each["connector_id"], each["place"]) for each in answer["choices"]] == [
        ("1", portal.connector_id, "Ulm"), ("1", other.connector_id, "Bern"),
    ]  # fmt: skip
    chosen = await _ask(portal, mind, "1", connector_id=other.connector_id)
    assert (chosen["company"]["place"], chosen["trust"]["portal_ids"]) == ("Bern", [8])


async def test_words_of_a_name_mean_the_only_one_that_has_them_and_the_answer_says_so(portal: StoredPortal, mind: Mind):
    _company(portal, "1", "Acme Harvesters")
    answer = await _ask(portal, mind, "harvesters")
    assert (answer["company"]["name"], answer["found_by"]) == ("Acme Harvesters", "words")
    assert any("No company is called exactly that" in caveat for caveat in answer["audit"]["caveats"])


async def test_what_is_misspelt_is_suggested_and_not_guessed(portal: StoredPortal, mind: Mind):
    _company(portal, "1", "Globex")
    answer = await _ask(portal, mind, "Globx")
    assert answer["company"] is None
    assert answer["headline"] == ["This mind has no company “Globx”. Did you mean Globex?"]
    assert [each["company_id"] for each in answer["choices"]] == ["1"]
    nothing = await _ask(portal, mind, "Umbrella")
    assert (nothing["choices"], nothing["headline"][0]) == (
        [], "This mind has no company “Umbrella”. Give its name, its domain or its HubSpot id.",
    )  # fmt: skip


async def test_another_domain_with_the_same_words_is_suggested_and_not_taken(portal: StoredPortal, mind: Mind):
    _company(portal, "1", "Acme Australia", domain="acme.com.au")
    answer = await _ask(portal, mind, "acme.com")
    assert (answer["company"], [each["company_id"] for each in answer["choices"]]) == (None, ["1"])
    assert answer["headline"][0].endswith("Did you mean Acme Australia (acme.com.au)?")


async def test_a_filtered_company_is_told_as_such(portal: StoredPortal, mind: Mind):
    _company(portal, "1", "Acme", filtered_reason="a filter")
    _company(portal, "2", "Acme Labs")
    assert "filters leave out Acme; ask with include_filtered" in (await _ask(portal, mind, "Acme"))["headline"][0]
    assert (await _ask(portal, mind, "Acme", include_filtered=True))["company"]["is_filtered"] is True


async def test_lists_are_paged_completely_whatever_their_size(portal: StoredPortal, mind: Mind):
    portal.company("1", name=f"Acme {_LONG}")
    for number in range(_ROWS):
        portal.contact(str(number), name=f"{number} {_LONG}", job_title=_LONG, company_name=_LONG,
                       properties={"associatedcompanyid": "1"})  # fmt: skip
        portal.deal(str(number), name=f"{number} {_LONG}", outcome="lost", loss_reason=_LONG * 20)
        portal.link(str(number), "companies", "1", primary=True)
        portal.link(str(number), "contacts", str(number), labels=tuple(f"{n} {_LONG}" for n in range(6)))
    for rendering in ("json", "markdown"):
        await _ask(portal, mind, "1", format=rendering)
    for name, key in (("contacts", "contact_id"), ("deals", "deal_id")):
        answer = await _ask(portal, mind, "1")
        seen = [row[key] for row in answer[name]["rows"]]
        while (cursor := answer[name]["next_cursor"]) is not None:
            answer = await _ask(portal, mind, "1", cursor=cursor)
            assert answer["deals" if name == "contacts" else "contacts"] is None
            seen += [row[key] for row in answer[name]["rows"]]
        assert sorted(seen, key=int) == [str(number) for number in range(_ROWS)]


async def test_markdown_holds_the_same(portal: StoredPortal, mind: Mind):
    portal.company("1", name="Acme [EU]")
    portal.deal(
        "1", name="*Lost* one", outcome="lost", close_at=NOW, loss_reason="Too expensive", primary_company_id="1"
    )
    portal.link("1", "companies", "1", primary=True)
    made = await _ask(portal, mind, "1", format="markdown")
    assert list(made) == ["trust", "caveats", "left_out", "format", "content"]
    assert made["content"].startswith("# Acme \\[EU\\] (mind acme)\n")
    assert "[\\*Lost\\* one](https://app.hubspot.com/contacts/7/record/0-3/1): lost, " in made["content"]
    assert "reason: “Too expensive”" in made["content"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"format": "pdf"}, "takes json, markdown"),
        ({"audience": "board"}, "audience takes internal, client"),
        ({"cursor": "contacts:25"}, "cursor takes the next_cursor"),
        ({"company": "  "}, "needs a company"),
        ({"period": "2026"}, "takes no 'period'"),
    ],
)
async def test_a_wrong_call_is_named(portal: StoredPortal, mind: Mind, arguments: dict[str, Any], said: str):
    with pytest.raises(ToolArgumentError, match=said):
        await memory_tool(portal.database, mind=mind, action="account", now=NOW, **{"company": "Acme", **arguments})


async def test_another_minds_company_is_not_there(portal: StoredPortal, mind: Mind, local_customer: UUID):
    other = StoredPortal.create(portal.database, local_customer, mind="globex", hub_id=8)
    other.company("5", name="Canary", domain="canary.example")
    other.contact("6", name="Canary Bird", properties={"associatedcompanyid": "5"})
    for asked in ("Canary", "canary.example", "5"):
        assert "Canary Bird" not in str(answer := await _ask(portal, mind, asked))
        assert (answer["company"], answer["choices"]) == (None, [])


@pytest.mark.parametrize("rendering", ["json", "markdown"])
async def test_a_client_reads_totals_and_nothing_of_people(portal: StoredPortal, mind: Mind, rendering: str):
    """Ids are long and unlike any number of the answer, so that one that shows is seen."""
    portal.company("700000001", name="Acme", domain="acme.example", owner_id="11")
    portal.contact("700000002", name="Quorinda Belphegor", job_title="Chief Wombat", email="quor@acme.example",
                   owner_id="12", properties={"associatedcompanyid": "700000001"})  # fmt: skip
    for deal, reason in (("700000003", "Far too expensive for Zebulon"), ("700000004", "Quibbles of Zebulon")):
        portal.deal(deal, name="Quorinda's order", outcome="lost", stage_id="closedlost", close_at=NOW, amount=7,
                    currency="EUR", loss_reason=reason, primary_company_id="700000001", owner_id="11")  # fmt: skip
        portal.link(deal, "companies", "700000001", primary=True)
        portal.link(deal, "contacts", "700000002", labels=("Decision maker",))
        publish(portal, deal, f"Lost: {reason}", object_type="deals", memory_type=MemoryType.OBJECTION,
                sensitivity=Sensitivity.SENSITIVE)  # fmt: skip
    publish(portal, "700000001", "Acme. HubSpot owner: Dana Reyes", object_type="companies",
            memory_type=MemoryType.FACT)  # fmt: skip
    portal.execute(
        "UPDATE connectors SET last_error = CAST(:error AS jsonb) WHERE id = :connector",
        error='{"code": "x", "message": "Refused for quor@acme.example", "hint": ""}',
    )
    answer = await _ask(portal, mind, "700000001", audience="client", format=rendering)
    shown = str(answer).lower()
    hidden = ("quor", "belphegor", "zebulon", "wombat", "dana", "okafor", "70000000", "@", "hubspot.com",
              portal.connector_id, "portal 7", str(mind.id), str(mind.customer_id))  # fmt: skip
    assert [each for each in hidden if each in shown] == []
    assert "acme" in shown
    assert "14.00" in shown or "€14" in shown
    assert "price" in shown
    assert "another reason" in shown
    assert "the last sync of the hubspot portal failed" in shown

"""Arguments that narrow a search or a list: company, outcome, days, types."""

from uuid import UUID

import pytest
from sqlalchemy import text

from coppermind_pipeline.memories import MemoryType, WrongSelection, list_memories, search
from coppermind_pipeline_tests.memories.publishing import publish, publish_aggregate
from coppermind_pipeline_tests.stored_portal import StoredPortal


@pytest.fixture(scope="module")
def accounts(lasting_portal: StoredPortal) -> StoredPortal:
    """Acme Inc. with a deal of each outcome and people of each kind, and Globex beside it."""
    portal = lasting_portal
    portal.company("1", name="Acme Inc.", domain="acme.example", created_at="2025-01-05T10:00:00Z")
    portal.company("2", name="Globex", domain="globex.example", created_at="2025-02-05T10:00:00Z")
    people = {
        "1": ("Ann Own", {"properties": {"associatedcompanyid": "1"}}),
        "2": ("Bob Deal", {"company_name": "Freelance", "properties": {"associatedcompanyid": "2"}}),
        "3": ("Cy Written", {"company_name": "ACME inc."}),
        "4": ("Di Other", {"company_name": "Globex", "properties": {"associatedcompanyid": "2"}}),
    }
    for hubspot_id, (name, columns) in people.items():
        portal.contact(hubspot_id, name=name, created_at=f"2026-0{hubspot_id}-10T10:00:00Z", **columns)
        publish(portal, hubspot_id, f"{name} decides.")
    for hubspot_id, name in (("1", "Acme Inc."), ("2", "Globex")):
        publish(portal, hubspot_id, f"{name} decides.", object_type="companies", memory_type=MemoryType.FACT)
    deals = {
        "1": ("1", MemoryType.CAMPAIGN_OUTCOME, "2026-03-31T20:00:00Z"),
        "2": ("1", MemoryType.PAIN_POINT, "2026-05-01T00:00:00Z"),  # a bare day
        "3": ("1", MemoryType.BUYING_SIGNAL, "2026-12-31T20:00:00Z"),
        "4": ("2", MemoryType.OBJECTION, "2026-05-01T02:00:00Z"),  # 30 April in New York
    }
    for hubspot_id, (company, memory_type, close_at) in deals.items():
        portal.deal(hubspot_id, close_at=close_at)
        portal.link(hubspot_id, "companies", company)
        publish(portal, hubspot_id, f"Deal {hubspot_id} decides.", object_type="deals", memory_type=memory_type)
    portal.link("1", "contacts", "2")
    publish_aggregate(portal, "2026-W47", "Strategy decides.")
    return portal


def _found(portal: StoredPortal, **arguments: object) -> set[str]:
    """Return the beginnings of what a search finds, which a list has to find as well."""
    found = search(portal.database, mind_id=portal.mind_id, query="decides", limit=50, **arguments)  # pyright: ignore[reportArgumentType]
    listed = list_memories(portal.database, mind_id=portal.mind_id, limit=50, **arguments)  # pyright: ignore[reportArgumentType]
    texts = {memory.content.removesuffix(" decides.") for memory in found.memories}
    assert texts == {memory.content.removesuffix(" decides.") for memory in listed.memories}
    return texts


@pytest.mark.parametrize("company", ["Acme Inc.", "acme inc.", "ACME", "acme.example", "1"])
def test_a_company_is_itself_its_deals_and_its_people(accounts: StoredPortal, company: str):
    expected = {"Acme Inc.", "Deal 1", "Deal 2", "Deal 3", "Ann Own", "Bob Deal", "Cy Written"}
    assert _found(accounts, company=company) == expected


def test_a_company_is_never_guessed(portal: StoredPortal):
    for hubspot_id, name in (("1", "Acme Inc."), ("3", "Acme Labs")):
        portal.company(hubspot_id, name=name)
        publish(portal, hubspot_id, f"{name} decides.", object_type="companies", memory_type=MemoryType.FACT)
    with pytest.raises(WrongSelection, match=r"Acme Inc\., id 1 .*Acme Labs, id 3"):
        _found(portal, company="acme")
    assert _found(portal, company="acme labs") == {"Acme Labs"}


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("won", {"Deal 1"}),
        ("lost", {"Deal 2", "Deal 4"}),
        (["open"], {"Deal 3"}),
        (["won", "LOST"], {"Deal 1", "Deal 2", "Deal 4"}),
    ],
)
def test_an_outcome_is_that_of_deals(accounts: StoredPortal, outcome: object, expected: set[str]):
    assert _found(accounts, outcome=outcome) == expected


def test_arguments_narrow_each_other(accounts: StoredPortal):
    assert _found(accounts, outcome="lost", company="Acme Inc.") == {"Deal 2"}
    assert _found(accounts, outcome="lost", types=["objection"]) == {"Deal 4"}
    assert _found(accounts, outcome="won", types=["stakeholder"]) == set()
    assert _found(accounts, company="Globex", audience="client") == {"Bob Deal", "Di Other", "Globex", "Deal 4"}


def test_no_type_and_no_outcome_is_no_condition(accounts: StoredPortal):
    assert _found(accounts, types=[], outcome=[]) == _found(accounts) != set()


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ({"since": "2026-05-01", "until": "2026-05-01"}, {"Deal 2"}),
        ({"since": "2026-04-30", "until": "2026-04-30"}, {"Deal 4"}),
        ({"since": "2026-03", "until": "2026-04"}, {"Deal 1", "Deal 4", "Cy Written", "Di Other"}),
        ({"until": "2025"}, {"Acme Inc.", "Globex"}),
        ({"since": "2026-06-01T00:00:00Z"}, {"Deal 3", "Strategy"}),
    ],
)
def test_days_are_those_of_the_records(accounts: StoredPortal, days: dict[str, str], expected: set[str]):
    assert _found(accounts, **days) == expected


def test_a_company_of_another_mind_is_not_there(accounts: StoredPortal):
    database = accounts.database
    with database.reader() as connection:
        customer: UUID = connection.execute(text("SELECT id FROM customers WHERE name = 'local'")).scalar_one()
    other = StoredPortal.create(database, customer, mind="globex", hub_id=8)
    for company in ("Acme Inc.", "acme.example", "1"):
        with pytest.raises(WrongSelection, match="no company"):
            search(database, mind_id=other.mind_id, query="decides", company=company)
    with pytest.raises(WrongSelection, match="no company"):
        _found(accounts, company="Acme Inc.", connector_id=other.connector_id)
    with database.mind(other.mind_id) as connection:
        told = "SELECT count(*) FROM records_of_company(:connector, '1', 10)"
        assert connection.scalar(text(told), {"connector": accounts.connector_id}) == 0

from collections import Counter
from datetime import UTC, datetime

import pytest

from coppermind_pipeline.sandbox import ExportedRecord, PortalState, RunningSandbox, SandboxConfig
from coppermind_pipeline.sandbox.generated.contacts import generated_contacts
from coppermind_pipeline.sandbox.generated.world import World
from coppermind_pipeline.sandbox.timestamps import DAY_MS, parse_ms

ANCHOR = datetime(2026, 11, 20, tzinfo=UTC)
ANCHOR_MS = int(ANCHOR.timestamp() * 1000)


@pytest.fixture(scope="module")
def state() -> PortalState:
    config = SandboxConfig(contacts=3_000, companies=700, deals=1_500, generated_at=ANCHOR)
    with RunningSandbox(config) as sandbox:
        return sandbox.control.export()


def records(state: PortalState, object_type: str) -> list[ExportedRecord]:
    return [r for r in state.records if r.object_type == object_type]


def share(values: list[bool]) -> float:
    return sum(values) / len(values)


def test_the_same_seed_gives_the_same_portal_and_another_one_does_not(start):
    def made(seed: int) -> list[ExportedRecord]:
        return start(seed=seed, generated_at=ANCHOR).control.export().records

    assert made(1) == made(1)
    assert made(1) != made(2)


def test_a_world_yields_its_records_one_by_one_and_the_same_each_time():
    world = World(3, 50, 10, 0, ANCHOR_MS, "own.example", "USD", "EUR")
    assert list(generated_contacts(world, ["1"])) == list(generated_contacts(world, ["1"]))


def test_sizes_are_as_asked_down_to_nothing(start):
    for sizes in ({"contacts": 7, "companies": 0, "deals": 3}, {"contacts": 0, "companies": 2, "deals": 4}):
        counted = Counter(r.object_type for r in start(**sizes).control.export().records)
        assert counted == Counter(sizes)


def test_each_record_sets_about_forty_of_its_defined_properties(state: PortalState):
    for object_type, definitions in state.properties.items():
        defined = {d["name"] for d in definitions}
        of_type = records(state, object_type)
        assert 35 <= sum(len(r.properties) for r in of_type) / len(of_type) <= 52
        assert {name for r in of_type for name in r.properties} <= defined


def test_dates_hang_together(state: PortalState):
    for record in state.records:
        assert record.created_ms <= record.modified_ms <= ANCHOR_MS
        assert parse_ms(record.properties["createdate"]) == record.created_ms
    two_years_ago = ANCHOR_MS - 730 * DAY_MS
    assert 0.1 < share([r.modified_ms < two_years_ago for r in state.records]) < 0.5


def test_ids_sorted_as_text_differ_from_ids_sorted_as_numbers(state: PortalState):
    ids = list(state.live("contacts"))
    assert sorted(ids) != sorted(ids, key=int)


def test_won_deals_lack_amounts_and_lost_ones_reasons_here_and_there(state: PortalState):
    deals = records(state, "deals")
    won = [d for d in deals if d.properties["hs_is_closed_won"] == "true"]
    lost = [d for d in deals if d.properties["hs_is_closed_lost"] == "true"]
    assert 0.02 < share(["amount" not in d.properties for d in won]) < 0.2
    assert 0.2 < share(["closed_lost_reason" not in d.properties for d in lost]) < 0.5
    assert len({d.properties.get("closed_lost_reason") for d in lost}) > 10


def test_some_open_deals_are_overdue(state: PortalState):
    open_deals = [d for d in records(state, "deals") if d.properties["hs_is_closed"] == "false"]
    overdue = [(parse_ms(d.properties.get("closedate", "")) or ANCHOR_MS) < ANCHOR_MS for d in open_deals]
    assert 0.1 < share(overdue) < 0.6


def test_deals_are_in_two_pipelines_and_two_currencies_and_a_few_in_a_deleted_stage(state: PortalState):
    deals = records(state, "deals")
    assert len({d.properties["pipeline"] for d in deals}) == 2
    assert {d.properties.get("deal_currency_code") for d in deals} == {"USD", "EUR", None}
    foreign = [
        d.properties for d in deals if d.properties.get("deal_currency_code") == "EUR" and "amount" in d.properties
    ]
    assert all(p["amount_in_home_currency"] != p["amount"] or p["amount"] == "0" for p in foreign)
    known = {stage["id"] for pipeline in state.pipelines["deals"] for stage in pipeline["stages"]}
    assert 0 < share([d.properties["dealstage"] not in known for d in deals]) < 0.02


def test_closed_flags_agree_with_the_stage(state: PortalState):
    stages = {s["id"]: s["metadata"] for p in state.pipelines["deals"] for s in p["stages"]}
    for deal in records(state, "deals"):
        stage = stages.get(deal.properties["dealstage"])
        if stage is not None:
            assert deal.properties["hs_is_closed"] == stage["isClosed"]
            assert deal.properties["hs_is_closed_won"] == str(stage["probability"] == "1.0").lower()
            assert f"hs_v2_date_entered_{deal.properties['dealstage']}" in deal.properties


def test_sources_are_often_offline_and_sometimes_missing(state: PortalState):
    sources = [r.properties.get("hs_analytics_source") for r in records(state, "contacts")]
    assert 0.15 < share([s == "OFFLINE" for s in sources]) < 0.4
    assert 0.04 < share([s is None for s in sources]) < 0.15
    assert len(set(sources)) == 11


def test_countries_are_spelled_as_people_do(state: PortalState):
    spelled = {r.properties.get("country") for r in records(state, "contacts")}
    assert {"USA", "United States", "Deutschland", "Germany", "UK", None} <= spelled
    assert "Untied States" in spelled


def test_there_are_colleagues_and_an_interns_test_contacts(state: PortalState):
    contacts = records(state, "contacts")
    own = [r for r in contacts if r.properties.get("email", "").endswith("@harborlight.example")]
    assert own
    assert any("intern.test" in r.properties["email"] for r in own)
    assert any(r.properties.get("firstname") == "asdf" for r in contacts)
    emails = Counter(r.properties["email"].lower() for r in contacts if "email" in r.properties)
    assert any(count > 1 for count in emails.values())


def test_some_owners_left_and_records_still_name_them(state: PortalState):
    left = {o["id"] for o in state.owners if o["archived"]}
    assert left
    assert left & {r.properties.get("hubspot_owner_id") for r in records(state, "deals")}


def test_deals_have_contacts_companies_and_labels_as_real_ones_do(state: PortalState):
    deals = state.live("deals")
    with_primary = {link.from_id for link in state.links if link.type_id == 5}
    with_contacts = {link.from_id for link in state.links if (link.from_type, link.to_type) == ("deals", "contacts")}
    assert 0.7 < share([d in with_primary for d in deals]) < 1
    assert 0.8 < share([d in with_contacts for d in deals]) < 1
    plain = {(link.from_id, link.to_id) for link in state.links if link.type_id == 341}
    assert {(link.from_id, link.to_id) for link in state.links if link.type_id == 5} <= plain
    assert any(link.category == "USER_DEFINED" for link in state.links)


def test_contacts_work_for_the_company_that_they_are_linked_with(state: PortalState):
    companies = {r.id: r for r in records(state, "companies")}
    contacts = {r.id: r for r in records(state, "contacts")}
    for link in state.links:
        if link.type_id == 1:
            assert contacts[link.from_id].properties["associatedcompanyid"] == link.to_id
            company = contacts[link.from_id].properties.get("company")
            assert company in {None, companies[link.to_id].properties["name"]}


def test_some_records_are_archived(state: PortalState):
    for object_type in ("contacts", "deals"):
        archived = [r for r in records(state, object_type) if not r.live]
        assert 0 < len(archived) / len(records(state, object_type)) < 0.05

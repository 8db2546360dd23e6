"""What changed becomes the queue: each promise of mapping on a real database."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from coppermind_pipeline.memories import Drained, Mapped, map_deals_ahead, map_records
from coppermind_pipeline.memories.mapping import mapping
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.memories.steps import change, drained, live, mapped, published, retired, rows
from coppermind_pipeline_tests.stored_portal import StoredPortal

WON = {"outcome": "won", "stage_id": "closedwon", "close_at": datetime(2026, 4, 1, 2, tzinfo=UTC), "amount": 5000,
       "currency": "USD", "attributed_source": "PAID_SEARCH", "attribution_step": "deal"}  # fmt: skip


def _small_portal(portal: StoredPortal) -> None:
    portal.company("601", name="Acme Inc.", city="Austin", country_code="US")
    portal.contact("501", name="Jane Doe", city="Berlin", country_code="DE", owner_id="11")
    portal.deal("701", **WON, primary_company_id="601", lead_contact_id="501")
    portal.link("701", "companies", "601", primary=True)
    portal.link("701", "contacts", "501", labels=("Decision maker",))
    portal.deal("702")


def test_each_signal_becomes_one_memory_that_names_what_it_is_linked_to(portal: StoredPortal):
    _small_portal(portal)
    portal.deal("703", outcome="lost", loss_reason="Price", stage_id="closedlost")
    portal.deal("704", late_stage=True, stage_id="contractsent")
    assert published(portal) == Drained(published=5)
    memories = live(portal)
    assert {ref: memory_type for ref, (memory_type, _) in memories.items()} == {
        "companies:601": "fact",
        "contacts:501": "stakeholder",
        "deals:701": "campaign_outcome",
        "deals:703": "objection",
        "deals:704": "buying_signal",
    }
    won = memories["deals:701"][1]
    assert 'The deal "Deal 701" with Acme Inc. (Austin, United States) was won on 31 March 2026 for $5,000.' in won
    assert "Contact: Jane Doe, in Berlin, Germany (Decision maker)." in won


def test_mapping_twice_queues_nothing_and_leaves_the_same_rows(portal: StoredPortal):
    _small_portal(portal)
    published(portal)
    before = rows(portal, "SELECT * FROM memories ORDER BY id")
    assert mapped(portal) == Mapped()
    portal.execute("UPDATE pipeline_stages SET seq = 0 WHERE stage IN ('map', 'map_deals')")
    assert (mapped(portal).queued, drained(portal)) == (0, Drained())
    assert rows(portal, "SELECT * FROM memories ORDER BY id") == before


def test_a_contact_without_a_company_of_its_own_has_the_associated_one(portal: StoredPortal):
    portal.company("601", name="Acme Inc.")
    portal.company("602", name="Old Acme", merged_into="601")
    portal.contact("501", name="Jane Doe", properties={"associatedcompanyid": "601"})
    portal.contact("502", name="John Roe", properties={"associatedcompanyid": "602"})
    portal.contact("503", name="Ann Lee", company_name="Globex", properties={"associatedcompanyid": "601"})
    portal.contact("504", name="Bo Li", properties={"associatedcompanyid": "699"})
    published(portal)
    said = {ref: content.partition(".")[0] for ref, (_, content) in live(portal).items()}
    assert said["contacts:501"] == "Jane Doe works at Acme Inc"
    assert said["contacts:502"] == "John Roe works at Acme Inc"
    assert said["contacts:503"] == "Ann Lee works at Globex"
    assert said["contacts:504"].startswith("Bo Li is a contact")
    change(portal, "companies", "601", "name = 'Acme Holding'")
    told = mapped(portal)
    assert (told.considered, told.queued) == (3, 3), "the company, and the contacts that name it, by its old id too"
    drained(portal)
    assert live(portal)["contacts:501"][1].startswith("Jane Doe works at Acme Holding.")
    assert live(portal)["contacts:502"][1].startswith("John Roe works at Acme Holding.")


def test_a_first_mapping_takes_up_each_record_once(portal: StoredPortal, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mapping, "BATCH_RECORDS", 2)
    for number in range(501, 506):
        portal.contact(str(number), properties={"associatedcompanyid": "601"})
    portal.company("601", name="Acme Inc.")  # stored after them, and mapped in a batch after theirs
    portal.deal("701", **WON, primary_company_id="601")
    portal.link("701", "companies", "601", primary=True)
    assert mapped(portal).considered == 7
    drained(portal)
    change(portal, "companies", "601", "name = 'Acme Holding'")
    assert mapped(portal).considered == 7, "the company, and all that name it"


def test_a_close_date_that_passes_changes_the_text_of_its_deal_alone(portal: StoredPortal):
    _small_portal(portal)
    late: dict[str, Any] = {"late_stage": True, "stage_id": "contractsent"}
    portal.deal("801", **late, close_at=datetime(2026, 11, 20, tzinfo=UTC))  # a bare day
    portal.deal("802", **late, close_at=datetime(2026, 11, 21, 3, tzinfo=UTC))  # the 20th in New York
    portal.deal("803", **late, close_at=datetime(2026, 11, 21, 12, tzinfo=UTC))
    on_the_20th = datetime(2026, 11, 21, 4, 59, tzinfo=UTC)
    mapped(portal, now=on_the_20th)
    drained(portal)
    assert "It is expected to close on 20 November 2026." in live(portal)["deals:801"][1]
    assert mapped(portal, now=on_the_20th) == Mapped()
    told = mapped(portal, now=on_the_20th + timedelta(minutes=1))
    assert (told.considered, told.queued) == (3, 2)
    drained(portal)
    memories = live(portal)
    for deal in ("deals:801", "deals:802"):
        assert "It is overdue: its close date, 20 November 2026, has passed." in memories[deal][1]
    assert "It is expected to close on 21 November 2026." in memories["deals:803"][1]
    assert mapped(portal, now=on_the_20th + timedelta(minutes=2)) == Mapped()


def test_what_is_pending_already_is_not_queued_again(portal: StoredPortal):
    _small_portal(portal)
    mapped(portal)
    before = rows(portal, "SELECT source_ref, version FROM memory_queue ORDER BY 1")
    portal.execute("UPDATE pipeline_stages SET seq = 0 WHERE stage IN ('map', 'map_deals')")
    again = mapped(portal)
    assert (again.considered, again.queued, again.retired) == (4, 0, 0)
    assert rows(portal, "SELECT source_ref, version FROM memory_queue ORDER BY 1") == before


def test_a_changed_text_replaces_its_memory_and_keeps_the_old_one_as_superseded(portal: StoredPortal):
    _small_portal(portal)
    published(portal)
    change(portal, "contacts", "501", "job_title = 'CMO'")
    assert published(portal) == Drained(published=2, superseded=2)  # the contact, and the deal that names it
    versions = rows(
        portal,
        """SELECT content, superseded_at IS NULL AS live FROM memories
            WHERE source_ref LIKE '%:contacts:501' ORDER BY id""",
    )
    assert [version.live for version in versions] == [False, True]
    assert "Jane Doe is CMO, in Berlin, Germany." in versions[1].content


def test_a_change_of_a_named_company_or_contact_remaps_every_deal_that_names_it(
    portal: StoredPortal, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(mapping, "BATCH_RECORDS", 3)
    portal.company("601", name="Acme")
    for number in range(700, 708):
        portal.deal(str(number), **WON, primary_company_id="601")
        portal.link(str(number), "companies", "601", primary=True)
    portal.deal("800", **WON)
    published(portal)
    change(portal, "companies", "601", "name = 'Acme Holding'")
    assert mapped(portal).queued == 9
    drained(portal)
    named = [ref for ref, (_, content) in live(portal).items() if "Acme Holding" in content]
    assert len(named) == 9
    assert "deals:800" not in named


def test_a_link_that_ended_is_no_longer_named(portal: StoredPortal):
    _small_portal(portal)
    published(portal)
    portal.execute("UPDATE hubspot_associations SET valid_to = now() WHERE connector_id = :connector AND to_id = '501'")
    change(portal, "deals", "701", "lead_contact_id = NULL")
    published(portal)
    assert "Jane" not in live(portal)["deals:701"][1]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE hubspot_owners SET label = 'Dana R.' WHERE hubspot_id = '11'", {"contacts:501"}),
        ("UPDATE hubspot_stages SET label = 'Signed' WHERE hubspot_id = 'closedwon'", {"deals:701"}),
        ("UPDATE hubspot_pipelines SET label = 'New Sales' WHERE hubspot_id = 'default'", {"deals:701"}),
        ("UPDATE hubspot_portals SET time_zone = 'Europe/Berlin'", {"deals:701"}),
        (
            """UPDATE hubspot_properties SET options = '[{"value": "PAID_SEARCH", "label": "Search Ads"}]'
                WHERE name = 'hs_analytics_source'""",
            {"deals:701"},
        ),
    ],
)
def test_a_changed_label_or_zone_remaps_what_shows_it_and_nothing_else(
    portal: StoredPortal, statement: str, expected: set[str]
):
    _small_portal(portal)
    published(portal)
    before = live(portal)
    portal.execute(statement)
    assert mapped(portal).queued == len(expected)
    drained(portal)
    after = live(portal)
    assert {ref for ref in after if after[ref] != before[ref]} == expected


def test_a_deal_that_moves_to_another_signal_changes_the_type_of_its_memory(portal: StoredPortal):
    _small_portal(portal)
    published(portal)
    change(portal, "deals", "701", "outcome = 'lost', stage_id = 'closedlost', loss_reason = 'Missing SSO'")
    assert published(portal) == Drained(published=1, superseded=1)
    assert live(portal)["deals:701"][0] == "pain_point"


@pytest.mark.parametrize(
    ("ref", "assignments", "reason"),
    [
        ("deals:701", "outcome = 'open', stage_id = 'appointmentscheduled'", "open, not in a late stage"),
        ("deals:701", "outcome = 'lost', stage_id = 'closedlost'", "lost without a reason"),
        ("deals:701", "archived_at = now(), archived_reason = 'archived'", "archived in HubSpot"),
        ("contacts:501", "archived_at = now(), archived_reason = 'purged'", "deleted in HubSpot"),
        ("contacts:501", "archived_at = now(), archived_reason = 'merged', merged_into = '502'",
         "merged into another record in HubSpot"),
        ("contacts:501", "filtered_reason = 'e-mail domain acme.com is excluded'",
         "filtered: e-mail domain acme.com is excluded"),
        ("companies:601", "referenced_only = true", "outside the synced window"),
    ],
)  # fmt: skip
def test_a_record_that_left_retires_its_memory_with_the_reason(
    portal: StoredPortal, ref: str, assignments: str, reason: str
):
    _small_portal(portal)
    published(portal)
    object_type, hubspot_id = ref.split(":")
    change(portal, object_type, hubspot_id, assignments)
    assert published(portal).retired == 1
    assert retired(portal) == {ref: reason}
    assert ref not in live(portal)


def test_a_filter_takes_effect_both_ways_and_hides_the_name_in_deals(portal: StoredPortal):
    _small_portal(portal)
    published(portal)
    change(portal, "contacts", "501", "filtered_reason = 'hs_lead_status is not NEW'")
    published(portal)
    assert "contacts:501" not in live(portal)
    assert "Jane" not in live(portal)["deals:701"][1]
    change(portal, "contacts", "501", "filtered_reason = NULL")
    published(portal)
    assert "Jane" in live(portal)["contacts:501"][1]
    assert "Jane" in live(portal)["deals:701"][1]


def test_a_filter_on_an_unknown_property_queues_nothing_of_its_type_until_corrected(portal: StoredPortal):
    _small_portal(portal)
    config = '{"hubspot_property_filters": {"contacts": {"no_such_property": "x"}}}'
    portal.execute("UPDATE connectors SET config = CAST(:config AS jsonb) WHERE id = :connector", config=config)
    skipped = mapped(portal)
    assert skipped.skipped == ("contacts",)
    drained(portal)
    assert sorted(live(portal)) == ["companies:601", "deals:701"]
    portal.execute("UPDATE connectors SET config = '{}' WHERE id = :connector")
    published(portal)
    assert "contacts:501" in live(portal)


def test_deals_wait_for_the_end_of_the_backfill(portal: StoredPortal):
    _small_portal(portal)
    mapped(portal, deals=False)
    drained(portal)
    assert sorted(live(portal)) == ["companies:601", "contacts:501"]
    change(portal, "contacts", "501", "name = 'Jane Smith'")
    mapped(portal, deals=False)
    published(portal)
    assert "Jane Smith" in live(portal)["deals:701"][1]


def test_deals_mapped_ahead_have_their_turn_all_the_same(portal: StoredPortal, database: Database):
    _small_portal(portal)
    whose = {"connector_id": portal.connector_id, "mind_id": portal.mind_id}
    ahead = map_deals_ahead(database, **whose, deals=iter([["701"], ["702"]]), enough=lambda: True)
    assert (ahead.considered, ahead.queued) == (1, 1)
    assert drained(portal) == Drained(published=1)
    assert map_records(database, **whose, enough=lambda: True).queued == 2
    change(portal, "deals", "701", "amount = 7000")
    assert published(portal) == Drained(published=3, superseded=1)
    assert "for $7,000." in live(portal)["deals:701"][1]


def test_a_mapping_killed_between_batches_goes_on_and_ends_in_the_same_memories(
    portal: StoredPortal, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(mapping, "BATCH_RECORDS", 2)
    for number in range(9):
        portal.contact(f"50{number}", name=f"Person {number}")
        portal.deal(f"70{number}", **WON)
        portal.link(f"70{number}", "contacts", f"50{number}")

    class Killed(Exception):
        pass

    def die_after(batches: int) -> None:
        left = [batches]

        def hear(_: Mapped) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise Killed

        with pytest.raises(Killed):
            map_records(portal.database, connector_id=portal.connector_id, mind_id=portal.mind_id, on_progress=hear)

    for batches in (1, 3, 2, 5):
        die_after(batches)
    total = mapped(portal)
    assert total.considered < 27
    drained(portal)
    memories = live(portal)
    assert len(memories) == 18
    assert all(f"Person {number}" in memories[f"deals:70{number}"][1] for number in range(9))


def test_a_merged_contact_is_named_as_the_one_that_it_became(portal: StoredPortal):
    _small_portal(portal)
    portal.contact("502", name="Jane Doe-Smith")
    published(portal)
    change(portal, "contacts", "501", "archived_at = now(), archived_reason = 'merged', merged_into = '502'")
    published(portal)
    assert "Contact: Jane Doe-Smith (Decision maker)." in live(portal)["deals:701"][1]


def test_a_deal_names_the_first_contacts_and_counts_the_others(portal: StoredPortal):
    portal.deal("701", **WON)
    for number in range(12):
        portal.contact(
            f"5{number:02}", name=f"Person {number:02}", created_at=datetime(2026, 1, 28 - number, tzinfo=UTC)
        )
        portal.link("701", "contacts", f"5{number:02}")
    published(portal)
    text = live(portal)["deals:701"][1]
    assert "Contacts: Person 11; Person 10; Person 09; Person 08; Person 07; and 7 more." in text


def test_a_connector_maps_its_own_records_only(portal: StoredPortal, database: Database, local_customer: UUID):
    other = StoredPortal.create(database, local_customer, hub_id=8)
    portal.contact("501", name="Jane Doe")
    other.contact("501", name="John Roe")
    published(portal)
    published(other)
    contents = rows(portal, "SELECT connector_id, content FROM memories ORDER BY connector_id")
    assert [row.connector_id for row in contents] == [portal.connector_id, other.connector_id]
    assert ["Jane" in contents[0].content, "John" in contents[1].content] == [True, True]


def _gaps(portal: StoredPortal) -> dict[str, tuple[list[str], list[str]]]:
    found = rows(portal, "SELECT source_ref, missing, internal FROM memory_label_gaps ORDER BY source_ref")
    return {row.source_ref.split(":", 2)[2]: (row.missing, row.internal) for row in found}


def test_what_a_text_lacks_a_label_of_is_noted_with_it_and_forgotten_with_the_lack(portal: StoredPortal):
    portal.contact("501", name="Jane Doe", lead_status="GONE", lifecycle_stage="lead")
    portal.contact("502", name="John Roe", lead_status="BAD_TIMING", owner_id="99")
    portal.deal("701", outcome="open", late_stage=True, pipeline_id="7001", stage_id="7777")
    mapped(portal)
    assert _gaps(portal) == {
        "contacts:501": (["lead status"], []),
        "contacts:502": (["owner"], []),
        "deals:701": (["stage"], []),
    }
    mapped(portal)
    portal.execute("""UPDATE hubspot_properties SET options = '[{"value": "BAD_TIMING", "label": "BAD_TIMING"},
                             {"value": "GONE", "label": "Gone"}]' WHERE name = 'hs_lead_status'""")
    change(portal, "deals", "701", "archived_at = now(), archived_reason = 'archived'")
    mapped(portal)
    assert _gaps(portal) == {"contacts:502": (["owner"], ["lead status"])}
    change(portal, "contacts", "502", "archived_at = now(), archived_reason = 'erased'")
    mapped(portal)
    assert _gaps(portal) == {}

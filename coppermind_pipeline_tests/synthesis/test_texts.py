"""The texts as a person reads them: golden files, and what no text may ever hold."""

import re
from datetime import timedelta
from uuid import UUID

import pytest
from syrupy.assertion import SnapshotAssertion

from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal
from coppermind_pipeline_tests.synthesis.portals import days_ago, fill, run, texts


@pytest.fixture
def portal(database: Database, local_customer: UUID) -> StoredPortal:
    portal = StoredPortal.create(database, local_customer)
    fill(portal)
    return portal


def test_the_first_synthesis_reads_like_this(portal, snapshot: SnapshotAssertion):
    run(portal)
    assert texts(portal) == snapshot


def test_the_next_synthesis_reads_like_this(portal, snapshot: SnapshotAssertion):
    run(portal)
    portal.execute(
        "UPDATE hubspot_crm_objects SET outcome = 'won', close_at = :now, amount = 90000 WHERE hubspot_id = '3100'",
        now=NOW,
    )
    portal.execute(
        """UPDATE hubspot_crm_objects SET attributed_source = 'OFFLINE'
            WHERE attributed_source = 'PAID_SEARCH' AND hubspot_id > '1003'"""
    )
    portal.execute(
        "UPDATE hubspot_crm_objects SET lead_status = 'UNQUALIFIED' WHERE hubspot_id BETWEEN '100' AND '109'"
    )
    portal.execute("UPDATE hubspot_crm_objects SET loss_reason = NULL WHERE hubspot_id BETWEEN '2000' AND '2003'")
    run(portal, now=NOW + timedelta(days=7))
    assert texts(portal, "2026-W48") == snapshot


def test_each_text_opens_with_what_it_covers(portal):
    run(portal)
    for content in texts(portal).values():
        assert (
            "all synced HubSpot CRM history through 18 November 2026 (records changed since 17 November 2024)"
            in (content.partition("\n")[0])
        )


def test_no_text_holds_an_internal_value_or_id(portal):
    portal.execute("UPDATE hubspot_crm_objects SET attributed_source = 'GONE_SOURCE' WHERE hubspot_id = '1000'")
    portal.execute(
        """UPDATE hubspot_crm_objects SET owner_id = '99', stage_id = 'gone', pipeline_id = 'p_9'
            WHERE hubspot_id = '3100'"""
    )
    run(portal, hubspot_disqualified_statuses=["UNQUALIFIED", "GONE_STATUS"])
    for content in texts(portal).values():
        assert not re.search(
            r"[A-Z]+_[A-Z]+|closedwon|contractsent|UNQUALIFIED|GONE|\bp_9\b|\b3100\b|hubspot-0007", content
        )


def test_longer_lists_end_in_a_sum_of_the_rest(portal):
    countries = ("FR", "ES", "IT", "PT", "NL", "BE", "AT", "CH", "PL", "CZ", "SE", "NO", "DK", "FI", "IE")
    for number, country in enumerate(countries):
        source = f"SOURCE_{number:02d}"
        portal.contact(f"{7000 + number}", source=source, lifecycle_stage="lead", modified_at=days_ago(100))
        portal.deal(f"{7000 + number}", outcome="won", attributed_source=source, attribution_step="deal", amount=100,
                    currency="USD", primary_company_id=f"{8000 + number}", place_country_code=country)  # fmt: skip
    run(portal)
    text_of = texts(portal)
    assert "9 other sources: 10 contacts; 20 deals (7 won, 5 lost, 8 open)" in text_of["channel_mix"]
    assert "7 other countries: 7 customers, 7 won deals, $700" in text_of["geography"]
    assert "8 other sources: 0 of 8 leads disqualified, 0 postponed, 8 stuck" in text_of["lead_leaks"]
    assert all(len(content.encode()) < 20_000 for content in text_of.values())


def test_a_few_records_read_in_the_singular(database, local_customer):
    portal = StoredPortal.create(database, local_customer)
    for number in range(5):
        portal.contact(f"{number}", source="REFERRALS", lifecycle_stage="lead")
    portal.deal("1", outcome="won", attributed_source="REFERRALS", attribution_step="deal")
    run(portal)
    content = texts(portal)["channel_mix"]
    assert "5 contacts and 1 deal: 1 won, 0 lost, 0 open. Win rate: 1 of 1 closed deal." in content
    assert "Closed-won revenue: no amount" in content


def test_unknown_source_and_unknown_places_are_always_told(database, local_customer):
    portal = StoredPortal.create(database, local_customer)
    for number in range(5):
        portal.contact(f"{number}", source="REFERRALS", lifecycle_stage="lead")
        portal.deal(f"{number}", outcome="won", attributed_source="REFERRALS", attribution_step="deal",
                    primary_company_id="1", place_country_code="FR")  # fmt: skip
        portal.deal(f"1{number}", outcome="lost", loss_reason="price")
    run(portal)
    text_of = texts(portal)
    assert "- Unknown source: 0 contacts; 5 deals" in text_of["channel_mix"]
    assert "- Unknown source: no leads" in text_of["lead_leaks"]
    assert "- Unrecognized: none\n- Unknown country: none" in text_of["geography"]
    assert "- No reason given: 0 of 5 lost deals" in text_of["loss_themes"]

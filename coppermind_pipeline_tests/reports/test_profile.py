"""The portal profile says how far a CRM can be trusted."""

from datetime import UTC, datetime, timedelta

import pytest

from coppermind_pipeline.accounts import Caller, local_caller
from coppermind_pipeline.catalog import profile_is_outdated
from coppermind_pipeline.connectors import load_connector, status
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.reports import PortalProfile, profile_portal
from coppermind_pipeline.store import Database, move_checkpoint
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal


@pytest.fixture
def caller(database: Database) -> Caller:
    return local_caller(database)


@pytest.fixture
def portal(database: Database, caller: Caller) -> StoredPortal:
    return StoredPortal.create(database, caller.customer_id)


def _profile(portal: StoredPortal, *, now: datetime = NOW) -> PortalProfile:
    connector = load_connector(portal.database, portal.connector_id)
    with portal.database.mind(portal.mind_id) as connection:
        return profile_portal(connection, connector, now=now)


def test_it_counts_what_is_missing_and_names_what_looks_like_the_clients_own(
    database: Database, caller: Caller, portal: StoredPortal
):
    portal.deal("1", outcome="won", amount="10", currency="USD")
    portal.deal("2", outcome="won", currency="EUR", pipeline_id="7001")
    portal.deal("3", outcome="won", filtered_reason="test")
    portal.deal("4", outcome="lost", loss_reason="price")
    portal.deal("5", outcome="lost")
    portal.deal("6", close_at=NOW - timedelta(days=1))
    portal.deal("7", close_at=NOW + timedelta(days=1))
    portal.deal("8", archived_at=NOW)
    portal.contact("1", source="PAID_SEARCH", email_domain="customer.com")
    portal.contact("2", email_domain="acme.com")
    portal.contact("3", email_domain="acme.com", source="OFFLINE")
    portal.contact("4", email_domain="gmail.com", source="OFFLINE", referenced_only=True)
    portal.execute("UPDATE hubspot_owners SET email = 'Dana@ACME.com' WHERE hubspot_id = '11'")

    profile = _profile(portal)
    shares = {
        "won": profile.won_deals_without_amount,
        "lost": profile.lost_deals_without_reason,
        "source": profile.contacts_without_source,
        "overdue": profile.overdue_open_deals,
    }
    assert {name: (each.count, each.of, each.share) for name, each in shares.items()} == {
        "won": (1, 2, "0.5000"),
        "lost": (1, 2, "0.5000"),
        "source": (1, 3, "0.3333"),
        "overdue": (1, 2, "0.5000"),
    }
    assert profile.currencies == {"EUR": 1, "USD": 1}
    assert [(each.label, each.stages, each.deals) for each in profile.pipelines] == [
        ("Renewals", 3, 1),
        ("Sales Pipeline", 4, 6),
    ]
    assert profile.filtered[ObjectType.DEALS].count == 1
    assert [(each.domain, each.contacts) for each in profile.suggested_exclusions] == [("acme.com", 2)]
    assert len(profile.questions) == 3
    assert "won deals without an amount worth (1 so far)" in profile.questions[0]

    (shown,) = status(database, caller, now=NOW).connectors
    assert shown.portal_profile == profile.as_response()
    assert shown.warnings == ()


def test_an_empty_portal_has_a_profile_and_three_questions_too(portal: StoredPortal):
    profile = _profile(portal)
    assert profile.won_deals_without_amount.share is None
    assert len(profile.questions) == 3


def test_filters_that_remove_nearly_everything_are_a_warning_in_status(
    database: Database, caller: Caller, portal: StoredPortal
):
    for number in range(12):
        portal.contact(str(number), filtered_reason="excluded" if number else None)
    _profile(portal)
    (shown,) = status(database, caller, now=NOW).connectors
    assert shown.warnings == ("The filters remove 11 of 12 contacts.",)


def test_it_follows_what_changes_of_many_records_hourly(portal: StoredPortal):
    def is_outdated(*, hours_later: int = 0) -> bool:
        later = datetime.now(UTC) + timedelta(hours=hours_later)
        with portal.database.mind(portal.mind_id) as connection:
            return profile_is_outdated(connection, portal.connector_id, now=later)

    assert not is_outdated()  # the first look is taken when the backfill is complete
    _profile(portal, now=datetime.now(UTC))
    assert not is_outdated(hours_later=2)
    with portal.database.mind(portal.mind_id) as connection:
        move_checkpoint(connection, portal.connector_id, "normalize", 1)
    assert is_outdated()
    portal.deal("1")
    portal.execute("UPDATE hubspot_record_counts SET stored = 20001 WHERE connector_id = :connector")
    assert not is_outdated()
    assert is_outdated(hours_later=2)

"""What is known of a portal, and where its records are shown."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from coppermind_pipeline.catalog import Portal, load_portal, store_account, store_unknown_account
from coppermind_pipeline.connectors import load_connector, note_account, problems_of
from coppermind_pipeline.hubspot import AccountDetails
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.reports.trust.caveats import PortalFindings, _account
from coppermind_pipeline.reports.trust.portals import load_portals
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

_ACCOUNT = AccountDetails(
    portal_id=7,
    account_type="STANDARD",
    time_zone="Europe/Berlin",
    company_currency="EUR",
    additional_currencies=("USD",),
    ui_domain="app-eu1.hubspot.com",
    data_hosting_location="eu1",
)


def _loaded(portal: StoredPortal) -> Portal:
    with portal.database.mind(portal.mind_id) as connection:
        return load_portal(connection, portal.connector_id)


def test_account_and_window_are_loaded_together(portal: StoredPortal):
    assert _loaded(portal) == Portal(
        connector_id="acme-hubspot-0007",
        hub_id=7,
        time_zone="America/New_York",
        company_currency="USD",
        ui_domain="app.hubspot.com",
        since=datetime(2024, 11, 18, tzinfo=UTC),
        first_completed_at=NOW,
        kept_since=None,
    )


def test_a_record_has_an_address_once_the_portals_host_is_known(portal: StoredPortal):
    known = _loaded(portal)
    address = "https://app.hubspot.com/contacts/7/record/0-3/501"
    assert known.record_url(ObjectType.DEALS, "501") == address
    assert replace(known, ui_domain=None).record_url(ObjectType.DEALS, "501") is None
    assert replace(known, hub_id=None).record_url(ObjectType.DEALS, "501") is None


@pytest.mark.parametrize(
    ("configured", "of_portal", "zone"),
    [
        (None, "US/Eastern", "US/Eastern"),
        ("Europe/Paris", "US/Eastern", "Europe/Paris"),
        ("Europe/Paris", None, "Europe/Paris"),
        (None, "Moon/Base", None),
        (None, None, None),
    ],
)
def test_reports_are_in_the_configured_zone_else_in_the_portals(portal: StoredPortal, configured, of_portal, zone):
    known = replace(_loaded(portal), time_zone=of_portal)
    assert known.report_zone(configured) == (zone and ZoneInfo(zone))


def test_an_account_replaces_the_one_before_and_silence_replaces_nothing(portal: StoredPortal):
    with portal.database.mind(portal.mind_id) as connection:
        store_account(connection, portal.connector_id, _ACCOUNT)
        store_unknown_account(connection, portal.connector_id, 7)
    known = _loaded(portal)
    assert (known.time_zone, known.company_currency, known.ui_domain) == ("Europe/Berlin", "EUR", "app-eu1.hubspot.com")


@pytest.mark.parametrize(
    ("silent", "message", "gives", "lost"),
    [
        ({"ui_domain"}, "address", "not all", "records have no links"),
        (
            {"company_currency", "ui_domain"},
            "company currency and address",
            "not all",
            "its currency is not known, and records have no links",
        ),
        (
            {"time_zone", "company_currency", "ui_domain"},
            "time zone, company currency and address",
            "no",
            "its time zone and currency are not known, and records have no links",
        ),
    ],
)
def test_what_an_account_says_counts_whatever_else_it_does_not_say(
    portal: StoredPortal, silent: set[str], message: str, gives: str, lost: str
):
    portal.execute("DELETE FROM hubspot_portals WHERE connector_id = :connector")
    connector = load_connector(portal.database, portal.connector_id)
    partial = replace(_ACCOUNT, **dict.fromkeys(silent))
    with portal.database.mind(portal.mind_id) as connection:
        note_account(connection, connector, 7, partial)
        (problem,) = problems_of(connection, [connector.id])[connector.id]
        (synced,) = load_portals(connection)
    known = _loaded(portal)
    for detail in ("time_zone", "company_currency", "ui_domain"):
        assert getattr(known, detail) == (None if detail in silent else getattr(_ACCOUNT, detail))
    assert problem.message == f"The portal's account details do not say its {message}."
    (caveat,) = _account(PortalFindings(portals=[synced], now=NOW, zone=ZoneInfo("UTC")))
    assert caveat == f"HubSpot gives {gives} account details of portal 7: {lost}."
    with portal.database.mind(portal.mind_id) as connection:
        note_account(connection, connector, 7, _ACCOUNT)
        note_account(connection, connector, 7, replace(_ACCOUNT, time_zone="Moon/Base", ui_domain=None))
        (problem,) = problems_of(connection, [connector.id])[connector.id]
    assert problem.message == (
        "The portal's account details do not say its address and name a time zone that is not known (Moon/Base)."
    )
    assert _loaded(portal).ui_domain == "app-eu1.hubspot.com", "what was said before holds"


def test_a_portal_of_whose_account_nothing_is_said_is_known_by_its_id(portal: StoredPortal):
    portal.execute("DELETE FROM hubspot_portals WHERE connector_id = :connector")
    with portal.database.mind(portal.mind_id) as connection:
        store_unknown_account(connection, portal.connector_id, 7)
    known = _loaded(portal)
    assert (known.name, known.zone, known.company_currency, known.ui_domain) == ("portal 7", None, None, None)

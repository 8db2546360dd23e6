"""The interpretation and the filters: what they depend on, and by which settings the stored records are read."""

from decimal import Decimal

import pytest

from coppermind_pipeline.accounts import Caller, update_mind
from coppermind_pipeline.catalog import (
    Interpretation,
    RecordSettings,
    load_definitions,
    load_filters,
    load_interpretation,
    note_applied,
    settings_wait,
)
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline_tests.stored_portal import StoredPortal

_NONE = RecordSettings(filters={}, late_stage_probability=Decimal("0.8"), loss_reason_property="closed_lost_reason")
_FILTERED = RecordSettings(
    filters={"hubspot_excluded_emails": ["a@b.com"]},
    late_stage_probability=Decimal("0.8"),
    loss_reason_property="closed_lost_reason",
)


def _interpretation(portal: StoredPortal, settings: RecordSettings = _NONE) -> Interpretation:
    with portal.database.mind(portal.mind_id) as connection:
        return load_interpretation(connection, portal.connector_id, settings)


def _excluded(portal: StoredPortal, *, in_force: bool = True) -> frozenset[str]:
    configured = {"hubspot_excluded_emails": ["configured@b.com"]}
    with portal.database.mind(portal.mind_id) as connection:
        definitions = load_definitions(connection, portal.connector_id, with_options=False)
        filters = load_filters(connection, portal.connector_id, configured, definitions=definitions, in_force=in_force)
    return filters.excluded_emails


def _name_own_domain(portal: StoredPortal, caller: Caller) -> None:
    update_mind(portal.database, caller, "acme", domains=["acme.com"])


def _apply(portal: StoredPortal, settings: RecordSettings) -> None:
    with portal.database.mind(portal.mind_id) as connection:
        note_applied(connection, portal.connector_id, load_interpretation(connection, portal.connector_id, settings))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE hubspot_portals SET time_zone = 'Europe/Berlin'",
        "UPDATE hubspot_portals SET company_currency = 'EUR'",
        "UPDATE hubspot_stages SET probability = 0.5 WHERE hubspot_id = 'contractsent'",
        "UPDATE hubspot_properties SET type = 'string' WHERE name = 'dealtype'",
        "UPDATE hubspot_properties SET missing_since = now() WHERE name = 'dealtype'",
    ],
)
def test_whatever_it_depends_on_changes_its_digest(portal: StoredPortal, change: str):
    before = _interpretation(portal).digest
    assert _interpretation(portal).digest == before
    portal.execute(change)
    assert _interpretation(portal).digest != before


def test_the_minds_own_domains_change_it_too(portal: StoredPortal, caller: Caller):
    before = _interpretation(portal)
    _name_own_domain(portal, caller)
    after = _interpretation(portal)
    assert after.digest != before.digest
    assert after.settings == before.settings | {"company_info.domain": "acme.com"}


def test_options_and_labels_of_properties_do_not_change_it(portal: StoredPortal):
    before = _interpretation(portal).digest
    portal.execute("UPDATE hubspot_properties SET options = '[]', label = 'Other'")
    assert _interpretation(portal).digest == before
    assert _interpretation(portal, _FILTERED).digest != before


def test_a_changed_setting_waits_until_it_is_applied(portal: StoredPortal, caller: Caller):
    with portal.database.mind(portal.mind_id) as connection:
        assert settings_wait(connection, portal.connector_id, _NONE), "nothing is interpreted yet"
    _apply(portal, _NONE)
    with portal.database.mind(portal.mind_id) as connection:
        assert not settings_wait(connection, portal.connector_id, _NONE)
        assert settings_wait(connection, portal.connector_id, _FILTERED)
    _name_own_domain(portal, caller)
    with portal.database.mind(portal.mind_id) as connection:
        assert settings_wait(connection, portal.connector_id, _NONE)


def test_filters_are_those_that_the_records_are_read_by_else_the_configured_ones(portal: StoredPortal):
    assert _excluded(portal) == {"configured@b.com"}
    _apply(portal, _FILTERED)
    assert _excluded(portal) == {"a@b.com"}
    assert _excluded(portal, in_force=False) == {"configured@b.com"}


def test_definitions_can_be_read_by_name_and_without_their_options(portal: StoredPortal):
    with portal.database.mind(portal.mind_id) as connection:
        named = load_definitions(connection, portal.connector_id, names=("lifecyclestage", "dealtype"))
        bare = load_definitions(connection, portal.connector_id, with_options=False)
    assert {t: list(known) for t, known in named.items()} == {
        ObjectType.CONTACTS: ["lifecyclestage"],
        ObjectType.COMPANIES: [],
        ObjectType.DEALS: ["dealtype"],
    }
    assert named[ObjectType.CONTACTS]["lifecyclestage"].options["lead"] == "Lead"
    assert len(bare[ObjectType.CONTACTS]) == 3
    assert not bare[ObjectType.CONTACTS]["lifecyclestage"].options

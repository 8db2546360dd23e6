"""`configure`: checked keys, stored in one form, and what changed filters would do."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coppermind_pipeline import crm
from coppermind_pipeline.accounts import Caller, create_customer, update_mind
from coppermind_pipeline.connectors import Cadence, ConnectorConfig, ConnectorNotFound, configure, load_connector
from coppermind_pipeline.connectors.configuration.config import merged
from coppermind_pipeline.connectors.errors import InvalidConfigValue, UnknownConfigKey
from coppermind_pipeline.errors import UsageError
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.stored_portal import StoredPortal

_VALID: dict[str, st.SearchStrategy] = {
    "hubspot_backfill_since": st.datetimes(timezones=st.timezones()).map(lambda at: at.isoformat()),
    "hubspot_synthesis_cadence": st.sampled_from(["weekly", "monthly"]),
    "excluded_emails": st.lists(st.sampled_from(["Ann@Acme.com", "bob@globex.de"])),
    "hubspot_excluded_domains": st.lists(st.sampled_from(["@Acme.com", "mail.globex.de"])),
    "hubspot_property_filters": st.dictionaries(
        st.sampled_from(["pipeline", "dealtype"]), st.lists(st.text("ab", min_size=1), min_size=1)
    ),
    "poll_interval_minutes": st.integers(1, 1440) | st.integers(1, 1440).map(str),
    "late_stage_probability": st.decimals(0, 1, places=4).map(str) | st.floats(0, 1),
    "hubspot_disqualified_statuses": st.lists(st.text("AB_", min_size=1)) | st.just("UNQUALIFIED,BAD_TIMING"),
    "hubspot_loss_reason_property": st.from_regex(r"[a-z_0-9]{1,20}", fullmatch=True),
    "report_timezone": st.sampled_from(["Europe/Berlin", "US/Eastern", " UTC "]),
    "fiscal_year_start_month": st.integers(1, 12),
}
_ANY_VALUE = (
    st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text()) | st.dictionaries(st.text(), st.text())
)


@pytest.fixture
def portal(database: Database, caller: Caller) -> StoredPortal:
    return StoredPortal.create(database, caller.customer_id)


def test_what_is_not_set_has_its_default():
    config = ConnectorConfig()
    assert config.hubspot_synthesis_cadence is Cadence.WEEKLY
    assert (config.poll_interval_minutes, config.late_stage_probability) == (15, Decimal("0.8"))
    assert config.hubspot_disqualified_statuses == ("UNQUALIFIED",)
    assert (config.hubspot_loss_reason_property, config.fiscal_year_start_month) == ("closed_lost_reason", 1)
    assert (config.hubspot_backfill_since, config.report_timezone) == (None, None)


@given(st.fixed_dictionaries({}, optional=_VALID))
def test_what_is_accepted_is_stored_in_a_form_that_reads_back_the_same(changes: dict[str, Any]):
    stored = merged({}, changes)
    assert stored.keys() == changes.keys()
    assert merged({}, stored) == stored
    assert ConnectorConfig.from_stored(stored) == ConnectorConfig.model_validate(changes)
    assert merged(stored, dict.fromkeys(stored)) == {}


@given(st.dictionaries(st.sampled_from([*_VALID, "hubspot_filters", "nonsense"]), _ANY_VALUE))
def test_whatever_is_given_is_stored_readably_or_refused_and_never_loses_a_filter(changes: dict[str, Any]):
    with suppress(UsageError):
        stored = merged({}, changes)
        assert merged({}, stored) == stored
    config = ConnectorConfig.from_stored({key: value for key, value in changes.items() if value is not None})
    for key in crm.FILTER_KEYS:
        assert (getattr(config, key) is None) == (changes.get(key) is None)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("hubspot_backfill_since", "2024-01-01", "needs a time zone"),
        ("hubspot_backfill_since", 1704067200, "Invalid isoformat"),
        ("hubspot_synthesis_cadence", "daily", "'weekly' or 'monthly'"),
        ("poll_interval_minutes", 0, "greater than or equal to 1"),
        ("late_stage_probability", "1.1", "less than or equal to 1"),
        ("report_timezone", "Mars/Olympus", "is not a time zone"),
        ("fiscal_year_start_month", 13, "less than or equal to 12"),
        ("hubspot_loss_reason_property", "a b", "pattern"),
        ("excluded_emails", ["nobody"], "is not an e-mail address"),
        ("excluded_email_domains", ["a b"], "is not a domain"),
        ("hubspot_property_filters", {"deals": "default"}, "map of properties"),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_nothing_changes(
    database: Database, caller: Caller, portal: StoredPortal, key: str, value: Any, message: str
):
    with pytest.raises(UsageError, match=message) as refused:
        configure(database, caller, portal.connector_id, {"fiscal_year_start_month": 4, key: value})
    assert key in refused.value.message
    assert load_connector(database, portal.connector_id).config == ConnectorConfig()


def test_an_unknown_key_names_the_nearest_known_one(database: Database, caller: Caller, portal: StoredPortal):
    with pytest.raises(UnknownConfigKey) as refused:
        configure(database, caller, portal.connector_id, {"synthesis_cadence": "weekly"})
    assert refused.value.hint == "Did you mean hubspot_synthesis_cadence?"
    with pytest.raises(UnknownConfigKey) as refused:
        configure(database, caller, portal.connector_id, {"zzz": 1})
    assert "poll_interval_minutes" in refused.value.hint


def test_keys_are_merged_and_null_removes_one(database: Database, caller: Caller, portal: StoredPortal):
    first = configure(
        database, caller, portal.connector_id, {"poll_interval_minutes": "30", "fiscal_year_start_month": 4}
    )
    assert first.changed == ("poll_interval_minutes", "fiscal_year_start_month")
    second = configure(
        database, caller, portal.connector_id, {"poll_interval_minutes": None, "fiscal_year_start_month": 4}
    )
    assert (second.changed, second.config) == (("poll_interval_minutes",), {"fiscal_year_start_month": 4})
    assert second.filter_preview is None


def test_a_window_in_the_future_is_refused_and_a_started_backfill_asks_for_a_resync(
    database: Database, caller: Caller, portal: StoredPortal
):
    with pytest.raises(InvalidConfigValue, match="lies in the future"):
        configure(database, caller, portal.connector_id, {"hubspot_backfill_since": "2999-01-01T00:00:00Z"})
    answer = configure(database, caller, portal.connector_id, {"hubspot_backfill_since": "2020-01-01T00:00:00+02:00"})
    assert "connectors action=resync" in answer.next_step


def test_changed_filters_say_what_they_keep_and_remove(database: Database, caller: Caller, portal: StoredPortal):
    update_mind(database, caller, "acme", domains=["acme.com"])
    for number, email in enumerate(["ann@acme.com", "bo@mail.acme.com", "cy@globex.com", "test@globex.com", None]):
        portal.contact(str(number), properties={} if email is None else {"email": email})
    portal.contact("90", properties={"email": "old@globex.com"}, referenced_only=True)
    portal.contact("91", properties={"email": "gone@globex.com"}, archived_at="2026-01-01T00:00:00Z")
    portal.deal("1", properties={"pipeline": "default"})
    portal.deal("2", properties={"pipeline": "7001"})
    portal.execute(
        """INSERT INTO hubspot_properties (connector_id, mind_id, object_type, name, label, type, field_type)
           VALUES (:connector, :mind, 'deals', 'pipeline', 'Pipeline', 'enumeration', 'select')""",
        mind=portal.mind_id,
    )
    answer = configure(
        database,
        caller,
        portal.connector_id,
        {"excluded_emails": ["TEST@globex.com"], "hubspot_property_filters": {"deals": {"pipeline": "default"}}},
    )
    assert answer.filter_preview is not None
    assert {object_type: (each.kept, each.removed) for object_type, each in answer.filter_preview.items()} == {
        ObjectType.CONTACTS: (2, 3),
        ObjectType.COMPANIES: (0, 0),
        ObjectType.DEALS: (1, 1),
    }
    assert answer.warnings == ()
    everything = configure(database, caller, portal.connector_id, {"hubspot_filters": {"deals": {"pipeline": "none"}}})
    assert everything.warnings == ("The filters remove 2 of 2 deals.",)


def test_a_filter_on_a_property_that_the_portal_lacks_is_a_warning(
    database: Database, caller: Caller, portal: StoredPortal
):
    answer = configure(database, caller, portal.connector_id, {"hubspot_filters": {"deals": {"pipelin": "default"}}})
    assert any("'pipelin'" in warning for warning in answer.warnings)
    answer = configure(database, caller, portal.connector_id, {"hubspot_loss_reason_property": "lost_because"})
    assert any("lost_because" in warning for warning in answer.warnings)


def test_an_unusable_filter_that_somebody_stored_by_hand_still_holds_its_records_back(
    database: Database, portal: StoredPortal
):
    portal.execute("""UPDATE connectors SET config = '{"hubspot_filters": "deals", "poll_interval_minutes": "x"}'""")
    config = load_connector(database, portal.connector_id).config
    assert config.poll_interval_minutes == 15
    settings = config.model_dump(mode="json", include=set(crm.FILTER_KEYS), exclude_none=True)
    assert crm.compile_filters(settings).unfinished == set(ObjectType)


def test_another_customers_connector_cannot_be_configured(database: Database, caller: Caller, portal: StoredPortal):
    stranger = Caller(create_customer(database, "Agency").id)
    with pytest.raises(ConnectorNotFound):
        configure(database, stranger, portal.connector_id, {"poll_interval_minutes": 1})

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coppermind_pipeline.crm import NormalizedRecord, close_day, compile_filters, day_of, interpret
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline_tests.crm.portals import by_key, definition, definitions, meaning, stage

MEANING = meaning(filters=compile_filters({"excluded_emails": "intern@client.com"}, company_info={"domain": "own.com"}))


def _contact(**properties):
    return interpret(ObjectType.CONTACTS, "1", properties, MEANING)


def _company(**properties):
    return interpret(ObjectType.COMPANIES, "1", properties, MEANING)


def _deal(portal=MEANING, **properties):
    return interpret(ObjectType.DEALS, "1", properties, portal)


def test_a_contact_as_typed_columns():
    assert _contact(
        createdate="2024-10-28T16:39:00.846Z",
        lastmodifieddate="2024-11-01T00:00:00Z",
        hs_lastmodifieddate="2020-01-01T00:00:00Z",
        firstname=" Maria ",
        lastname="Jönsson",
        email=" Maria@Acme.COM ",
        jobtitle="CEO",
        company="Acme",
        industry="Software",
        hubspot_owner_id="904875188",
        hs_analytics_source="PAID_SEARCH",
        hs_analytics_source_data_1="Spring",
        hs_analytics_source_data_2="crm",
        lifecyclestage="lead",
        hs_lead_status="NEW",
        country="Deutschland",
        ip_country="france",
        state="Bayern",
        city="München",
        hs_merged_object_ids="22;1",
        hs_calculated_merged_vids="22:1711843200000;33:1711843200001",
        phone="",
    ) == NormalizedRecord(
        created_at=datetime(2024, 10, 28, 16, 39, 0, 846000, UTC),
        modified_at=datetime(2024, 11, 1, tzinfo=UTC),
        name="Maria Jönsson",
        owner_id="904875188",
        source="PAID_SEARCH",
        source_detail_1="Spring",
        source_detail_2="crm",
        lifecycle_stage="lead",
        lead_status="NEW",
        country_code="DE",
        country_text="Deutschland",
        region="Bavaria",
        city="München",
        email="maria@acme.com",
        email_domain="acme.com",
        job_title="CEO",
        company_name="Acme",
        industry="Software",
        merged_ids=("22", "33"),
    )


def test_a_drill_down_of_a_source_that_says_nothing_is_none():
    record = _contact(hs_analytics_source_data_1=" n/a ", hs_analytics_source_data_2="-")
    assert (record.source_detail_1, record.source_detail_2) == (None, None)


def test_a_company_as_typed_columns():
    assert _company(
        createdate="1743685150726",
        hs_lastmodifieddate="2025-05-01T00:00:00Z",
        name="Acme",
        domain="https://www.Acme.com/about",
        industry="AIRLINES_AVIATION",
        hs_analytics_source="OFFLINE",
        lifecyclestage="customer",
        hs_lead_status="OPEN",
        hs_country_code="us",
        country="Deutschland",
        state="NY",
        city="New York",
    ) == NormalizedRecord(
        created_at=datetime(2025, 4, 3, 12, 59, 10, 726000, UTC),
        modified_at=datetime(2025, 5, 1, tzinfo=UTC),
        name="Acme",
        source="OFFLINE",
        lifecycle_stage="customer",
        lead_status="OPEN",
        country_code="US",
        country_text="Deutschland",
        region="New York",
        city="New York",
        domain="acme.com",
        industry="AIRLINES_AVIATION",
    )


def test_a_deal_as_typed_columns():
    assert _deal(
        createdate="2025-01-01T00:00:00Z",
        hs_lastmodifieddate="2025-05-01T00:00:00Z",
        dealname="Acme renewal",
        amount="12500.5",
        amount_in_home_currency="13000",
        deal_currency_code="eur",
        pipeline="default",
        dealstage="closedwon",
        closedate="2025-04-01T03:00:00Z",
        hs_closed_won_date="2025-04-01T03:00:01Z",
        hs_is_closed="true",
        hs_is_closed_won="true",
        hs_deal_stage_probability="1",
        hs_v2_date_entered_closedwon="2025-03-01T00:00:00Z",
        hs_v2_date_entered_gone="2025-04-01T03:00:02Z",
        hs_v2_date_entered_77="2026-01-01T00:00:00Z",
        hs_v2_date_entered_contract="2026-01-01T00:00:00Z",
        hs_v2_date_entered_current_stage="2025-04-01T03:00:03Z",
        closed_won_reason="Price",
        dealtype="newbusiness",
        hubspot_owner_id="7",
        hs_analytics_source="OFFLINE",
        country="France",
    ) == NormalizedRecord(
        created_at=datetime(2025, 1, 1, tzinfo=UTC),
        modified_at=datetime(2025, 5, 1, tzinfo=UTC),
        name="Acme renewal",
        owner_id="7",
        source="OFFLINE",
        amount=Decimal("12500.5"),
        currency="EUR",
        amount_home=Decimal(13000),
        pipeline_id="default",
        stage_id="closedwon",
        outcome="won",
        outcome_disagrees=False,
        late_stage=False,
        probability=Decimal(1),
        stage_probability=Decimal(1),
        close_at=datetime(2025, 4, 1, 3, tzinfo=UTC),
        closed_won_at=datetime(2025, 4, 1, 3, 0, 1, tzinfo=UTC),
        entered_closed_won_at=datetime(2025, 4, 1, 3, 0, 2, tzinfo=UTC),
        entered_stage_at=datetime(2025, 4, 1, 3, 0, 3, tzinfo=UTC),
        won_reason="Price",
        deal_type="newbusiness",
    )


@pytest.mark.parametrize(
    ("properties", "name"),
    [
        ({"firstname": "Ann", "lastname": "Lee", "email": "a@b.co"}, "Ann Lee"),
        ({"firstname": "Ann", "lastname": "  "}, "Ann"),
        ({"lastname": "Lee", "firstname": None}, "Lee"),
        ({"firstname": "", "email": "A@b.co"}, "a@b.co"),
        ({}, None),
    ],
)
def test_a_contact_is_named_by_its_names_else_its_email(properties, name):
    assert _contact(**properties).name == name


def test_a_company_without_name_is_named_by_its_domain():
    assert _company(name="", domain="Acme.com").name == "acme.com"


def test_a_modified_date_under_the_other_name_is_taken_for_contacts():
    assert _contact(hs_lastmodifieddate="2025-05-01").modified_at == datetime(2025, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("properties", "code", "text"),
    [
        ({"hs_country_region_code": "DE", "country": ""}, "DE", None),
        ({"hs_country_region_code": "DE", "country": "Bavaria"}, "DE", "Bavaria"),
        ({"hs_country_region_code": "", "country": "USA"}, "US", "USA"),
        ({"hs_country_region_code": "ZZ", "country": "USA"}, "US", "USA"),
        ({"country": "Narnia"}, None, "Narnia"),
        ({"hs_country_region_code": "ZZ"}, None, "ZZ"),
        ({"ip_country": "France", "ip_country_code": "fr"}, None, None),
    ],
)
def test_a_country_comes_from_the_code_else_from_the_text_and_never_from_an_ip(properties, code, text):
    record = _contact(**properties)
    assert (record.country_code, record.country_text) == (code, text)


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"hs_country_region_code": "NA"}, "NA"),
        ({"hs_country_region_code": "NA", "state": "Khomas"}, "NA"),
        ({"hs_country_region_code": "NA", "state": "California"}, None),
        ({"hs_country_region_code": "NA", "state": "California", "country": "USA"}, "US"),
        ({"country": "NA"}, None),
        ({"hs_country_region_code": "n/a", "country": "USA"}, "US"),
    ],
)
def test_na_is_namibia_as_a_code_unless_the_region_lies_elsewhere(properties, code):
    record = _contact(**properties)
    assert record.country_code == code
    assert record.country_text != "NA"


def test_placeholders_are_no_place_title_company_or_reason():
    contact = _contact(
        country="-", state="n/a", city="?", jobtitle="none", company="TBD", industry="k.A.", firstname="Jo"
    )
    assert contact == NormalizedRecord(name="Jo")
    assert _company(name="(none)", domain="acme.com", city="null").name == "acme.com"
    assert _contact(country="Italy", state="NA").region == "Naples"
    assert _deal(closed_lost_reason="???", closed_won_reason="Closed won", dealname="-") == _deal()
    assert _deal(closed_lost_reason="Other").loss_reason is None
    assert _deal(dealname="Test").name == "Test"


def test_reasons_kept_as_options_say_what_their_labels_say():
    why = definition("why", type="enumeration", options={"o1": "Other", "o2": "Price", "lost": "Wrong product"})
    portal = meaning(definitions={**definitions(), ObjectType.DEALS: {"why": why}}, loss_reason_property="why")
    assert _deal(portal, why="o1").loss_reason is None
    assert _deal(portal, why="o1;o2").loss_reason == "o2"
    assert _deal(portal, why="lost").loss_reason == "lost"
    assert _deal(portal, why="gone").loss_reason == "gone"


def test_rich_text_and_entities_are_read_as_a_person_sees_them():
    assert _company(name="Smith &amp; Sons").name == "Smith & Sons"
    assert _deal(closed_lost_reason="<p>Too <b>slow</b> &amp; no API</p>").loss_reason == "Too slow & no API"
    assert _deal(closed_lost_reason="<p>&nbsp;</p>").loss_reason is None
    assert _contact(firstname="A&#8238;nn", lastname="Lee").name == "Ann Lee"
    assert _deal(dealstage="a&amp;b").stage_id == "a&amp;b", "internal values are compared as they are"


@pytest.mark.parametrize(
    ("properties", "outcome", "disagrees", "late"),
    [
        ({"pipeline": "default", "dealstage": "closedwon", "hs_is_closed_won": "false"}, "won", True, False),
        ({"pipeline": "default", "dealstage": "closedlost"}, "lost", None, False),
        ({"pipeline": "default", "dealstage": "contract", "hs_is_closed": "false"}, "open", False, True),
        ({"pipeline": "default", "dealstage": "new"}, "open", None, False),
        ({"dealstage": "contract"}, "open", None, True),
        ({"pipeline": "default", "dealstage": "gone"}, "open", None, None),
        ({"pipeline": "default", "dealstage": "gone", "hs_is_closed": "true"}, "lost", None, False),
        ({"pipeline": "renewals", "dealstage": "closedwon", "hs_is_closed_won": "true"}, "won", None, False),
        ({"pipeline": "x", "dealstage": "y"}, "open", None, None),
        ({}, "open", None, None),
    ],
)
def test_outcome_and_lateness_come_from_the_stage_within_its_pipeline(properties, outcome, disagrees, late):
    record = _deal(**properties)
    assert (record.outcome, record.outcome_disagrees, record.late_stage) == (outcome, disagrees, late)


def test_a_deals_own_probability_stands_beside_its_stages_and_decides_nothing():
    record = _deal(pipeline="default", dealstage="new", hs_deal_stage_probability="0.95000000000000001")
    assert (record.probability, record.stage_probability, record.late_stage) == (
        Decimal("0.95"),
        Decimal("0.2"),
        False,
    )
    assert _deal(pipeline="default", dealstage="new").probability == Decimal("0.2")


@pytest.mark.parametrize(
    ("code", "currency", "malformed"),
    [(None, "USD", ()), (" ", "USD", ()), ("jpy", "JPY", ()), ("euro", None, ("deal_currency_code",))],
)
def test_a_blank_currency_is_the_portals_and_an_unreadable_one_is_none(code, currency, malformed):
    record = _deal(amount="5", deal_currency_code=code)
    assert (record.currency, record.malformed) == (currency, malformed)


def test_no_amount_is_not_zero():
    assert _deal(amount="").amount is None
    assert _deal(amount="0").amount == 0


def test_the_configured_property_holds_the_reason_of_a_loss():
    portal = meaning(loss_reason_property="why_lost")
    assert _deal(portal, closed_lost_reason="a", why_lost="b").loss_reason == "b"
    assert _deal(closed_lost_reason=" Too\nexpensive ").loss_reason == "Too\nexpensive"


def test_the_latest_entry_into_a_won_stage_of_the_pipeline_counts_under_each_of_its_names():
    portal = meaning(
        stages=by_key(
            stage("A-1", "1", pipeline_id="p", is_closed=True), stage("b", "1", pipeline_id="p", is_closed=True)
        )
    )
    record = _deal(
        portal,
        pipeline="p",
        dealstage="b",
        hs_v2_date_entered_a_1="2025-02-02",
        hs_v2_date_entered_b="2025-01-01",
        hs_v2_date_entered_closedwon="2026-01-01",
    )
    assert record.entered_closed_won_at == datetime(2025, 2, 2, tzinfo=UTC)


def test_a_date_property_keeps_its_day_in_the_portals_zone():
    known = definitions()
    known[ObjectType.DEALS]["createdate"] = definition("createdate", type="date")
    portal = meaning(definitions=known, time_zone=ZoneInfo("US/Arizona"))
    created_at = _deal(portal, createdate="2024-03-31").created_at
    assert created_at is not None
    assert day_of(created_at, ZoneInfo("US/Arizona")) == date(2024, 3, 31)


@pytest.mark.parametrize("type_", ["date", "datetime"])
def test_a_close_date_without_a_time_of_day_is_a_bare_day(type_):
    known = definitions()
    known[ObjectType.DEALS]["closedate"] = definition("closedate", type=type_)
    portal = meaning(definitions=known, time_zone=ZoneInfo("US/Arizona"))
    record = _deal(portal, closedate="2024-03-31", hs_closed_won_date="1711843200000")
    assert record.close_at == record.closed_won_at == datetime(2024, 3, 31, tzinfo=UTC)
    assert close_day(datetime(2024, 3, 31, tzinfo=UTC), ZoneInfo("US/Arizona")) == date(2024, 3, 31)


def test_what_could_not_be_taken_as_it_came_is_named_once():
    record = _deal(
        amount="1,000.50",
        amount_in_home_currency="12345678901234567890",
        closedate="31/03/2024",
        createdate="",
        hs_is_closed="perhaps",
        hs_merged_object_ids="12;x",
        closed_lost_reason="x" * 65_536,
        dealname="Bro\ud83dken\0",
    )
    assert record.name == "Bro\ufffdken\ufffd"
    assert (record.amount, record.amount_home, record.close_at, record.loss_reason) == (None, None, None, None)
    assert record.merged_ids == ()
    assert sorted(record.malformed) == [
        "amount",
        "amount_in_home_currency",
        "closed_lost_reason",
        "closedate",
        "dealname",
        "hs_is_closed",
        "hs_merged_object_ids",
    ]


def test_a_filtered_contact_keeps_its_columns_and_says_why():
    record = _contact(email="Bob@mail.own.com", firstname="Bob")
    assert (record.name, record.filtered_reason) == ("Bob", "e-mail domain own.com is the client's own")
    assert _contact(email="INTERN@client.com").filtered_reason == "e-mail address intern@client.com is excluded"
    assert _company(domain="own.com").filtered_reason is None


class _Asked(Mapping):
    """Properties that note which names are read."""

    def __init__(self):
        self.names = set()

    def __getitem__(self, name):
        self.names.add(name)
        raise KeyError(name)

    def __iter__(self):
        return iter(())

    def __len__(self):
        return 0


def _names_read():
    asked = _Asked()
    for object_type in ObjectType:
        interpret(object_type, "1", asked, MEANING)
    interpret(ObjectType.DEALS, "1", {"pipeline": "default"}, MEANING)
    return sorted(asked.names | {"hs_v2_date_entered_closedwon", "hs_v2_date_entered_gone"})


VALUES = (
    st.none()
    | st.text(st.characters())
    | st.sampled_from(["default", "closedwon", "gone", "true", "2025-01-01", "1,000.50", "NaN", "a@b.c", "a;b:c"])
    | st.integers().map(str)
    | st.floats().map(str)
    | st.datetimes().map(str)
)


@given(st.sampled_from(ObjectType), st.dictionaries(st.sampled_from(_names_read()), VALUES))
@example(ObjectType.CONTACTS, {"email": "a\0b@c.de", "firstname": "\udc00"})
@example(ObjectType.CONTACTS, {"email": "a@\ud800.de"})
@example(ObjectType.COMPANIES, {"domain": "\0.de", "country": "\ud800("})
def test_interpreting_never_raises_and_everything_fits_its_column(object_type, properties):
    record = interpret(object_type, "1", properties, MEANING)
    assert interpret(object_type, "1", properties, MEANING) == record
    assert set(record.malformed) <= {name for name, value in properties.items() if value and value.strip()}
    for value in msgspec.structs.asdict(record).values():
        for part in value if isinstance(value, tuple | list) else (value,):
            assert isinstance(part, str | Decimal | datetime | bool | None)
            if isinstance(part, str):
                assert "\0" not in part
                assert part.encode("utf-8").strip()
            if isinstance(part, Decimal):
                assert part.is_finite()
                assert abs(part) <= 10**15
            if isinstance(part, datetime):
                assert part.utcoffset() == UTC.utcoffset(None)


def test_fields_that_do_not_apply_to_a_type_are_empty():
    everything = dict.fromkeys(_names_read(), "1")
    deal_only = {"amount", "currency", "amount_home", "pipeline_id", "stage_id", "outcome", "late_stage", "probability"}
    for object_type in (ObjectType.CONTACTS, ObjectType.COMPANIES):
        record = interpret(object_type, "5", everything, MEANING)
        assert {name for name in deal_only if getattr(record, name) is not None} == set()
    deal = interpret(ObjectType.DEALS, "5", everything, MEANING)
    assert (deal.email, deal.country_text, deal.lifecycle_stage, deal.domain) == (None, None, None, None)


def test_what_nobody_sees_is_dropped_and_is_no_fault_of_the_record():
    deal = _deal(dealname="\x1b[31mBig\u200b deal\u202e\n2026", closed_lost_reason="Too\u2060 dear\r\nfor\x9b us\x07")
    assert (deal.name, deal.loss_reason) == ("[31mBig deal 2026", "Too dear\nfor us")
    contact = _contact(firstname="\u200b", lastname="نمی\u200cشود", email="ann\u200b@x.example", city="\ufeffBerlin")
    assert (contact.name, contact.email, contact.city) == ("نمی\u200cشود", "ann@x.example", "Berlin")
    assert (deal.malformed, contact.malformed) == ((), ())

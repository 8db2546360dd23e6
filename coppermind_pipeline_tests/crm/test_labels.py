import pytest

from coppermind_pipeline.crm import Labels, Owner, same_detail, source_detail
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline_tests.crm.portals import STAGES, definition, definitions

CONTACTS, COMPANIES, DEALS = ObjectType.CONTACTS, ObjectType.COMPANIES, ObjectType.DEALS

LABELS = Labels(
    definitions=definitions(),
    owners={
        "1": Owner(owner_id="1", first_name="Ann", last_name="Lee", email="ann@acme.com"),
        "2": Owner(owner_id="2", first_name="", last_name=None, email="bob@acme.com"),
        "3": Owner(owner_id="3"),
    },
    pipelines={"default": "Sales Pipeline"},
    stages=STAGES,
)


@pytest.mark.parametrize(
    ("label", "text", "resolved"),
    [
        (LABELS.owner("1"), "Ann Lee", True),
        (LABELS.owner("2"), "bob@acme.com", True),
        (LABELS.owner("3"), "an owner without a name", False),
        (LABELS.owner("904875188"), "an owner no longer in HubSpot", False),
        (LABELS.owner(None), "no owner", True),
        (LABELS.pipeline("default"), "Sales Pipeline", True),
        (LABELS.pipeline("12345"), "a pipeline no longer in HubSpot", False),
        (LABELS.pipeline(None), "no pipeline", True),
        (LABELS.stage("default", "contract"), "Contract", True),
        (LABELS.stage("default", "gone"), "Gone", True),
        (LABELS.stage("renewals", "contract"), '"Contract", a stage of another pipeline', True),
        (LABELS.stage("renewals", "nowhere"), "a stage no longer in HubSpot", False),
        (LABELS.stage("default", None), "no stage", True),
        (LABELS.source("PAID_SEARCH"), "Paid Search", True),
        (LABELS.source("NEW_KIND"), "a source no longer in HubSpot", False),
        (LABELS.source(None), "Unknown source", True),
        (LABELS.lifecycle_stage(CONTACTS, "lead"), "Lead", True),
        (LABELS.lifecycle_stage(CONTACTS, "98765"), "a lifecycle stage no longer in HubSpot", False),
        (LABELS.lifecycle_stage(COMPANIES, None), "no lifecycle stage", True),
        (LABELS.lead_status(CONTACTS, "BAD_TIMING"), "Bad Timing", True),
        (LABELS.lead_status(CONTACTS, "GONE"), "a lead status no longer in HubSpot", False),
        (LABELS.deal_type("newbusiness"), "New Business", True),
        (LABELS.industry(COMPANIES, "AIRLINES"), "an industry no longer in HubSpot", False),
        (LABELS.option(CONTACTS, "topics", "a;c"), "Ads, Content", True),
        (LABELS.option(CONTACTS, "topics", "a;x"), "Ads, a value no longer in HubSpot", False),
        (LABELS.option(CONTACTS, "country", "Free; text"), "Free; text", True),
        (LABELS.option(CONTACTS, "undefined", "code_7"), "a value no longer in HubSpot", False),
        (LABELS.option(DEALS, "closed_lost_reason", "Too dear"), "Too dear", True),
        (LABELS.option(DEALS, "is_partner", "true"), "yes", True),
        (LABELS.option(DEALS, "pipeline", "12345"), "a value no longer in HubSpot", False),
    ],
)
def test_a_label_or_words_but_never_an_internal_value(label, text, resolved):
    assert (str(label), label.resolved) == (text, resolved)


def test_a_heading_begins_with_a_capital_but_a_name_is_as_it_is_written():
    headings = [LABELS.owner("2"), LABELS.owner(None), LABELS.owner("3"), LABELS.stage("renewals", "contract")]
    assert [label.as_heading for label in headings] == [
        "bob@acme.com", "No owner", "An owner without a name", '"Contract", a stage of another pipeline',
    ]  # fmt: skip


def test_reasons_in_their_default_properties_are_text_even_before_definitions_are_read():
    assert str(Labels().option(DEALS, "closed_lost_reason", "Too dear")) == "Too dear"


def test_a_source_that_only_the_deals_define_is_labelled_by_them():
    source = definition("hs_analytics_source", type="enumeration", options={"AI_REFERRALS": "AI Referrals"})
    known = definitions()
    known[DEALS]["hs_analytics_source"] = source
    assert str(Labels(definitions=known).source("AI_REFERRALS")) == "AI Referrals"


def test_an_option_without_a_label_is_told_as_that():
    reason = definition("why", type="enumeration", field_type="select", options={"opt_1": " ", "opt_2": "Price"})
    label = Labels(definitions={DEALS: {"why": reason}}).option(DEALS, "why", "opt_1;opt_2")
    assert (label.text, label.resolved) == ("a value without a label, Price", False)


def test_an_option_with_surrounding_space_is_found():
    reason = definition("why", type="enumeration", field_type="select", options={"Other ": " Other "})
    assert str(Labels(definitions={DEALS: {"why": reason}}).option(DEALS, "why", "Other")) == "Other"


@pytest.mark.parametrize(
    ("source", "detail_1", "detail_2", "words"),
    [
        ("OFFLINE", "IMPORT", "12345", "imported from a file"),
        ("OFFLINE", "CRM_UI", "userId:7", "added by hand in HubSpot"),
        ("OFFLINE", "API", "sample-contact", "created by an integration through the API"),
        ("OFFLINE", "SOMETHING_NEW", None, None),
        ("PAID_SEARCH", "Spring 2026", "crm software", "campaign Spring 2026, keyword crm software"),
        ("PAID_SEARCH", "123456789", "crm software", "keyword crm software"),
        ("ORGANIC_SEARCH", "Unknown keywords (SSL)", "GOOGLE", None),
        ("ORGANIC_SEARCH", "fractional cmo", None, "search for fractional cmo"),
        ("ORGANIC_SEARCH", "google", None, "on Google"),
        ("ORGANIC_SEARCH", "www.bing.com", "x", "on Bing"),
        ("ORGANIC_SEARCH", "google ads agency", None, "search for google ads agency"),
        ("REFERRALS", "partner.example", "partner.example/page", "from partner.example"),
        ("SOCIAL_MEDIA", "LinkedIn", "", "on LinkedIn"),
        ("PAID_SOCIAL", "Facebook", "{{campaign.name}}", "on Facebook"),
        ("DIRECT_TRAFFIC", "www.acme.com/pricing", None, None),
        ("CUSTOM", "x", "y", None),
        (None, "x", None, None),
        ("EMAIL_MARKETING", "x" * 500, None, None),
    ],
)
def test_drill_downs_are_worded_where_known_else_left_out(source, detail_1, detail_2, words):
    assert source_detail(source, detail_1, detail_2) == words


@pytest.mark.parametrize(
    ("source", "details", "one"),
    [
        ("OFFLINE", ("CRM_UI", "crm ui", "CONTACTS"), "CONTACTS"),
        ("OFFLINE", ("7312345", "n/a", "SOMETHING_NEW", None), None),
        ("ORGANIC_SEARCH", ("google", "www.google.com", "Google"), "Google"),
        ("PAID_SEARCH", ("brand", " brand "), "brand"),
        ("PAID_SEARCH", ("Brand",), "Brand"),
        ("DIRECT_TRAFFIC", ("www.acme.com", "www.acme.com/pricing"), None),
        (None, ("x",), None),
    ],
)
def test_one_drill_down_stands_for_all_that_read_alike(source, details, one):
    assert {same_detail(source, detail) for detail in details} == {one}

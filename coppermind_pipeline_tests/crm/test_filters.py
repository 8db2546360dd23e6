import pytest
from hypothesis import given
from hypothesis import strategies as st

from coppermind_pipeline.crm import FilterConfigError, PropertyDefinition, check_filter_setting, compile_filters
from coppermind_pipeline.crm.portal.filter_config import FILTER_KEYS
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline_tests.crm.portals import definitions

CONTACTS, COMPANIES, DEALS = ObjectType.CONTACTS, ObjectType.COMPANIES, ObjectType.DEALS


def compiled(config=None, company_info=None):
    return compile_filters(config or {}, company_info=company_info, definitions=definitions())


def reason(filters, email):
    return filters.reason(CONTACTS, {"email": email})


@pytest.mark.parametrize("key", ["hubspot_excluded_emails", "excluded_emails"])
def test_an_excluded_address_is_meant_in_any_case_and_idna_form(key):
    filters = compiled({key: [" Intern@Bücher.example "]})
    assert reason(filters, "INTERN@xn--bcher-kva.example") == (
        "e-mail address intern@xn--bcher-kva.example is excluded"
    )
    assert reason(filters, "other@bücher.example") is None
    assert reason(filters, None) is None
    assert reason(filters, "intern") is None


@pytest.mark.parametrize(
    "key", ["hubspot_excluded_email_domains", "hubspot_excluded_domains", "excluded_email_domains"]
)
@pytest.mark.parametrize("written", ["acme.com", "@ACME.com", " acme.com. ", "https://www.acme.com/team", ["Acme.Com"]])
def test_an_excluded_domain_is_meant_with_its_subdomains_however_it_is_written(key, written):
    filters = compiled({key: written})
    assert reason(filters, "a@acme.com") == "e-mail domain acme.com is excluded"
    assert reason(filters, "a@Mail.Eu.acme.com") == "e-mail domain acme.com is excluded"
    assert reason(filters, "a@notacme.com") is None
    assert reason(filters, "a@acme.com.evil.example") is None


@pytest.mark.parametrize(
    "info",
    [{"domain": "acme.com"}, {"domains": ["x.io", "www.acme.com"]}, {"domain": "x.io, acme.com", "domains": None}],
)
def test_the_clients_own_domains_are_excluded(info):
    assert reason(compiled(company_info=info), "a@eu.acme.com") == "e-mail domain acme.com is the client's own"


def test_a_public_mail_domain_as_the_clients_own_is_ignored_with_a_warning():
    filters = compiled(company_info={"domain": "Gmail.com", "domains": ["acme.com"]})
    assert reason(filters, "a@gmail.com") is None
    assert reason(filters, "a@acme.com") is not None
    assert [(p.kind, p.code) for p in filters.problems] == [("warning", "public_mail_domain")]
    assert filters.unfinished == set()


def test_a_public_mail_domain_that_somebody_excludes_is_excluded():
    assert reason(compiled({"excluded_email_domains": ["gmail.com"]}), "a@gmail.com") is not None


def test_an_unreadable_domain_of_the_client_is_a_warning():
    filters = compiled(company_info={"domains": ["acme", 5, ""]})
    assert [p.code for p in filters.problems] == ["unreadable_company_domain"] * 2


def test_mail_filters_act_on_contacts_alone():
    filters = compiled({"excluded_email_domains": "acme.com"}, {"domain": "own.com"})
    assert filters.reason(COMPANIES, {"email": "a@acme.com", "domain": "own.com"}) is None
    assert filters.reason(DEALS, {"email": "a@acme.com"}) is None


def test_a_scoped_filter_concerns_its_types_and_all_its_properties_must_match():
    filters = compiled(
        {
            "hubspot_property_filters": {
                "deals": {"pipeline": "default"},
                "contacts": {"hs_lead_status": ["NEW", "BAD_TIMING"], "country": "US"},
            }
        }
    )
    assert filters.problems == ()
    assert filters.reason(DEALS, {"pipeline": "default"}) is None
    assert filters.reason(DEALS, {"pipeline": "renewals"}) == "pipeline is not default"
    assert filters.reason(CONTACTS, {"hs_lead_status": "NEW", "country": "US"}) is None
    assert filters.reason(CONTACTS, {"hs_lead_status": "NEW", "country": "us"}) == "country is not US"
    assert filters.reason(CONTACTS, {"hs_lead_status": "OPEN"}) == "hs_lead_status is not one of: NEW, BAD_TIMING"
    assert filters.reason(COMPANIES, {"hs_lead_status": "OPEN"}) is None
    assert filters.properties_of(CONTACTS) == {"hs_lead_status", "country"}


@pytest.mark.parametrize("value", [None, "", " "])
def test_a_missing_value_matches_nothing(value):
    assert compiled({"hubspot_filters": {"deals": {"pipeline": "default"}}}).reason(DEALS, {"pipeline": value})


def test_a_flat_filter_applies_to_the_types_that_have_the_property():
    filters = compiled({"hubspot_filters": {"shared": "x"}})
    assert filters.reason(CONTACTS, {}) == filters.reason(COMPANIES, {}) == "shared is not x"
    assert filters.reason(DEALS, {}) is None
    assert filters.problems == ()


def test_both_filter_keys_must_match():
    filters = compiled(
        {"hubspot_filters": {"shared": "x"}, "hubspot_property_filters": {"contacts": {"country": "US"}}}
    )
    assert filters.reason(CONTACTS, {"shared": "x", "country": "US"}) is None
    assert filters.reason(CONTACTS, {"shared": "x", "country": "DE"}) == "country is not US"
    assert filters.reason(CONTACTS, {"shared": "y", "country": "US"}) == "shared is not x"


def test_a_multi_select_matches_with_one_of_its_values():
    filters = compiled({"hubspot_filters": {"contacts": {"topics": ["b"]}}})
    assert filters.reason(CONTACTS, {"topics": "a;b"}) is None
    assert filters.reason(CONTACTS, {"topics": "a; c"}) == "topics is not b"


def test_only_an_enumeration_is_split():
    filters = compiled({"hubspot_filters": {"contacts": {"country": ["a;b", "c"]}}})
    assert filters.reason(CONTACTS, {"country": "a;b"}) is None
    assert filters.reason(CONTACTS, {"country": "c;d"}) is not None


@pytest.mark.parametrize(
    ("config", "unfinished"),
    [
        ({"hubspot_filters": {"deals": {"pipelin": "default"}}}, {DEALS}),
        ({"hubspot_filters": {"deals": {"retired": "x"}}}, {DEALS}),
        ({"hubspot_filters": {"nowhere": "x"}}, set(ObjectType)),
        ({"hubspot_filters": {"contacts": {"pipeline": "x"}, "deals": {"pipeline": "x"}}}, {CONTACTS}),
        ({"hubspot_filters": "pipeline=default"}, set(ObjectType)),
        ({"excluded_emails": ["nobody"]}, {CONTACTS}),
    ],
)
def test_a_filter_that_cannot_be_applied_leaves_its_types_unfinished(config, unfinished):
    filters = compiled(config)
    assert filters.unfinished == unfinished
    assert {problem.kind for problem in filters.problems} == {"config"}


def test_an_unknown_property_names_the_nearest_known_one_and_hides_nothing():
    filters = compiled({"hubspot_filters": {"deals": {"pipelin": "default"}}})
    (problem,) = filters.problems
    assert problem.message == "hubspot_filters filters deals by 'pipelin', a property that the portal does not have."
    assert problem.hint == "Did you mean 'pipeline'?"
    assert filters.reason(DEALS, {}) is None


def test_a_value_that_is_no_option_is_a_warning_that_names_the_internal_value():
    filters = compiled({"hubspot_filters": {"contacts": {"hs_lead_status": ["Bad timing", "NEW"]}}})
    (problem,) = filters.problems
    assert (problem.kind, problem.code) == ("warning", "unknown_filter_value")
    assert problem.hint == "Filters compare internal values: BAD_TIMING."
    assert filters.unfinished == set()


def test_before_definitions_are_known_filters_apply_unchecked():
    filters = compile_filters({"hubspot_filters": {"shared": "x"}})
    assert filters.problems == ()
    assert filters.reason(DEALS, {"shared": "y"}) == filters.reason(CONTACTS, {}) == "shared is not x"


def test_no_configuration_filters_nothing():
    filters = compile_filters({"poll_interval_minutes": 5, "excluded_emails": None})
    assert all(filters.reason(object_type, {"email": "a@b.c"}) is None for object_type in ObjectType)


def test_a_reason_with_many_values_stays_short():
    filters = compiled({"hubspot_filters": {"deals": {"pipeline": [str(n) for n in range(50)]}}})
    assert filters.reason(DEALS, {}) == "pipeline is not one of: 0, 1, 2, 3, 4, …"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("excluded_emails", 5, "excluded_emails must be a list of texts, not a number."),
        ("excluded_emails", ["a@b.c", None], "excluded_emails must hold texts only, not null."),
        ("excluded_emails", ["@acme.com"], "excluded_emails: '@acme.com' is not an e-mail address."),
        (
            "excluded_email_domains",
            "a@acme.com",
            "excluded_email_domains: 'a@acme.com' is not a domain such as acme.com.",
        ),
        ("excluded_email_domains", ["com"], "excluded_email_domains: 'com' is not a domain such as acme.com."),
        ("hubspot_filters", [], "hubspot_filters must be a map of properties to values, not a list."),
        ("hubspot_filters", {"deals": "x"}, "hubspot_filters.deals must be a map of properties to values, not a text."),
        (
            "hubspot_filters",
            {"deals": {"pipeline": None}},
            "hubspot_filters.deals.pipeline must be a value or a list of values, not null.",
        ),
        ("hubspot_filters", {"pipeline": []}, "hubspot_filters.pipeline has no values, so that no record could match."),
        (
            "hubspot_filters",
            {"pipeline": ["a", " "]},
            "hubspot_filters.pipeline must be a value or a list of values, not an empty text.",
        ),
        (
            "hubspot_filters",
            {"deals": {"a": "b"}, "x": "y"},
            "hubspot_filters.deals must be a value or a list of values, not a map.",
        ),
        ("hubspot_filters", {" ": "x"}, "hubspot_filters must name properties by HubSpot's internal names."),
        ("excluded", [], "excluded is not a filter."),
    ],
)
def test_a_wrong_shape_is_an_error_that_says_where_and_what(key, value, message):
    with pytest.raises(FilterConfigError) as error:
        check_filter_setting(key, value)
    assert error.value.message == message
    assert error.value.code == "filter_config"


@pytest.mark.parametrize(
    ("key", "value", "stored"),
    [
        ("excluded_emails", "A@b.de, a@B.DE,", ["a@b.de"]),
        ("excluded_email_domains", ["@Bücher.de", ""], ["xn--bcher-kva.de"]),
        (
            "hubspot_filters",
            {"is_partner": True, "tier": [1, 2.5, "1"]},
            {"is_partner": ["true"], "tier": ["1", "2.5"]},
        ),
        ("hubspot_filters", {"deals": {"pipeline": "x"}}, {"deals": {"pipeline": ["x"]}}),
        ("hubspot_filters", {}, {}),
    ],
)
def test_a_setting_is_stored_in_one_form(key, value, stored):
    assert check_filter_setting(key, value) == stored


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters(), max_size=8)
    | st.sampled_from(["a@b.de", "b.de"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["deals", "contacts", "pipeline", ""]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(FILTER_KEYS), JSON)
def test_any_setting_is_refused_or_has_one_stored_form(key, value):
    try:
        stored = check_filter_setting(key, value)
    except FilterConfigError:
        assert compile_filters({key: value}).unfinished or value is None
        return
    assert check_filter_setting(key, stored) == stored
    assert compile_filters({key: stored}) == compile_filters({key: value})


@given(
    st.sampled_from(["acme.com", "eu.acme.com", "acme.co", "own.io", "gmail.com"]),
    st.sampled_from(["NEW", "OPEN", None]),
)
def test_more_filters_never_let_more_records_through(domain, status):
    config = {"excluded_email_domains": ["acme.com"]}
    wider = compiled(config)
    narrower = compiled(config | {"hubspot_filters": {"contacts": {"hs_lead_status": "NEW"}}}, {"domain": "own.io"})
    record = {"email": f"a@{domain}", "hs_lead_status": status}
    if wider.reason(CONTACTS, record) is not None:
        assert narrower.reason(CONTACTS, record) is not None


def test_what_is_applied_leaves_out_what_is_ignored_or_can_not_be_applied():
    known = {
        object_type: {name: PropertyDefinition(name=name)}
        for object_type, name in ((DEALS, "pipeline"), (CONTACTS, "email"), (COMPANIES, "name"))
    }
    filters = compile_filters(
        {
            "excluded_emails": ["a@acme.com"],
            "hubspot_excluded_domains": 7,
            "hubspot_filters": {"pipeline": "default", "pipelin": "default"},
            "hubspot_property_filters": {"companies": {"name": ["Acme"]}, "contacts": {"nme": "x"}},
        },
        company_info={"domains": ["gmail.com", "Acme.com"]},
        definitions=known,
    )
    assert filters.applied == {
        "company_info.domains": ["acme.com"],
        "excluded_emails": ["a@acme.com"],
        "hubspot_property_filters": {"companies": {"name": ["Acme"]}},
        "hubspot_filters": {"deals": {"pipeline": ["default"]}},
    }

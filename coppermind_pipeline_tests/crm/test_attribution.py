from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coppermind_pipeline.crm import Attribution, Link, attribute
from coppermind_pipeline.object_types import ObjectType

EARLY, LATE = datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)


def contact(to_id, **values):
    return Link(to_type=ObjectType.CONTACTS, to_id=to_id, **values)


def company(to_id, **values):
    return Link(to_type=ObjectType.COMPANIES, to_id=to_id, **values)


@pytest.mark.parametrize(
    ("companies", "primary"),
    [
        ([], None),
        ([company("7")], "7"),
        ([company("100"), company("9"), company("20")], "9"),
        ([company("9"), company("100", is_primary=True)], "100"),
        ([company("9"), company("9", is_primary=True), company("8")], "9"),
        ([company("30", is_primary=True), company("4", is_primary=True)], "4"),
    ],
)
def test_the_primary_company_is_the_labelled_one_else_the_lowest_id(companies, primary):
    assert attribute(None, companies).primary_company_id == primary


@pytest.mark.parametrize(
    ("contacts", "lead"),
    [
        ([], None),
        ([contact("2", created_at=EARLY), contact("1", created_at=LATE)], "2"),
        ([contact("10", created_at=EARLY), contact("9", created_at=EARLY)], "9"),
        ([contact("1"), contact("2", created_at=LATE)], "2"),
        ([contact("1", created_at=EARLY, filtered_reason="test"), contact("2", created_at=LATE)], "2"),
        ([contact("1", filtered_reason="test")], None),
    ],
)
def test_the_lead_contact_is_the_earliest_unfiltered_one(contacts, lead):
    assert attribute(None, contacts).lead_contact_id == lead


@pytest.mark.parametrize(
    ("deal_source", "links", "source", "step"),
    [
        ("PAID_SEARCH", [contact("1", source="OFFLINE")], "PAID_SEARCH", "deal"),
        (None, [contact("1", created_at=EARLY), contact("2", created_at=LATE, source="OFFLINE")], "OFFLINE", "contact"),
        (
            None,
            [contact("1", created_at=LATE, source="A"), contact("2", created_at=EARLY, source="B"), company("3")],
            "B",
            "contact",
        ),
        (None, [contact("1", source="A", filtered_reason="x"), company("3", source="C")], "C", "company"),
        (None, [company("4", source="D"), company("5", is_primary=True)], None, None),
        ("", [], None, None),
    ],
)
def test_the_source_is_the_deals_else_a_contacts_else_the_primary_companys(deal_source, links, source, step):
    attribution = attribute(deal_source, links)
    assert (attribution.source, attribution.source_step) == (source, step)


@pytest.mark.parametrize(
    ("links", "place"),
    [
        (
            [contact("1", country_code="FR", city="Paris"), company("2", country_code="DE", region="BY")],
            ("DE", None, "BY", None),
        ),
        ([contact("1", country_code="FR", city="Paris"), company("2")], ("FR", None, None, "Paris")),
        ([contact("1", country_code="FR"), company("2", country_text="Narnia")], (None, "Narnia", None, None)),
        ([contact("1", country_code="FR"), company("2", city="Berlin")], ("FR", None, None, None)),
        ([contact("1"), company("2", city="Berlin")], (None, None, None, "Berlin")),
        ([contact("1", country_code="FR", filtered_reason="x")], (None, None, None, None)),
    ],
)
def test_a_deal_is_placed_by_one_record_the_primary_company_first(links, place):
    found = attribute(None, links)
    assert (found.country_code, found.country_text, found.region, found.city) == place


def test_a_deal_without_links_belongs_to_nobody():
    assert attribute(None, []) == Attribution()


def _links(object_type):
    return st.builds(
        Link,
        to_type=st.just(object_type),
        to_id=st.integers(1, 30).map(str),
        is_primary=st.booleans(),
        created_at=st.sampled_from([None, EARLY, LATE]),
        source=st.sampled_from([None, "A", "B"]),
        filtered_reason=st.sampled_from([None, "test"]),
        country_code=st.sampled_from([None, "DE", "FR"]),
        city=st.sampled_from([None, "Berlin"]),
    )


@given(
    links=st.lists(
        _links(ObjectType.CONTACTS) | _links(ObjectType.COMPANIES), unique_by=lambda x: (x.to_type, x.to_id)
    ),
    data=st.data(),
)
def test_attribution_does_not_depend_on_the_order_of_links(links, data):
    assert attribute(None, links) == attribute(None, data.draw(st.permutations(links)))

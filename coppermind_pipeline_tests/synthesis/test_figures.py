"""Each figure equals a recount in plain Python, over random records."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from coppermind_pipeline.crm import Filters, Labels, PropertyDefinition, lead_stages_of
from coppermind_pipeline.store import Database
from coppermind_pipeline.synthesis.aggregates.channel_mix import channel_mix
from coppermind_pipeline.synthesis.aggregates.deal_signals import deal_signals
from coppermind_pipeline.synthesis.aggregates.geography import geography
from coppermind_pipeline.synthesis.aggregates.lead_leaks import lead_leaks
from coppermind_pipeline.synthesis.aggregates.loss_themes import loss_themes
from coppermind_pipeline.synthesis.aggregates.population import Population, lay_out
from coppermind_pipeline.synthesis.figures import Figures, compute_figures, read_figures
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal
from coppermind_pipeline_tests.synthesis import recount
from coppermind_pipeline_tests.synthesis.recount import Records

PHOENIX = ZoneInfo("America/Phoenix")
POPULATION = Population(
    connector_id="acme-hubspot-0007",
    as_of=NOW,
    estimated=False,
    zone=PHOENIX,
    company_currency="USD",
    disqualified_statuses=("UNQUALIFIED", "JUNK"),
    lead_stages=lead_stages_of(None),
)
SOURCES = st.sampled_from([None, "PAID_SEARCH", "OFFLINE", "REFERRALS"])
# Around noon UTC of the 18th, Phoenix is at five in the morning of it.
HOURS_AGO = st.integers(-24, 24) | st.integers(-24 * 30, 24 * 400) | st.just(24 * 90)
COMPANIES = ("c1", "c2", "c3", "c3-old")
CONTACTS = tuple(f"p{number}" for number in range(12))
PLACES = (("US", "USA"), ("DE", "Germany"), (None, "Atlantis"), (None, None))

left_out = st.fixed_dictionaries(
    {
        "archived_at": st.sampled_from([None, None, None, NOW]),
        "merged_into": st.sampled_from([None, None, None, None, "x"]),
        "filtered_reason": st.sampled_from([None, None, None, "pipeline is not default"]),
    }
)


@st.composite
def contacts(draw) -> list[dict[str, Any]]:
    rows = []
    for hubspot_id in draw(st.sets(st.sampled_from(CONTACTS))):
        row = draw(left_out) | {
            "hubspot_id": hubspot_id,
            "source": draw(SOURCES),
            "lifecycle_stage": draw(
                st.sampled_from([None, "subscriber", "lead", "marketingqualifiedlead", "customer", "other"])
            ),
            "lead_status": draw(st.sampled_from([None, "NEW", "UNQUALIFIED", "JUNK", "BAD_TIMING"])),
            "modified_at": NOW - timedelta(days=draw(st.sampled_from([0, 89, 90, 91]))),
            "referenced_only": draw(st.sampled_from([False, False, True])),
            "stages_entered": draw(st.sampled_from([[], ["lead"]])),
        }
        rows.append(row)
    return rows


@st.composite
def deals(draw) -> list[dict[str, Any]]:
    # A customer has one place here; which of several it takes is a test of its own.
    placed = {owner: draw(st.sampled_from(PLACES)) for owner in (*COMPANIES, *CONTACTS)}
    placed["c3-old"] = placed["c3"]
    rows = []
    for number in range(draw(st.integers(0, 25))):
        company = draw(st.sampled_from([None, *COMPANIES]))
        contact = draw(st.sampled_from([None, *CONTACTS]))
        code, country = placed[company or contact] if company or contact else (None, None)
        created = NOW - timedelta(hours=draw(HOURS_AGO))
        rows.append(
            draw(left_out)
            | {
                "hubspot_id": f"d{number}",
                "name": f"Deal {number}",
                "outcome": draw(st.sampled_from(["won", "lost", "open"])),
                "late_stage": draw(st.booleans()),
                "attributed_source": draw(SOURCES),
                "amount": draw(st.none() | st.decimals("0", "99999", places=2)),
                "currency": draw(st.sampled_from(["USD", "USD", "EUR", None])),
                "created_at": created,
                "close_at": draw(st.none() | HOURS_AGO.map(lambda hours: NOW - timedelta(hours=hours))),
                "deal_type": draw(st.sampled_from([None, "newbusiness", "existingbusiness", "renewal"])),
                "loss_reason": draw(st.sampled_from([None, "too expensive", "Price", "ghosted", "zzz"])),
                "primary_company_id": company,
                "lead_contact_id": contact,
                "place_country_code": code,
                "place_country_text": country,
            }
        )
    return rows


records = st.builds(
    Records,
    contacts=contacts(),
    companies=st.just([{"hubspot_id": "c3-old", "merged_into": "c3"}]),
    deals=deals(),
    links=st.sets(st.tuples(st.sampled_from([f"d{n}" for n in range(25)]), st.sampled_from(CONTACTS)), max_size=8),
    as_of=st.just(NOW),
    zone=st.just(PHOENIX),
)


@pytest.fixture
def portal(database: Database, local_customer: UUID) -> StoredPortal:
    return StoredPortal.create(database, local_customer)


@contextmanager
def laid_out(portal: StoredPortal, found: Records) -> Iterator[Connection]:
    """A transaction in which the records are stored and counted; both are undone afterwards."""
    with portal.database.mind(portal.mind_id) as connection:
        savepoint = connection.begin_nested()
        _store(connection, portal, "companies", found.companies)
        _store(connection, portal, "contacts", found.contacts)
        _store(connection, portal, "deals", found.deals)
        for deal, contact in found.links:
            connection.execute(text(_LINK), {"connector": portal.connector_id, "deal": deal, "contact": contact})
        lay_out(connection, POPULATION)
        yield connection
        savepoint.rollback()


_LINK = """
INSERT INTO hubspot_associations (connector_id, mind_id, from_type, from_id, to_type, to_id, valid_from)
VALUES (:connector, current_mind(), 'deals', :deal, 'contacts', :contact, now())
"""


def _store(connection: Connection, portal: StoredPortal, object_type: str, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    values = [{"properties": {}, **row, "connector": portal.connector_id, "read_at": NOW} for row in rows]
    columns = [name for name in values[0] if name != "connector"]
    connection.execute(
        text(
            f"""INSERT INTO hubspot_crm_objects (connector_id, mind_id, object_type, {", ".join(columns)})
                VALUES (:connector, current_mind(), '{object_type}', {", ".join(f":{name}" for name in columns)})"""
        ),
        [row | {"properties": orjson.dumps(row["properties"]).decode()} for row in values],
    )


def totals(figures: Any) -> dict[str | None, tuple[int, Decimal]]:
    return {total.currency: (total.deals, total.amount) for total in figures}


many = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@many
@given(found=records)
def test_the_channel_mix_equals_a_recount(portal, found):
    with laid_out(portal, found) as connection:
        mix = channel_mix(connection)
        counted = recount.channels(found)
        assert {
            channel.source: {
                "contacts": channel.contacts,
                "deals": channel.deals,
                "won": channel.won.deals,
                "lost": channel.lost,
                "open": channel.open,
                "revenue": totals(channel.won.revenue),
                "new": channel.new.deals,
                "existing": channel.existing.deals,
                "median": None if channel.median_days_to_close is None else float(channel.median_days_to_close),
                "negative": channel.closed_before_created,
            }
            for channel in mix.channels
        } == counted
        won = [d for d in found.counted(found.deals) if d["outcome"] == "won"]
        assert mix.total.won.deals == len(won)
        assert totals(mix.total.won.revenue) == recount.money(won)
        steps = mix.steps
        assert steps.deal + steps.contact + steps.company + steps.unknown == mix.total.deals


@many
@given(found=records)
def test_the_geography_equals_a_recount(portal, found):
    with laid_out(portal, found) as connection:
        places = geography(connection)
        customers, deals, without_customer = recount.customers(found)
        shown = {country.code: country.at for country in places.countries} | {
            "?": places.unrecognized,
            None: places.unknown,
        }
        for country, at in shown.items():
            assert (at.customers, at.deals) == (len(customers[country]), len(deals[country]))
            assert totals(at.revenue) == recount.money(deals[country])
        assert set(deals) <= set(shown)
        assert places.deals_without_customer == without_customer
        assert places.total.customers == sum(map(len, customers.values()))


@many
@given(found=records)
def test_the_lead_leaks_equal_a_recount(portal, found):
    with laid_out(portal, found) as connection:
        figures = lead_leaks(connection, POPULATION, contact_definitions={})
        counted = recount.leaks(found, {"UNQUALIFIED", "JUNK"})
        assert {each.source for each in figures.sources} == set(counted)
        for each in figures.sources:
            counts = counted[each.source]
            assert (each.leads, each.disqualified, each.postponed, each.stuck) == (
                counts["leads"],
                counts["disqualified"],
                counts["postponed"],
                counts["stuck"],
            )
        assert figures.total.leads == sum(counts["leads"] for counts in counted.values())


@many
@given(found=records)
def test_the_loss_themes_equal_a_recount(portal, found):
    with laid_out(portal, found) as connection:
        figures = loss_themes(connection, label_of=lambda value: value)
        counted = recount.losses(found)
        shown = {theme.theme.key: theme.lost for theme in figures.themes} | {None: figures.without_reason}
        assert {theme: lost.deals for theme, lost in shown.items() if lost.deals} == {
            theme: len(deals) for theme, deals in counted.items()
        }
        for theme, deals in counted.items():
            assert totals(shown[theme].value) == recount.money(deals)
        assert figures.total.deals == sum(map(len, counted.values()))


@many
@given(found=records)
def test_overdue_and_notable_deals_equal_a_recount(portal, found):
    dollars = [deal | {"currency": "USD"} for deal in found.deals]
    found = Records(contacts=[], companies=[], deals=dollars, links=set(), as_of=found.as_of, zone=found.zone)
    with laid_out(portal, found) as connection:
        signals = deal_signals(connection, POPULATION)
        overdue = recount.overdue(found)
        assert signals.overdue == len(overdue)
        assert totals(signals.overdue_value) == recount.money(overdue)
        assert [each.amount for each in signals.largest_overdue] == recount.largest(overdue)
        notable = recount.notable(found)
        assert (signals.notable and signals.notable.amount) == (notable and notable["amount"])


@settings(many, max_examples=25)
@given(found=records)
def test_figures_survive_their_storage(portal, found):
    with laid_out(portal, found) as connection:
        connection.execute(text("DROP TABLE counted_deals, counted_contacts"))
        figures = compute_figures(
            connection, POPULATION, labels=Labels(), filters=Filters(), loss_reason_property="closed_lost_reason"
        )
        read = read_figures(orjson.loads(orjson.dumps(figures.as_json())))
        assert read == Figures(
            channel_mix=figures.channel_mix,
            geography=figures.geography,
            lead_leaks=figures.lead_leaks,
            loss_themes=figures.loss_themes,
            strategy=figures.strategy,
            skipped={},
        )


def test_figures_of_another_shape_are_left_out():
    assert read_figures({"channel_mix": {"total": 3}, "geography": None, "unheard_of": {}}) == Figures(skipped={})


def test_a_customer_is_where_its_most_exact_place_is_and_all_its_deals_are_there(portal):
    for number, (code, country, region) in enumerate(
        ((None, "Atlantis", None), ("US", "USA", None), ("US", "USA", "Texas"))
    ):
        portal.deal(f"d{number}", outcome="won", amount=10, currency="USD", primary_company_id="c1", close_at=NOW,
                    place_country_code=code, place_country_text=country, place_region=region)  # fmt: skip
    with portal.database.mind(portal.mind_id) as connection:
        lay_out(connection, POPULATION)
        places = geography(connection)
    (country,) = places.countries
    assert (country.code, country.at.customers, country.at.deals) == ("US", 1, 3)
    assert [region.name for region in country.regions] == ["Texas"]
    assert places.unrecognized.deals == 0


def test_reasons_of_disqualification_come_from_the_property_that_is_used(portal):
    for number, reason in enumerate(["Student", "Student", "Competitor", "", None]):
        properties = {"unqualified_reason": reason} if reason is not None else {}
        portal.contact(f"p{number}", lifecycle_stage="lead", lead_status="UNQUALIFIED", properties=properties)
    definitions = {
        name: PropertyDefinition(name=name, label=label)
        for name, label in (
            ("unqualified_reason", "Why"),
            ("x1", "Disqualification Reason"),
            ("hs_lead_status", "Lead Status"),
        )
    }
    with portal.database.mind(portal.mind_id) as connection:
        lay_out(connection, POPULATION)
        leaks = lead_leaks(connection, POPULATION, contact_definitions=definitions)
    assert leaks.reason_property == "unqualified_reason"
    assert [(reason.value, reason.leads) for reason in leaks.reasons] == [("Student", 2), ("Competitor", 1)]


def test_lead_stages_follow_the_portals_own_order():
    lifecycle = PropertyDefinition(
        name="lifecyclestage",
        options={each: each for each in ("subscriber", "4711", "lead", "4712", "customer", "other")},
    )
    assert lead_stages_of(lifecycle) == ("lead", "4712", "customer")
    assert "marketingqualifiedlead" in lead_stages_of(PropertyDefinition(name="lifecyclestage", options={"a": "A"}))


def test_a_reason_without_a_label_is_counted_but_not_shown(portal):
    portal.deal("d1", outcome="lost", loss_reason="OLD_09")
    portal.deal("d2", outcome="lost", loss_reason="price_too_high")
    with portal.database.mind(portal.mind_id) as connection:
        lay_out(connection, POPULATION)
        losses = loss_themes(connection, label_of=lambda _: None)
    assert [(theme.theme.key, theme.lost.deals, theme.example) for theme in losses.themes] == [("price", 1, None)]
    assert (losses.other.deals, losses.without_reason.deals, losses.total.deals) == (1, 0, 2)


def test_the_most_frequent_reason_is_the_top_theme_whether_the_table_knows_it_or_not(portal):
    reasons = ["Bad chemistry"] * 6 + ["bad chemistry"] + ["Price"] * 5 + [f"Story {number}" for number in range(15)]
    for number, reason in enumerate(reasons):
        portal.deal(f"d{number}", outcome="lost", loss_reason=reason)
    with portal.database.mind(portal.mind_id) as connection:
        lay_out(connection, POPULATION)
        losses = loss_themes(connection, label_of=lambda value: value)
    (top,) = losses.top
    assert (top.theme.key, top.lost.deals) == ("bad chemistry", 7)
    assert len(losses.themes) == 11  # of reasons that the table doesn't know only so many are told
    assert losses.other.deals == 6
    assert sum(each.lost.deals for each in losses.themes) + losses.other.deals == losses.total.deals


def test_a_lead_in_an_open_deal_is_not_stuck_even_where_that_deal_is_filtered(portal):
    for number in range(3):
        portal.contact(f"p{number}", lifecycle_stage="lead", modified_at=NOW - timedelta(days=100))
    portal.deal("d0", filtered_reason="pipeline is not default")
    portal.link("d0", "contacts", "p0")
    portal.deal("d1")
    portal.link("d1", "contacts", "p1")
    portal.execute("UPDATE hubspot_associations SET valid_to = valid_from WHERE to_id = 'p1'")
    with portal.database.mind(portal.mind_id) as connection:
        lay_out(connection, POPULATION)
        stuck = connection.scalars(text("SELECT hubspot_id FROM counted_contacts WHERE leak = 'stuck'")).all()
    assert sorted(stuck) == ["p1", "p2"]

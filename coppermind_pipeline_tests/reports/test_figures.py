"""Figures: what is counted, in which period, under which name."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.crm import start_of
from coppermind_pipeline.reports import CrmReport, DateBasis, DealSum, Figures, GroupBy, ReportRequest, crm_report
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.reports.conftest import MakeReport
from coppermind_pipeline_tests.reports.recount import REASONS, Deal, Recounted, recount, recount_losses
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

OUTCOMES = ("won", "lost", "open")
_MEASURES = ("closed_won", "closed_lost", "open", "overdue", "pipeline_created")
_ZONES = ("UTC", "America/Phoenix", "America/New_York", "Pacific/Auckland", "Asia/Kolkata")

_EDGES = tuple(
    edge + off
    for zone in _ZONES
    for day in (date(2026, 10, 1), date(2027, 1, 1))
    for edge in [start_of(day, ZoneInfo(zone))]
    for off in (timedelta(0), timedelta(microseconds=-1))
)
# Around the edges of the fourth quarter of 2026, bare dates (midnight UTC) among them.
_MOMENTS = st.one_of(
    st.none(),
    st.sampled_from(_EDGES),
    st.datetimes(datetime(2026, 9, 29), datetime(2026, 10, 2), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds are naive
    st.datetimes(datetime(2026, 8, 1), datetime(2027, 1, 5), timezones=st.just(UTC)),  # noqa: DTZ001
    st.dates(date(2026, 9, 29), date(2026, 10, 3)).map(lambda day: datetime(day.year, day.month, day.day, tzinfo=UTC)),
)
_AMOUNTS = st.one_of(st.none(), st.decimals(-100, 10**9, places=2), st.decimals(0, 10, places=6))
_PROBABILITIES = st.one_of(st.none(), st.decimals(0, 1, places=4))

_DEALS = st.fixed_dictionaries(
    {
        "outcome": st.sampled_from(("won", "won", "lost", "open")),
        "amount": _AMOUNTS,
        "amount_home": _AMOUNTS,
        "currency": st.sampled_from(("USD", "EUR", "JPY", None)),
        "created_at": _MOMENTS,
        "close_at": _MOMENTS,
        "closed_won_at": _MOMENTS,
        "entered_closed_won_at": _MOMENTS,
        "entered_stage_at": _MOMENTS,
        "modified_at": _MOMENTS,
        "probability": _PROBABILITIES,
        "stage_probability": _PROBABILITIES,
        "attributed_source": st.sampled_from((None, "OFFLINE", "PAID_SEARCH")),
        "owner_id": st.sampled_from((None, "11", "99")),
        "pipeline_id": st.sampled_from(("default", "7001", None)),
        "stage_id": st.sampled_from(("closedwon", "7102", None)),
        "place_country_code": st.sampled_from((None, "US", "DE")),
        "place_country_text": st.sampled_from((None, "Germny", "germny")),
        "place_region": st.sampled_from((None, "Arizona", "arizona")),
        "primary_company_id": st.sampled_from((None, "5", "6")),
        # Won and reopened deals keep theirs; it counts nowhere.
        "loss_reason": st.sampled_from((None, *REASONS)),
    }
)


@pytest.fixture
def known_reasons(portal: StoredPortal) -> StoredPortal:
    """A portal whose loss reasons are options; one that records still have was removed."""
    options = [(value, label) for value, (label, _, _) in REASONS.items() if label is not None]
    portal.define("deals", "closed_lost_reason", "Closed Lost Reason", options)
    return portal


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stored=st.lists(_DEALS, max_size=10),
    zone=st.sampled_from(_ZONES),
    basis=st.sampled_from(DateBasis),
    group_by=st.none() | st.sampled_from(GroupBy),
    outcome=st.none() | st.lists(st.sampled_from(("won", "lost", "open")), min_size=1, unique=True),
)
def test_figures_equal_a_recount_deal_by_deal(
    known_reasons: StoredPortal,
    mind: Mind,
    stored: list[Deal],
    zone: str,
    basis: DateBasis,
    group_by: GroupBy | None,
    outcome: list[str] | None,
) -> None:
    portal = known_reasons
    _store_only(portal, stored)
    if group_by is not None and group_by.of_losses and outcome is not None:
        outcome = [*{*outcome, "lost"}]
    asked = {"period": "2026-Q4", "timezone": zone, "date_basis": basis, "group_by": group_by, "outcome": outcome}
    request = ReportRequest.from_arguments({**asked, "detail": True, "page_rows": 100})
    made = crm_report(portal.database, mind=mind, request=request, now=NOW)

    where = {"zone": ZoneInfo(zone), "first": date(2026, 10, 1), "end": date(2027, 1, 1), "basis": basis.value,
             "today": NOW.astimezone(ZoneInfo(zone)).date(), "outcomes": outcome or OUTCOMES}  # fmt: skip
    counted = recount(stored, **where, group_by=None).get("", Recounted())
    assert _shown(made.summary) == _expected(counted, outcomes=where["outcomes"])
    groups = recount(stored, **where, group_by=group_by.value) if group_by else {}
    of_groups = ["lost"] if group_by is not None and group_by.of_losses else where["outcomes"]
    assert {g.key: _shown(g) for g in made.groups} == {k: _expected(v, outcomes=of_groups) for k, v in groups.items()}
    assert _shown_losses(made) == (_expected_losses(stored, where) if "lost" in where["outcomes"] else None)
    assert made.deals is not None
    listed = Counter(row.outcome for row in made.deals.rows)
    assert (listed["won"], listed["lost"]) == (counted.deals["closed_won"], counted.deals["closed_lost"])
    assert listed["open"] == (counted.deals["open"] if "open" in (outcome or ()) else 0)
    assert made.deals.total == listed.total()


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stored=st.lists(_DEALS, max_size=12), group_by=st.sampled_from(GroupBy), groups_max=st.integers(1, 4))
def test_groups_add_up_to_the_summary(
    known_reasons: StoredPortal, mind: Mind, stored: list[Deal], group_by: GroupBy, groups_max: int
) -> None:
    _store_only(known_reasons, stored)
    request = ReportRequest(period="2026-Q4", group_by=group_by, groups_max=groups_max)
    made = crm_report(known_reasons.database, mind=mind, request=request, now=NOW)
    assert len(made.groups) <= groups_max + 1 or group_by is GroupBy.MONTH
    for measure in _MEASURES if not group_by.of_losses else ["closed_lost"]:
        total: DealSum = getattr(made.summary, measure)
        parts: list[DealSum] = [getattr(group, measure) for group in made.groups]
        assert sum(part.deals for part in parts) == total.deals
        assert sum(part.without_amount for part in parts) == total.without_amount
        for amount in total.amounts:
            of_currency = [a.amount for part in parts for a in part.amounts if a.currency == amount.currency]
            assert sum(map(Decimal, of_currency)) == Decimal(amount.amount)


def test_a_deal_closed_on_the_last_evening_in_arizona_is_in_that_quarter(
    portal: StoredPortal, report: MakeReport
) -> None:
    portal.deal("1", outcome="won", close_at=datetime(2026, 4, 1, 6, tzinfo=UTC), amount=100, currency="USD")
    arizona = report(period="2026-Q1", timezone="America/Phoenix", detail=True)
    assert arizona.summary.closed_won.deals == 1
    assert report(period="2026-Q1", timezone="UTC").summary.closed_won.deals == 0
    assert arizona.deals is not None
    assert arizona.deals.rows[0].close_date == arizona.deals.rows[0].report_date == date(2026, 3, 31)


def test_the_earlier_range_is_compared_over_as_many_days(portal: StoredPortal, report: MakeReport) -> None:
    for number, day in enumerate((datetime(2026, 8, 18, 16, tzinfo=UTC), datetime(2026, 8, 19, 16, tzinfo=UTC))):
        portal.deal(str(number), outcome="won", close_at=day, amount=100, currency="USD", amount_home=100)
    made = report(compare_to="previous_period")
    compared = made.period.compared_with
    assert compared is not None
    assert (compared.first_day, compared.last_day, compared.elapsed_days) == (date(2026, 7, 1), date(2026, 8, 18), 49)
    assert made.summary.compared_with is not None
    assert made.summary.compared_with.closed_won.deals == 1


@pytest.mark.parametrize("group_by", ["source", "month"])
def test_each_group_is_compared_with_itself_in_the_earlier_range(
    portal: StoredPortal, report: MakeReport, group_by: str
) -> None:
    then, now = datetime(2026, 7, 20, 15, tzinfo=UTC), datetime(2026, 10, 20, 15, tzinfo=UTC)
    for number, (closed, source, outcome, amount) in enumerate((
        (then, "PAID_SEARCH", "won", 100), (now, "PAID_SEARCH", "won", 300), (now, "PAID_SEARCH", "lost", None),
        (then, "REFERRALS", "won", 70), (then, "REFERRALS", "lost", 5), (now, "OFFLINE", "won", 20),
        (now, "ORGANIC_SEARCH", "won", 10), (then + timedelta(days=20), "ORGANIC_SEARCH", "won", 10),
    )):  # fmt: skip
        portal.deal(str(number), outcome=outcome, close_at=closed, created_at=closed - timedelta(days=number),
                    amount=amount, currency="USD", attributed_source=source)  # fmt: skip
    made = report(period="2026-Q4", group_by=group_by, compare_to="previous_period", groups_max=3)
    earlier = report(start="2026-07-01", end="2026-08-19", group_by=group_by)
    months_later = {"2026-07": "2026-10", "2026-08": "2026-11"}
    alone = {months_later.get(group.key, group.key): group for group in earlier.groups}
    assert made.groups
    for group in made.groups:
        compared = group.compared_with
        assert compared is not None
        if group.key != "other":
            expected = alone.get(group.key)
            figures = {name: getattr(expected, name) for name in type(compared).model_fields} if expected else None
            assert (dict(compared) if expected else None) == figures
            assert expected or compared.closed_won.deals == 0
    shown = [group.compared_with.closed_won.deals for group in made.groups if group.compared_with]
    assert made.summary.compared_with is not None
    # What only the earlier range has is a group, too.
    assert sum(shown) == made.summary.compared_with.closed_won.deals == 3
    assert report(period="2026-Q4", group_by=group_by).groups[0].compared_with is None


def test_deals_that_are_archived_merged_or_filtered_are_in_no_figure(portal: StoredPortal, report: MakeReport) -> None:
    won: dict[str, Any] = {"outcome": "won", "close_at": NOW, "amount": 10, "currency": "USD"}
    portal.deal("1", **won)
    portal.deal("2", **won, archived_at=NOW)
    portal.deal("3", **won, merged_into="1")
    portal.deal("4", **won, filtered_reason="pipeline is not default")
    assert report().summary.closed_won.deals == 1
    assert report(include_filtered=True).summary.closed_won.deals == 2


def test_the_home_amount_is_missing_where_one_deal_has_none(portal: StoredPortal, report: MakeReport) -> None:
    portal.deal("1", outcome="won", close_at=NOW, amount=100, currency="EUR", amount_home=110)
    home = report().summary.closed_won.amount_home
    assert home is not None
    assert (home.currency, home.amount) == ("USD", "110.00")
    portal.deal("2", outcome="won", close_at=NOW, amount=5, currency="EUR")
    assert report().summary.closed_won.amount_home is None


def test_several_portals_are_grouped_by_portal_first(
    portal: StoredPortal, report: MakeReport, database: Database, local_customer: UUID
) -> None:
    other = StoredPortal.create(database, local_customer, hub_id=8, company_currency="EUR")
    for each, currency in ((portal, "USD"), (other, "EUR")):
        for source in ("OFFLINE", "PAID_SEARCH"):
            each.deal(source, outcome="won", close_at=NOW, amount=10, currency=currency, amount_home=10,
                      attributed_source=source)  # fmt: skip
    made = report(group_by="source")
    assert [(group.portal_id, group.label) for group in made.groups] == [
        (7, "Offline Sources"), (7, "Paid Search"), (8, "Offline Sources"), (8, "Paid Search"),
    ]  # fmt: skip
    assert made.summary.closed_won.amount_home is None  # no common company currency
    assert [(group.key, group.label) for group in report().groups] == [("7", "Portal 7"), ("8", "Portal 8")]
    assert made.trust.portal_ids == [7, 8]
    alone = report(group_by="source", connector_id=other.connector_id)
    assert [group.portal_id for group in alone.groups] == [8, 8]


def test_rows_come_in_pages_that_miss_and_repeat_none(portal: StoredPortal, report: MakeReport) -> None:
    for number in range(7):
        outcome = ("won", "lost", "open")[number % 3]
        portal.deal(str(number), outcome=outcome, close_at=NOW - timedelta(hours=number))
    rows, page = [], 1
    while page is not None:
        made = report(detail=True, page=page, page_rows=3, outcome="won,lost,open").deals
        assert made is not None
        assert made.total == 7
        rows += made.rows
        page = made.next_page
    assert [row.deal_id for row in rows] == ["0", "3", "6", "1", "4", "2", "5"]


def test_rows_carry_labels_and_a_link(portal: StoredPortal, report: MakeReport) -> None:
    portal.company("5", name="Globex")
    portal.deal("1", name="Big", outcome="won", stage_id="closedwon", owner_id="12", attributed_source="PAID_SEARCH",
                close_at=NOW, primary_company_id="5", place_country_code="DE", amount="1250.5",
                currency="EUR")  # fmt: skip
    page = report(detail=True).deals
    assert page is not None
    row = page.rows[0]
    assert (row.stage, row.pipeline, row.owner, row.source, row.company, row.country) == (
        "Closed Won", "Sales Pipeline", "Sam Okafor", "Paid Search", "Globex", "Germany",
    )  # fmt: skip
    assert (row.amount, row.currency, row.amount_home) == ("1250.50", "EUR", None)
    assert row.link == "https://app.hubspot.com/contacts/7/record/0-3/1"


def test_the_largest_won_deals_are_named(portal: StoredPortal, report: MakeReport) -> None:
    for number, amount in enumerate((5, 900, None, 70, 20, 30, 40)):
        portal.deal(str(number), outcome="won", close_at=NOW, amount=amount, currency="USD")
    assert [deal.amount for deal in report().summary.top_deals] == ["900.00", "70.00", "40.00", "30.00", "20.00"]


def test_a_deal_without_an_amount_is_no_largest_one(portal: StoredPortal, report: MakeReport) -> None:
    won = {"outcome": "won", "close_at": NOW, "currency": "USD"}
    portal.deal("1", **won, attributed_source="PAID_SEARCH", amount=None, amount_home=5_000)
    portal.deal("2", **won, attributed_source="PAID_SEARCH", amount=300)
    portal.deal("3", **won, attributed_source="REFERRALS", amount=None, amount_home=7_000)
    made = report(group_by="source")
    assert [deal.amount for deal in made.summary.top_deals] == ["300.00"]
    assert {group.key: [deal.amount for deal in group.top_deals] for group in made.groups} == {
        "PAID_SEARCH": ["300.00"],
        "REFERRALS": [],
    }


def test_the_response_has_its_parts_in_order(report: MakeReport) -> None:
    parts = ["trust", "period", "audit", "headline", "summary", "groups", "losses", "deals"]
    assert list(report().model_dump()) == parts
    assert next(iter(report().audit.model_dump())) == "caveats"


@pytest.mark.parametrize(
    ("basis", "names"),
    [
        ("closedate", ["closedate"]),
        ("hs_lastmodifieddate", ["hs_lastmodifieddate"]),
        ("date_entered_current_stage", ["hs_v2_date_entered_current_stage"]),
        ("date_entered_closed_won", ["hs_v2_date_entered_7102", "hs_v2_date_entered_closedwon"]),
    ],
)
def test_the_period_names_the_real_properties(report: MakeReport, basis: str, names: list[str]) -> None:
    period = report(date_basis=basis).period
    assert period.hubspot_properties == names
    assert period.hubspot_property == (names[0] if len(names) == 1 else "hs_v2_date_entered_{stage}")


def _store_only(portal: StoredPortal, stored: Sequence[Deal]) -> None:
    """Store these deals and no others, in two statements: hypothesis does it hundreds of times."""
    given_by_store = {
        "connector_id": portal.connector_id,
        "mind_id": portal.mind_id,
        "object_type": "deals",
        "properties": {},
        "stages_entered": [],
        "stages_entered_at": [],
        "stages_seen": [],
        "stages_seen_at": [],
        "read_at": NOW,
        "change_seq": 0,
        "referenced_only": False,
        "malformed": [],
    }
    rows = [given_by_store | dict(deal) | {"hubspot_id": str(number)} for number, deal in enumerate(stored)]
    portal.execute("DELETE FROM hubspot_crm_objects WHERE connector_id = :connector")
    portal.execute(
        """INSERT INTO hubspot_crm_objects
           SELECT * FROM jsonb_populate_recordset(CAST(NULL AS hubspot_crm_objects), CAST(:rows AS jsonb))""",
        rows=orjson.dumps(rows, default=str).decode(),
    )


def _shown(figures: Figures) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for measure in _MEASURES:
        deals: DealSum = getattr(figures, measure)
        shown[measure] = (
            deals.deals,
            deals.without_amount,
            {amount.currency: Decimal(amount.amount) for amount in deals.amounts},
            Decimal(deals.amount_home.amount) if deals.amount_home else None,
        )
    shown["median"] = figures.median_days_to_close
    shown["negative"] = figures.closed_before_created
    shown["win_rate"] = figures.win_rate
    shown["weighted"] = {amount.currency: Decimal(amount.amount) for amount in figures.weighted_pipeline}
    return shown


def _expected(counted: Recounted, outcomes: Collection[str] = OUTCOMES) -> dict[str, Any]:
    expected: dict[str, Any] = {}
    for measure in _MEASURES:
        amounts = {currency: total for (m, currency), total in counted.amounts.items() if m == measure}
        home = counted.home[measure] if amounts and not counted.without_home[measure] else None
        expected[measure] = (counted.deals[measure], counted.without_amount[measure], amounts, home)
    won, lost = counted.deals["closed_won"], counted.deals["closed_lost"]
    expected["median"] = counted.median_days
    expected["negative"] = sum(days < 0 for days in counted.days)
    expected["win_rate"] = f"{won / (won + lost):.4f}" if won + lost and {"won", "lost"} <= {*outcomes} else None
    cent = Decimal("0.01")
    expected["weighted"] = {each: amount.quantize(cent, ROUND_HALF_UP) for each, amount in counted.weighted.items()}
    return expected


def _shown_losses(made: CrmReport) -> dict[str, Any] | None:
    if made.losses is None:
        return None
    themes = {
        (each.theme, each.label): (
            each.deals,
            each.share,
            {amount.currency: Decimal(amount.amount) for amount in each.amounts},
            each.without_amount,
            {reason.reason: reason.deals for reason in each.reasons},
        )
        for each in made.losses.themes
    }
    return {
        "deals": made.losses.deals,
        "with_reason": made.losses.with_reason,
        "without_reason": made.losses.without_reason,
        "themes": themes,
    }


def _expected_losses(stored: Sequence[Deal], where: dict[str, Any]) -> dict[str, Any]:
    lost = recount_losses(stored, zone=where["zone"], first=where["first"], end=where["end"], basis=where["basis"])
    total = sum(len(deals) for deals in lost.values())
    themes = {}
    for theme in {REASONS[reason][1:] for reason in lost if reason is not None}:
        reasons = {r: deals for r, deals in lost.items() if r is not None and REASONS[r][1:] == theme}
        deals = [deal for of_reason in reasons.values() for deal in of_reason]
        priced = [deal for deal in deals if deal["amount"] is not None]
        amounts = {currency: sum(d["amount"] for d in priced if d["currency"] == currency)
                   for currency in {deal["currency"] for deal in priced}}  # fmt: skip
        themes[theme] = (
            len(deals),
            f"{len(deals) / total:.4f}",
            amounts,
            len(deals) - len(priced),
            {REASONS[r][0] or "a value no longer in HubSpot": len(of_reason) for r, of_reason in reasons.items()},
        )
    without = len(lost.get(None, ()))
    return {"deals": total, "with_reason": total - without, "without_reason": without, "themes": themes}

"""Charts: each figure once, in the order of the table, with its words beside its length."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.reports import CrmReport, ReportFormat, ReportRequest, crm_report, render
from coppermind_pipeline.reports.rendering.bar_charts import BarChart
from coppermind_pipeline.reports.rendering.charts import BARS_MAX, group_charts, panorama_charts
from coppermind_pipeline.reports.rendering.month_charts import EXTENT, LineChart
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.reports.conftest import MakeReport
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

_CLOSED = datetime(2026, 10, 20, 15, tzinfo=UTC)
_COMPANY_USD = "USD, company currency"


def _won(portal: StoredPortal, hubspot_id: str, amount: str | None, currency: str | None = "USD", *,
         source: str = "PAID_SEARCH", home: str | None = None, closed: datetime = _CLOSED) -> None:  # fmt: skip
    portal.deal(hubspot_id, outcome="won", stage_id="closedwon", close_at=closed, amount=amount, currency=currency,
                amount_home=home, attributed_source=source, place_country_code="DE")  # fmt: skip


def _lost(portal: StoredPortal, hubspot_id: str, *, source: str, closed: datetime = _CLOSED) -> None:
    portal.deal(hubspot_id, outcome="lost", stage_id="closedlost", close_at=closed, attributed_source=source)


def _bars(chart: BarChart) -> dict[str, str]:
    return {bar.label: bar.figure for bar in chart.bars}


def _bar_charts(report: CrmReport) -> list[BarChart]:
    return [chart for chart in group_charts(report) if isinstance(chart, BarChart)]


def _panorama(database: Database, mind: Mind, **arguments: str) -> dict[str, BarChart | LineChart]:
    asked = ReportRequest.from_arguments(arguments)
    seen = panorama_charts(crm_report(database, mind=mind, request=asked, now=NOW, panoramic=True))
    return {chart.title: chart for chart in seen}


def test_a_bar_is_as_long_as_its_figure(portal: StoredPortal, report: MakeReport) -> None:
    _won(portal, "1", "3000", home="3000")
    _won(portal, "2", "1000", home="1000", source="ORGANIC_SEARCH")
    _lost(portal, "3", source="ORGANIC_SEARCH")
    worth, deals = _bar_charts(report(group_by="source"))
    assert (worth.title, worth.unit, worth.of) == ("Closed won by source", _COMPANY_USD, "Source")
    assert _bars(worth) == {"Paid Search": "$3,000", "Organic Search": "$1,000"}
    assert [bar.parts[0].length for bar in worth.bars] == [100, 33.33]
    assert (deals.title, deals.unit) == ("Deals won and lost by source", "number of deals")
    assert _bars(deals) == {"Paid Search": "1 won, 0 lost", "Organic Search": "1 won, 1 lost"}
    assert [[part.length for part in bar.parts] for bar in deals.bars] == [[50, 0], [50, 50]]


def test_less_than_nothing_runs_to_the_other_side(portal: StoredPortal, report: MakeReport) -> None:
    _won(portal, "1", "300", home="300")
    _won(portal, "2", "-100", home="-100", source="ORGANIC_SEARCH")
    worth, _ = _bar_charts(report(group_by="source"))
    assert [(bar.parts[0].start, bar.parts[0].length) for bar in worth.bars] == [(25, 75), (0, 25)]


def test_amounts_of_different_currencies_are_drawn_apart(portal: StoredPortal, report: MakeReport) -> None:
    _won(portal, "1", "3000")
    _won(portal, "2", "500", "EUR", source="ORGANIC_SEARCH")
    charts = _bar_charts(report(group_by="source"))
    assert [chart.title for chart in charts] == [
        "Closed won by source, EUR",
        "Closed won by source, USD",
        "Deals won and lost by source",
    ]
    assert [_bars(chart) for chart in charts[:2]] == [{"Organic Search": "€500"}, {"Paid Search": "$3,000"}]


def test_they_are_drawn_together_in_the_company_currency_where_all_have_it(
    portal: StoredPortal, report: MakeReport
) -> None:
    _won(portal, "1", "3000", home="3000")
    _won(portal, "2", "500", "EUR", home="600", source="ORGANIC_SEARCH")
    _won(portal, "3", None, source="REFERRALS")
    worth, _ = _bar_charts(report(group_by="source"))
    assert worth.unit == _COMPANY_USD
    assert _bars(worth) == {"Paid Search": "$3,000", "Organic Search": "$600", "Referrals": "–"}  # noqa: RUF001
    assert worth.bars[2].beside == "1 deal, 1 without amount"


def test_without_groups_or_closed_deals_there_is_no_chart(portal: StoredPortal, report: MakeReport) -> None:
    portal.deal("1", outcome="open", close_at=NOW + timedelta(days=1), amount=10, currency="USD")
    assert group_charts(report(group_by="source")) == []
    _won(portal, "2", "10")
    assert group_charts(report()) == []


def test_groups_of_several_portals_are_told_apart(
    portal: StoredPortal, report: MakeReport, database: Database, local_customer: UUID
) -> None:
    other = StoredPortal.create(database, local_customer, hub_id=8)
    _won(portal, "1", "10", home="10")
    _won(other, "1", "20", home="20")
    worth, _ = _bar_charts(report(group_by="source"))
    assert _bars(worth) == {"Paid Search (7)": "$10", "Paid Search (8)": "$20"}


def test_of_many_groups_the_first_are_drawn_and_the_rest_counted(portal: StoredPortal, report: MakeReport) -> None:
    for number in range(BARS_MAX + 3):
        portal.deal(str(number), outcome="won", close_at=_CLOSED, amount=100 - number, currency="USD",
                    owner_id=str(number))  # fmt: skip
    worth, _ = _bar_charts(report(group_by="owner"))
    assert len(worth.bars) == BARS_MAX
    assert worth.note == f"The first {BARS_MAX} groups; the table has 3 more."


def test_every_report_shows_time_sources_countries_and_the_pipeline(
    portal: StoredPortal, database: Database, mind: Mind
) -> None:
    _won(portal, "1", "3000", home="3000")
    _won(portal, "2", "1000", home="1000", closed=_CLOSED - timedelta(days=365))
    _won(portal, "3", "500", home="500", closed=_CLOSED - timedelta(days=80))
    _lost(portal, "4", source="REFERRALS")
    _lost(portal, "5", source="REFERRALS", closed=_CLOSED - timedelta(days=2 * 365 + 1))
    portal.deal("6", outcome="open", stage_id="contractsent", amount=70, currency="USD", amount_home=70)
    portal.deal("7", outcome="open", amount=None)
    charts = _panorama(database, mind, group_by="owner")
    assert list(charts) == ["Closed won by month", "Win rate by month", "Closed won by source",
                            "Closed won by country", "Why deals were lost",
                            "Open pipeline by stage"]  # fmt: skip
    revenue, rate, source, country, _, stage = charts.values()
    assert isinstance(revenue, LineChart)
    assert (revenue.unit, revenue.note) == (_COMPANY_USD, "November 2026 is not over yet.")
    shown = {row[0]: tuple(row[1:]) for row in revenue.rows}
    assert len(shown) == 12
    nothing = "–"  # noqa: RUF001 - what the tables show for nothing
    assert shown["October 2026"] == ("$3,000", "$1,000")
    assert shown["August 2026"] == ("$500", nothing)
    assert shown["December 2026"] == (nothing, nothing)
    assert revenue.ticks[0] == "$3K"
    assert revenue.ticks[-1] == "$0"
    now = next(curve for curve in revenue.curves if curve.kind == "now")
    # Eleven months have begun; the tenth is as high as the axis.
    assert now.points.count("M") == 11
    assert f"M{EXTENT * 9.5 / 12:.1f} 0h0" in now.points
    assert isinstance(rate, LineChart)
    assert rate.rows[9][1:] == ["50.00 % (1 of 2)", "100.00 % (1 of 1)"]
    assert isinstance(source, BarChart)
    assert isinstance(country, BarChart)
    assert isinstance(stage, BarChart)
    assert _bars(source) == {"Paid Search": "$3,000"}
    assert _bars(country) == {"Germany": "$3,000"}
    assert _bars(stage) == {"Appointment Scheduled (Sales Pipeline)": nothing, "Contract Sent (Sales Pipeline)": "$70"}


def test_why_deals_were_lost_is_drawn_with_those_that_nobody_gave_a_reason_for(
    portal: StoredPortal, database: Database, mind: Mind
) -> None:
    for number, reason in enumerate(("Too expensive", "price", None)):
        portal.deal(str(number), outcome="lost", close_at=_CLOSED, loss_reason=reason, amount=10, currency="USD")
    losses = _panorama(database, mind)["Why deals were lost"]
    assert isinstance(losses, BarChart)
    assert list(_bars(losses).values()) == ["2 deals", "1 deal"]
    assert [bar.beside for bar in losses.bars] == ["66.67 % of lost, $20", "33.33 % of lost"]
    assert losses.bars[1].label == "No reason given"


def test_a_longer_range_shows_its_own_months(portal: StoredPortal, database: Database, mind: Mind) -> None:
    _won(portal, "1", "3000", home="3000")
    months = _panorama(database, mind, start="2025-02-01", end="2026-11-01")["Closed won by month"]
    assert isinstance(months, LineChart)
    assert (months.rows[0][0], months.rows[-1][0], len(months.rows)) == ("February 2025", "October 2026", 21)
    assert [name for name in months.months if name[0]][:2] == [("Feb", "2025"), ("Apr", "")]
    # The year before begins in February 2024.
    assert months.note == "Deals last changed before 17 November 2024 were not read."


def test_the_months_add_up_to_the_report_of_the_same_range(
    portal: StoredPortal, database: Database, mind: Mind, report: MakeReport
) -> None:
    edges = [
        datetime(2026, month, day, hour, tzinfo=UTC) for month in (1, 4, 11) for day in (1, 2) for hour in (0, 4, 5)
    ]
    for number, closed in enumerate([*edges, datetime(2027, 1, 1, 4, tzinfo=UTC), datetime(2027, 1, 1, 5, tzinfo=UTC)]):
        _won(portal, str(number), str(2**number), home=str(2**number), closed=closed)
    asked = ReportRequest.from_arguments({"period": "2026"})
    made = crm_report(database, mind=mind, request=asked, now=NOW, panoramic=True)
    groups = {group.key: group.closed_won for group in report(period="2026", group_by="month").groups}
    months = {f"{each.first_day:%Y-%m}": each.figures for each in made.panorama.months}  # pyright: ignore
    assert {
        key: figures.closed_won for key, figures in months.items() if figures and figures.closed_won.deals
    } == groups


def test_names_stay_text(portal: StoredPortal, database: Database, mind: Mind) -> None:
    name = '</text><script>alert("1")</script> & ' + "long " * 60
    portal.execute("UPDATE hubspot_pipelines SET label = :name WHERE hubspot_id = 'default'", name=name)
    _won(portal, "1", "10")
    portal.deal("2", outcome="open", amount=10, currency="USD")
    asked = ReportRequest.from_arguments({"group_by": "pipeline"})
    page = render(crm_report(database, mind=mind, request=asked, now=NOW, panoramic=True), ReportFormat.HTML)
    assert "<script" not in page
    assert len(re.findall(r"&lt;script&gt;.*? long long", page)) >= 3

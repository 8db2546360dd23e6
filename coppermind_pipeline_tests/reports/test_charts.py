"""Charts: each group once, in the order of the table, with its figure beside its bar."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID
from xml.etree import ElementTree

from coppermind_pipeline.reports.rendering.charts import BARS_MAX, Chart, draw
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.reports.conftest import MakeReport
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

_CLOSED = datetime(2026, 10, 20, 15, tzinfo=UTC)


def _won(portal: StoredPortal, hubspot_id: str, amount: str | None, currency: str | None = "USD", *,
         source: str = "PAID_SEARCH", home: str | None = None) -> None:  # fmt: skip
    portal.deal(hubspot_id, outcome="won", stage_id="closedwon", close_at=_CLOSED, amount=amount, currency=currency,
                amount_home=home, attributed_source=source)  # fmt: skip


def _lost(portal: StoredPortal, hubspot_id: str, *, source: str) -> None:
    portal.deal(hubspot_id, outcome="lost", stage_id="closedlost", close_at=_CLOSED, attributed_source=source)


def _words(chart: Chart) -> list[str]:
    """Return the texts of a drawing, as they are read from left to right and from top to bottom."""
    return [text.text or "" for text in ElementTree.fromstring(chart.svg).iter() if text.tag.endswith("text")]


def _bar_lengths(chart: Chart) -> list[float]:
    """Return the lengths of a drawing's bars in pixels."""
    bars = re.search(r'<g class="mark-rect role-mark.*?</g>', chart.svg)
    assert bars is not None
    return [float(length) for length in re.findall(r' d="M[^"h]*h(-?[\d.]+)v', bars[0])]


def test_a_bar_is_as_long_as_its_figure(portal: StoredPortal, report: MakeReport) -> None:
    _won(portal, "1", "3000", home="3000")
    _won(portal, "2", "1000", home="1000", source="ORGANIC_SEARCH")
    _lost(portal, "3", source="ORGANIC_SEARCH")
    worth, deals = draw(report(group_by="source"))
    assert worth.title == "Closed won by source, USD (company currency)"
    assert worth.description == "Bar chart. Paid Search: $3,000; Organic Search: $1,000."
    assert _words(worth) == ["Paid Search", "Organic Search", "$3,000", "$1,000"]
    longest, shorter = _bar_lengths(worth)
    assert longest == 320
    assert round(longest / shorter, 3) == 3
    assert deals.title == "Deals won and lost by source"
    assert deals.description == "Bar chart. Paid Search: 1 won, 0 lost; Organic Search: 1 won, 1 lost."
    assert _words(deals)[-2:] == ["Won", "Lost"]
    assert sorted(_bar_lengths(deals)) == [0, 160, 160, 160]


def test_amounts_of_different_currencies_are_drawn_apart(portal: StoredPortal, report: MakeReport) -> None:
    _won(portal, "1", "3000")
    _won(portal, "2", "500", "EUR", source="ORGANIC_SEARCH")
    charts = draw(report(group_by="source"))
    assert [chart.title for chart in charts] == [
        "Closed won by source, EUR",
        "Closed won by source, USD",
        "Deals won and lost by source",
    ]
    assert "Organic Search: €500" in charts[0].description
    assert "Organic Search: –" in charts[1].description  # noqa: RUF001 - what the tables show for nothing


def test_they_are_drawn_together_in_the_company_currency_where_all_have_it(
    portal: StoredPortal, report: MakeReport
) -> None:
    _won(portal, "1", "3000", home="3000")
    _won(portal, "2", "500", "EUR", home="600", source="ORGANIC_SEARCH")
    _won(portal, "3", None, source="REFERRALS")
    worth, _ = draw(report(group_by="source"))
    assert worth.title == "Closed won by source, USD (company currency)"
    assert worth.description == "Bar chart. Paid Search: $3,000; Organic Search: $600; Referrals: –."  # noqa: RUF001


def test_without_groups_or_closed_deals_there_is_no_chart(portal: StoredPortal, report: MakeReport) -> None:
    portal.deal("1", outcome="open", close_at=NOW + timedelta(days=1), amount=10, currency="USD")
    assert draw(report(group_by="source")) == []
    _won(portal, "2", "10")
    assert draw(report()) == []


def test_groups_of_several_portals_are_told_apart(
    portal: StoredPortal, report: MakeReport, database: Database, local_customer: UUID
) -> None:
    other = StoredPortal.create(database, local_customer, hub_id=8)
    _won(portal, "1", "10", home="10")
    _won(other, "1", "20", home="20")
    worth, _ = draw(report(group_by="source"))
    assert worth.description == "Bar chart. Paid Search (7): $10; Paid Search (8): $20."


def test_of_many_groups_the_first_are_drawn_and_the_rest_counted(portal: StoredPortal, report: MakeReport) -> None:
    for number in range(BARS_MAX + 3):
        portal.deal(str(number), outcome="won", close_at=_CLOSED, amount=100 - number, currency="USD",
                    owner_id=str(number))  # fmt: skip
    worth, _ = draw(report(group_by="owner"))
    assert len(_bar_lengths(worth)) == BARS_MAX
    assert worth.title == f"Closed won by owner, USD (the first {BARS_MAX} groups; the table has 3 more)"


def test_names_stay_text_and_long_ones_are_cut(portal: StoredPortal, report: MakeReport) -> None:
    name = '</text><script>alert("1")</script> & ' + "long " * 60
    portal.execute("UPDATE hubspot_pipelines SET label = :name WHERE hubspot_id = 'default'", name=name)
    _won(portal, "1", "10")
    worth, _ = draw(report(group_by="pipeline"))
    assert "<script" not in worth.svg
    (shown, _) = _words(worth)
    assert shown.startswith("</text><script>")
    assert shown.endswith("…")


def test_the_same_report_is_the_same_drawing(portal: StoredPortal, report: MakeReport) -> None:
    _won(portal, "1", "10")
    assert draw(report(group_by="source")) == draw(report(group_by="source"))

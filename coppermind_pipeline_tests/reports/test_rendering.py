"""Renderings: the same figures for machines, chats, spreadsheets and browsers."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from syrupy.assertion import SnapshotAssertion

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.reports import CrmReport, ReportFormat, ReportRequest, crm_report, html_fragment, render
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.reports.conftest import MakeReport
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

_CLOSED = datetime(2026, 10, 20, 15, tzinfo=UTC)


@pytest.fixture
def known_report(portal: StoredPortal, database: Database, mind: Mind) -> CrmReport:
    """A quarter in two currencies, with names of deals that no format may take at their word."""
    portal.company("5", name="Globex | Sons")
    won = {"outcome": "won", "stage_id": "closedwon", "close_at": _CLOSED, "created_at": _CLOSED - timedelta(days=30)}
    portal.deal("1", **won, name="=HYPERLINK(\"http://evil\")", amount="125000", currency="USD", amount_home="125000",
                attributed_source="PAID_SEARCH", owner_id="11", primary_company_id="5",
                place_country_code="DE")  # fmt: skip
    portal.deal("2", **won, name="<script>alert(1)</script>", amount="1250.5", currency="EUR", amount_home="1375.55",
                attributed_source="ORGANIC_SEARCH", owner_id="12")  # fmt: skip
    portal.deal("3", **won, name="*Free* [trial](x)", attributed_source="PAID_SEARCH")
    portal.deal("4", outcome="lost", stage_id="closedlost", close_at=_CLOSED, amount="-10", currency="USD")
    portal.deal("5", outcome="open", close_at=NOW - timedelta(days=3), amount="800", currency="USD", amount_home="800")
    asked = ReportRequest.from_arguments({"group_by": "source", "detail": True, "compare_to": "previous_year"})
    return crm_report(database, mind=mind, request=asked, now=NOW, panoramic=True)


@pytest.mark.parametrize("format_", ReportFormat)
def test_renderings(known_report: CrmReport, format_: ReportFormat, snapshot: SnapshotAssertion) -> None:
    rendered = render(known_report, format_)
    for name, drawn in (("mind", known_report.trust.mind_id), ("customer", known_report.trust.customer_id)):
        rendered = rendered.replace(str(drawn), f"<{name}>")
    # It holds the mind's id.
    rendered = rendered.replace(str(known_report.audit.answer_id), "<answer>")
    assert re.sub(r"<style>.*?</style>", "<style/>", rendered, flags=re.DOTALL) == snapshot


def test_csv_without_rows_has_the_groups_else_the_summary(
    known_report: CrmReport, report: MakeReport, snapshot: SnapshotAssertion
) -> None:
    assert render(report(group_by="source"), ReportFormat.CSV) == snapshot
    assert render(report(), ReportFormat.CSV) == snapshot


def test_no_cell_of_a_csv_is_a_formula(known_report: CrmReport) -> None:
    rows = list(csv.reader(io.StringIO(render(known_report, ReportFormat.CSV))))
    cells = [cell for row in rows for cell in row]
    assert '\'=HYPERLINK("http://evil")' in cells
    assert [cell for cell in cells if cell.startswith(("=", "+", "@", "-"))] == ["-10.00"]


def test_no_name_becomes_markup(known_report: CrmReport) -> None:
    page = render(known_report, ReportFormat.HTML)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "| \\*Free\\* \\[trial\\](x)" not in render(known_report, ReportFormat.MARKDOWN)
    assert "\\<script\\>" in render(known_report, ReportFormat.MARKDOWN)
    assert html_fragment(known_report) in page


@pytest.mark.parametrize("format_", [ReportFormat.MARKDOWN, ReportFormat.HTML])
def test_figures_of_deals_that_are_left_out_are_not_shown_as_nothing(
    known_report: CrmReport, report: MakeReport, format_: ReportFormat
) -> None:
    lost = render(report(outcome=["lost"], group_by="source"), format_)
    assert "Closed lost" in lost
    for absent in ("Closed won", "Win rate", "Average won", "Weighted pipeline", "Open worth", "Open now", "Overdue"):
        assert absent not in lost
    assert "Win rate" not in _table(render(report(group_by="loss_theme"), format_), "By loss theme")


def test_a_spreadsheet_has_empty_cells_for_figures_of_deals_that_are_left_out(
    known_report: CrmReport, report: MakeReport
) -> None:
    made = render(report(outcome=["lost"], compare_to="previous_year"), ReportFormat.CSV)
    (row,) = _rows_of_csv(made, "summary")
    assert (row["closed_lost_deals"], row["earlier_closed_lost_deals"]) == ("1", "0")
    for empty in ("closed_won_deals", "closed_won_without_amount", "earlier_closed_won_deals", "open_deals", "win_rate",
                  "overdue_deals", "closed_before_created"):  # fmt: skip
        assert row[empty] == ""


def _table(rendered: str, title: str) -> str:
    return rendered.partition(title)[2].partition("Why deals were lost")[0]


def test_a_page_needs_nothing_from_elsewhere(known_report: CrmReport) -> None:
    page = render(known_report, ReportFormat.HTML)
    assert page.count("<figure") == 7
    assert re.findall(r"(?:src|url|@import)[=(]", page) == []
    assert "<svg" not in render(known_report, ReportFormat.HTML, alone=False)


def test_json_is_the_report_in_its_order(known_report: CrmReport) -> None:
    assert list(json.loads(render(known_report, ReportFormat.JSON))) == list(CrmReport.model_fields)
    assert CrmReport.model_validate_json(render(known_report, ReportFormat.JSON)) == CrmReport(**dict(known_report))


@pytest.mark.parametrize("format_", [ReportFormat.MARKDOWN, ReportFormat.HTML])
def test_the_title_names_the_mind_and_says_that_the_period_is_not_over(
    known_report: CrmReport, format_: ReportFormat
) -> None:
    title = re.search(r"^# (.*)$|<title>(.*)</title>", render(known_report, format_), re.MULTILINE)
    assert title is not None
    assert (title[1] or title[2]) == "acme: CRM report, 1 October 2026 to 31 December 2026, so far"


def test_a_spreadsheet_has_the_mind_and_the_caveats_in_each_row(known_report: CrmReport) -> None:
    made = render(known_report, ReportFormat.CSV)
    assert made.encode().startswith(b"\xef\xbb\xbfmind,")
    rows = list(csv.DictReader(io.StringIO(made.encode().decode("utf-8-sig"))))
    assert [row["part"] for row in rows] == ["deals"] * 4 + ["loss_themes"]
    assert {row["mind"] for row in rows} == {"acme"}
    assert {row["caveats"] for row in rows} == {" ".join(known_report.audit.caveats)}
    assert {row["freshness"] for row in rows} == {"fresh"}
    assert "caveats" not in render(known_report, ReportFormat.CSV, alone=False)


def test_a_spreadsheet_has_the_losses_behind_the_deals_or_groups(portal: StoredPortal, report: MakeReport) -> None:
    for number, (reason, amount, currency) in enumerate((
        ("Too expensive", "100", "USD"), ("Price", "30", "EUR"), ("Price", None, None), ("went on holiday", "5", "USD"),
        (None, "7", "USD"),
    )):  # fmt: skip
        portal.deal(str(number), outcome="lost", close_at=_CLOSED, amount=amount, currency=currency, loss_reason=reason,
                    amount_home=amount)  # fmt: skip
    for asked, part in (({"detail": True}, "deals"), ({"group_by": "source"}, "groups"), ({}, "summary")):
        made = report(**asked)
        assert made.losses is not None
        rendered = render(made, ReportFormat.CSV)
        themes = _rows_of_csv(rendered, "loss_themes")
        assert [(row["loss_theme"], int(row["loss_deals"]), row["loss_share"]) for row in themes] == [
            *((theme.label, theme.deals, theme.share) for theme in made.losses.themes),
            ("No reason given", 1, "0.2000"),
        ]
        assert sum(int(row["loss_deals"]) for row in themes) == made.losses.deals
        of_price = next(row for row in themes if row["loss_deals"] == "3")
        assert [of_price[name] for name in ("loss_USD", "loss_EUR", "loss_home_USD", "loss_without_amount")] == [
            "100.00", "30.00", "130.00", "1",
        ]  # fmt: skip
        reasons = [(row["loss_reason"], row["loss_deals"], row["loss_share"])
                   for row in _rows_of_csv(rendered, "loss_reasons")]  # fmt: skip
        assert ("Price", "2", "0.4000") in reasons
        assert sum(int(deals) for _, deals, _ in reasons) == made.losses.with_reason
        # Neither kind of row has cells in the other's columns.
        assert all(row["loss_deals"] == "" for row in _rows_of_csv(rendered, part))
        assert all(row["stage" if part == "deals" else "closed_lost_deals"] == "" for row in themes)
    for_client = render(report(audience="client"), ReportFormat.CSV)
    assert _rows_of_csv(for_client, "loss_themes")
    assert _rows_of_csv(for_client, "loss_reasons") == []
    assert not _rows_of_csv(render(report(outcome=["won"]), ReportFormat.CSV), "loss_themes")


def _rows_of_csv(rendered: str, part: str) -> list[dict[str, str]]:
    return [row for row in csv.DictReader(io.StringIO(rendered)) if row["part"] == part]


def test_themes_that_did_not_fit_are_told_on_every_face(portal: StoredPortal, report: MakeReport) -> None:
    for number, reason in enumerate(("Too expensive", "Too expensive", "Chose a competitor", "Bad timing", None)):
        portal.deal(str(number), outcome="lost", stage_id="closedlost", close_at=_CLOSED, loss_reason=reason)
    whole = report()
    assert whole.losses is not None
    cut = whole.model_copy(update={"losses": whole.losses.model_copy(update={"themes": whole.losses.themes[:1]})})
    assert "| Themes that did not fit | 2 | 40.00 % |" in render(cut, ReportFormat.MARKDOWN)
    assert "Themes that did not fit" in html_fragment(cut)
    rows = csv.DictReader(io.StringIO(render(cut, ReportFormat.CSV)[1:]))
    themes = {row["loss_theme"]: row["loss_deals"] for row in rows if row["part"] == "loss_themes"}
    assert themes == {"Price": "2", "Themes that did not fit": "2", "No reason given": "1"}
    assert "did not fit" not in render(whole, ReportFormat.MARKDOWN)


def test_a_figure_stands_beside_its_difference_from_the_earlier_range(portal: StoredPortal, report: MakeReport) -> None:
    for number, (year, outcome, amount) in enumerate(((2026, "won", "150"), (2026, "won", "30"), (2026, "lost", "5"),
                                                      (2025, "won", "240"), (2025, "won", None))):  # fmt: skip
        portal.deal(str(number), outcome=outcome, close_at=_CLOSED.replace(year=year), amount=amount, currency="USD",
                    attributed_source="PAID_SEARCH")  # fmt: skip
    made = report(group_by="source", compare_to="previous_year")
    text = render(made, ReportFormat.MARKDOWN)
    assert "| Closed won | 2 (unchanged) | $180 (\N{MINUS SIGN}$60, \N{MINUS SIGN}25.00 %) |" in text
    assert "| Closed lost | 1 (+1, from nothing) | $5 (+$5, from nothing) |" in text
    assert "| Win rate | 66.67 % (\N{MINUS SIGN}33.33 points) |" in text
    assert "| Paid Search | 2 (unchanged) | $180 (\N{MINUS SIGN}$60, \N{MINUS SIGN}25.00 %) |" in text
    (row,) = _rows_of_csv(render(made, ReportFormat.CSV), "groups")
    assert (row["closed_won_USD"], row["earlier_closed_won_USD"]) == ("180.00", "240.00")

"""Renderings: the same figures for machines, chats, spreadsheets and browsers."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from syrupy.assertion import SnapshotAssertion

from coppermind_pipeline.reports import CrmReport, ReportFormat, html_fragment, render
from coppermind_pipeline_tests.reports.conftest import MakeReport
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

_CLOSED = datetime(2026, 10, 20, 15, tzinfo=UTC)


@pytest.fixture
def known_report(portal: StoredPortal, report: MakeReport) -> CrmReport:
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
    return report(group_by="source", detail=True, compare_to="previous_year")


@pytest.mark.parametrize("format_", ReportFormat)
def test_renderings(known_report: CrmReport, format_: ReportFormat, snapshot: SnapshotAssertion) -> None:
    rendered = render(known_report, format_)
    for name, drawn in (("mind", known_report.trust.mind_id), ("customer", known_report.trust.customer_id)):
        rendered = rendered.replace(str(drawn), f"<{name}>")
    # Where a legend's words stand depends on the machine's fonts; test_charts.py looks at drawings.
    assert re.sub(r"<svg.*?</svg>", "<svg/>", rendered, flags=re.DOTALL) == snapshot


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


def test_a_page_needs_nothing_from_elsewhere(known_report: CrmReport) -> None:
    page = render(known_report, ReportFormat.HTML)
    assert page.count("<svg") == 2
    assert re.findall(r"(?:src|url|@import)[=(]", page) == []
    assert "<svg" not in render(known_report, ReportFormat.HTML, with_charts=False)


def test_json_is_the_report_in_its_order(known_report: CrmReport) -> None:
    assert list(json.loads(render(known_report, ReportFormat.JSON))) == list(CrmReport.model_fields)
    assert CrmReport.model_validate_json(render(known_report, ReportFormat.JSON)) == known_report

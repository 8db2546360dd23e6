"""Renderings of a report: for machines, for chats, for spreadsheets and for browsers."""

import json
import re
from enum import StrEnum
from typing import Any

from markupsafe import Markup

from coppermind_pipeline.reports.models import CrmReport, DealPage
from coppermind_pipeline.reports.rendering.charts import group_charts, panorama_charts
from coppermind_pipeline.reports.rendering.key_figures import key_figures
from coppermind_pipeline.reports.rendering.month_charts import EXTENT
from coppermind_pipeline.reports.rendering.provenance import compared_with, provenance, range_of, title_of
from coppermind_pipeline.reports.rendering.spreadsheet import csv_of
from coppermind_pipeline.reports.rendering.tables import SUMMARY_TABLES, Cell, Table, tables
from coppermind_pipeline.reports.rendering.templates import template
from coppermind_pipeline.wording import bullets, count, number, single_spaced, visible_text, visible_values

_MARKDOWN_SPECIAL = re.compile(r"([\\`*_\[\]<>|#])")


class ReportFormat(StrEnum):
    """What a report can be rendered as."""

    JSON = "json"
    MARKDOWN = "markdown"
    CSV = "csv"
    HTML = "html"


def render(
    report: CrmReport,
    format: ReportFormat,  # noqa: A002 - the argument's name in every interface
    *,
    alone: bool = True,
) -> str:
    """Return the report as text.

    `csv` is one table: the deals where the report lists them, else the groups, else the summary, and the losses below
    them; each row carries the mind, range, basis, zone, time of sync and caveats. `html` is a page of its own, without
    scripts; only there are charts.

    Args:
        alone: whether nothing stands beside the text. An answer that has the caveats itself, and little room, takes it
            without charts and styles, and CSV without caveats.
    """
    match format:
        case ReportFormat.JSON:
            return json.dumps(visible_values(report.model_dump(mode="json")), indent=2, ensure_ascii=False)
        case ReportFormat.MARKDOWN:
            return visible_text(_markdown(report))
        case ReportFormat.CSV:
            return csv_of(report, with_caveats=alone)
        case ReportFormat.HTML:
            return visible_text(template("page.html").render(_html_values(report, with_charts=alone), styled=alone))


def html_fragment(report: CrmReport) -> Markup:
    """Return the report as one `<article>`, to stand in a page of another's that has `static/report.css`."""
    fragment = template("report.html").render(_html_values(report, with_charts=True))
    return Markup(fragment)  # noqa: S704 - the template escapes what is in it


def _markdown(report: CrmReport) -> str:
    parts = [
        f"# {_plain(title_of(report))}",
        bullets(f"{name}: {_plain(value)}" for name, value in provenance(report)),
    ]
    if report.audit.caveats:
        parts += ["## Caveats", bullets(map(_plain, report.audit.caveats))]
    if report.headline:
        parts += ["## Headline", bullets(map(_plain, report.headline))]
    for table in tables(report):
        parts += [f"## {_plain(table.title)}", _markdown_table(table)]
    if report.deals is not None and report.deals.next_page is not None:
        page = report.deals
        parts.append(f"Page {page.page} of {number(page.total)} deals; the next is page {page.next_page}.")
    return "\n\n".join(parts) + "\n"


def _markdown_table(table: Table) -> str:
    head = [_plain(column.heading) for column in table.columns]
    rule = ["---:" if column.numeric else "---" for column in table.columns]
    lines = [head, rule, *([_markdown_cell(cell) for cell in row] for row in table.rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _markdown_cell(cell: Cell) -> str:
    return f"[{_plain(cell.text)}]({cell.link})" if cell.link else _plain(cell.text)


def _plain(text: str) -> str:
    return _MARKDOWN_SPECIAL.sub(r"\\\1", single_spaced(text))


def _html_values(report: CrmReport, *, with_charts: bool) -> dict[str, Any]:
    earlier = report.period.compared_with
    return {
        "title": title_of(report),
        "range": range_of(report),
        "report": report,
        "provenance": provenance(report),
        "compared_with": None if earlier is None else compared_with(earlier),
        "key_figures": key_figures(report),
        "panorama": panorama_charts(report) if with_charts else [],
        "of_groups": group_charts(report) if with_charts else [],
        "extent": EXTENT,
        "tables": tables(report),
        "of_summary": SUMMARY_TABLES,
        "deals_shown": None if report.deals is None else _deals_shown(report.deals),
    }


def _deals_shown(page: DealPage) -> str:
    if page.page is None:
        return f"{number(len(page.rows))} of {count(page.total, 'deal')}"
    first = (page.page - 1) * page.page_rows + 1
    last = first + len(page.rows) - 1
    return f"Deals {number(first)} to {number(last)} of {number(page.total)}" if page.rows else "No deals here"

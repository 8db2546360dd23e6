"""Renderings of a lead report: for chats, for spreadsheets and for browsers."""

import csv
import io
import json
import re
from zoneinfo import ZoneInfo

from coppermind_pipeline.memories import Audience
from coppermind_pipeline.reports.leads.models import LeadReport
from coppermind_pipeline.reports.leads.tables import LeadTable, lead_columns, lead_tables
from coppermind_pipeline.reports.rendering.formats import ReportFormat
from coppermind_pipeline.reports.rendering.spreadsheet import UTF_8_MARK
from coppermind_pipeline.reports.rendering.templates import template
from coppermind_pipeline.wording import (
    as_words,
    bullets,
    clock_with_zone,
    day,
    single_spaced,
    visible_text,
    visible_values,
)

_MARKDOWN_SPECIAL = re.compile(r"([\\`*_\[\]<>|#])")
# What a spreadsheet takes for a formula, once it is at the start of a cell.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def render_leads(
    report: LeadReport,
    format: ReportFormat,  # noqa: A002 - the argument's name in every interface
    *,
    alone: bool = True,
) -> str:
    """Return the report as text; `csv` is one table, of the groups or of all contacts, `html` a page of its own.

    Args:
        alone: whether nothing stands beside the text; an answer that has the caveats itself takes CSV without them.
    """
    match format:
        case ReportFormat.JSON:
            return json.dumps(visible_values(report.model_dump(mode="json")), indent=2, ensure_ascii=False)
        case ReportFormat.MARKDOWN:
            return visible_text(_markdown(report))
        case ReportFormat.CSV:
            return _csv(report, with_caveats=alone)
        case ReportFormat.HTML:
            page = template("leads.html").render(
                title=_title(report), report=report, facts=_facts(report), tables=lead_tables(report)
            )
            return visible_text(page)


def _title(report: LeadReport) -> str:
    days = f"{day(report.period.first_day)} to {day(report.period.last_day)}"
    return f"Leads of {report.trust.mind}, {days}"


def _facts(report: LeadReport) -> list[tuple[str, str]]:
    """Return what every reading of the figures depends on, as name and value."""
    trust, period = report.trust, report.period
    zone = ZoneInfo(period.timezone)
    synced, earlier = trust.last_successful_sync, period.compared_with
    of_portals = report.audit.audience is Audience.INTERNAL
    return [
        ("Range", f"{day(period.first_day)} to {day(period.last_day)}, {period.timezone}"),
        *([("Compared with", f"{day(earlier.first_day)} to {day(earlier.last_day)}")] if earlier is not None else []),
        ("Date basis", f"{period.date_basis_label} ({period.hubspot_property})"),
        *([("As of", clock_with_zone(period.as_of, zone))] if period.as_of is not None else []),
        *([("Portals", ", ".join(map(str, trust.portal_ids)) or "none")] if of_portals else []),
        ("Last sync", "not complete yet" if synced is None else clock_with_zone(synced, zone)),
        ("Freshness", as_words(trust.freshness)),
        ("Backfill", "complete" if trust.backfill_complete else "not complete"),
        *([("Filters", "none" if not any(trust.configured_filters.values()) else
            "lifted" if report.audit.include_filtered else json.dumps(trust.configured_filters, ensure_ascii=False))]
          if of_portals else []),
        ("Source", trust.data_source),
    ]  # fmt: skip


def _markdown(report: LeadReport) -> str:
    parts = [
        f"# {_plain(_title(report))}",
        bullets(f"{name}: {_plain(value)}" for name, value in _facts(report)),
    ]
    for title, lines in (("Caveats", report.audit.caveats), ("Headline", report.headline)):
        if lines:
            parts += [f"## {title}", bullets(map(_plain, lines))]
    for table in lead_tables(report):
        parts += [f"## {_plain(table.title)}", _markdown_table(table)]
    parts += ["## How this is counted", bullets(map(_plain, report.audit.notes))]
    return "\n\n".join(parts) + "\n"


def _markdown_table(table: LeadTable) -> str:
    lines = [table.headings, ["---", *["---:"] * (len(table.headings) - 1)], *table.rows]
    rule = 1
    return "\n".join(
        f"| {' | '.join(line if place == rule else map(_plain, line))} |" for place, line in enumerate(lines)
    )


def _plain(text: str) -> str:
    return _MARKDOWN_SPECIAL.sub(r"\\\1", single_spaced(text))


def _csv(report: LeadReport, *, with_caveats: bool) -> str:
    more = {"caveats": " ".join(report.audit.caveats)} if with_caveats else {}
    rows = [row | more for row in lead_columns(report)]
    written = io.StringIO()
    written.write(UTF_8_MARK)
    writer = csv.DictWriter(written, fieldnames=list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return written.getvalue()


def _cell(value: object) -> object:
    if value is None:
        return ""
    shown = visible_values(value)
    return f"'{shown}" if isinstance(shown, str) and shown.startswith(_FORMULA_STARTS) else shown

"""Renderings of a lead report: for chats, for spreadsheets and for browsers."""

from zoneinfo import ZoneInfo

from coppermind_pipeline.memories import Audience
from coppermind_pipeline.reports.leads.models import LeadReport
from coppermind_pipeline.reports.leads.tables import lead_columns, lead_tables
from coppermind_pipeline.reports.rendering.document import Document, render_document
from coppermind_pipeline.reports.rendering.formats import ReportFormat
from coppermind_pipeline.reports.rendering.provenance import filters
from coppermind_pipeline.wording import as_words, clock_with_zone, day_range


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
    document = Document(
        answer=report,
        title=_title(report),
        facts=_facts(report),
        caveats=report.audit.caveats,
        headline=report.headline,
        tables=lead_tables(report),
        notes=report.audit.notes,
        columns=lead_columns(report),
    )
    return render_document(document, format, alone=alone)


def _title(report: LeadReport) -> str:
    return f"Leads of {report.trust.mind}, {_days(report)}"


def _days(report: LeadReport) -> str:
    """Return "1 October 2026 to 31 December 2026", and that it is not over where it is not."""
    period = report.period
    looked_at = period.as_of or report.audit.generated_at
    so_far = ", so far" if period.start <= looked_at < period.end else ""
    return f"{day_range(period.first_day, period.last_day)}{so_far}"


def _facts(report: LeadReport) -> list[tuple[str, str]]:
    """Return what every reading of the figures depends on, as name and value."""
    trust, period = report.trust, report.period
    zone = ZoneInfo(period.timezone)
    synced, earlier = trust.last_successful_sync, period.compared_with
    of_portals = report.audit.audience is Audience.INTERNAL
    return [
        ("Range", f"{_days(report)}, {period.timezone}"),
        *([("Compared with", day_range(earlier.first_day, earlier.last_day))] if earlier is not None else []),
        ("Date basis", f"{period.date_basis_label} ({period.hubspot_property})"),
        *([("As of", clock_with_zone(period.as_of, zone))] if period.as_of is not None else []),
        *([("Portals", ", ".join(map(str, trust.portal_ids)) or "none")] if of_portals else []),
        ("Last sync", "not complete yet" if synced is None else clock_with_zone(synced, zone)),
        ("Freshness", as_words(trust.freshness)),
        ("Backfill", "complete" if trust.backfill_complete else "not complete"),
        *([("Filters", filters(trust, lifted=report.audit.include_filtered))] if of_portals else []),
        ("Source", trust.data_source),
    ]

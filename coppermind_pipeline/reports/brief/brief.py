"""The brief: the reports of a range, as a client may read them, on one page."""

from datetime import datetime

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.reports.brief.changed import what_changed
from coppermind_pipeline.reports.brief.models import Brief, BriefLoss, BriefMonth, BriefPeriod, BriefSource
from coppermind_pipeline.reports.brief.numbers import brief_numbers
from coppermind_pipeline.reports.brief.request import BriefRequest
from coppermind_pipeline.reports.figures.losses import NO_REASON_LABEL, Losses
from coppermind_pipeline.reports.figures.measures import DealSum, rate
from coppermind_pipeline.reports.leads.report import lead_report
from coppermind_pipeline.reports.models import PanoramicReport
from coppermind_pipeline.reports.report import crm_report
from coppermind_pipeline.store import Database
from coppermind_pipeline.wording import one_line

CAVEATS_MIN, CAVEATS_MAX = 2, 3
LABEL_CHARS_MAX = 40

# What is said where there is little to doubt.
_HOW_COUNTED = (
    "A deal counts on its close date in HubSpot.",
    "New contacts are people who are new in HubSpot, those that were imported among them.",
)


def brief(database: Database, *, mind: Mind, request: BriefRequest, now: datetime) -> Brief:
    """Return the brief of a mind from the reporting store; nothing is pulled.

    Args:
        now: aware; what is unfinished, and `this_quarter`, is judged by.

    Raises:
        ReportArgumentError: the range is empty, or fiscal years differ.
        ConnectorNotFound: the mind has no such connector.
    """
    report = crm_report(database, mind=mind, request=request.deals, now=now, panoramic=True)
    leads = lead_report(database, mind=mind, request=request.leads, now=now)
    earlier, before = report.period.compared_with, report.summary.compared_with
    assert isinstance(report, PanoramicReport) and earlier is not None and before is not None  # noqa: S101, PT018 - what was asked for
    doubts = report.in_plain_words
    filling = _HOW_COUNTED[: max(CAVEATS_MIN - len(doubts), 0)]
    return Brief(
        trust=report.trust,
        period=BriefPeriod(
            first_day=report.period.first_day,
            last_day=report.period.last_day,
            so_far=report.period.start <= now < report.period.end,
            timezone=report.period.timezone,
            compared_with=earlier,
        ),
        agency=request.agency,
        numbers=brief_numbers(report.summary, before, leads.summary),
        months=[
            BriefMonth(
                first_day=month.first_day,
                closed_won=None if month.figures is None else month.figures.closed_won,
                year_before=month.year_before.closed_won,
            )
            for month in report.panorama.months
        ],
        sources=[
            BriefSource(
                source=one_line(group.label, LABEL_CHARS_MAX),
                closed_won=group.closed_won,
                before=DealSum() if group.compared_with is None else group.compared_with.closed_won,
            )
            for group in report.groups
            if group.closed_won.deals or (group.compared_with and group.compared_with.closed_won.deals)
        ],
        changed=what_changed(
            database, mind=mind, period=report.period, connector_id=request.deals.connector_id, now=now
        ),
        losses=[] if report.losses is None else _losses(report.losses),
        caveats=[*doubts[:CAVEATS_MAX], *filling],
        further_caveats=len(doubts[CAVEATS_MAX:]),
        as_of=report.trust.last_successful_sync,
        generated_at=now,
        report=report,
    )


def _losses(losses: Losses) -> list[BriefLoss]:
    found = [
        BriefLoss(theme=one_line(theme.label, LABEL_CHARS_MAX), deals=theme.deals, share=theme.share)
        for theme in losses.themes
    ]
    if losses.without_reason:
        share = rate(losses.without_reason, losses.deals)
        found.append(BriefLoss(theme=NO_REASON_LABEL, deals=losses.without_reason, share=share))
    return found

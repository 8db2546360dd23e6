"""`memory action=lead_report`: made once, and cut to what there is room for."""

from collections.abc import Mapping
from typing import Any

from coppermind_pipeline.reports.actions.call import Call, fits
from coppermind_pipeline.reports.actions.formats import format_and_question, left_out_in
from coppermind_pipeline.reports.leads.fitting import fitting_lead_report
from coppermind_pipeline.reports.leads.models import LeadReport
from coppermind_pipeline.reports.leads.rendering import render_leads
from coppermind_pipeline.reports.leads.report import lead_report
from coppermind_pipeline.reports.leads.request import LeadRequest
from coppermind_pipeline.reports.models import RenderedReport
from coppermind_pipeline.reports.question.places import GroupPlace
from coppermind_pipeline.reports.rendering.formats import ReportFormat
from coppermind_pipeline.reports.sizing.cursors import Question
from coppermind_pipeline.tool_calls import Action

_GROUPS_MAX = 10


def _lead_report(call: Call, given: Mapping[str, Any]) -> LeadReport | RenderedReport:
    rendering, arguments = format_and_question(given)
    cursor = arguments.pop("cursor", None)
    request = LeadRequest.from_arguments(arguments)
    question = Question.of("lead_report", call.mind.id, request.model_dump())
    goes_on = question.goes_on(cursor, GroupPlace)
    limited = request.model_copy(update={"groups_max": min(request.groups_max, _GROUPS_MAX)})
    report = lead_report(call.database, mind=call.mind, request=limited, now=call.now, goes_on=goes_on)
    return fitting_lead_report(report, question, goes_on, made=lambda cut: _rendered(cut, rendering), fits=fits)


def _rendered(report: LeadReport, rendering: ReportFormat) -> LeadReport | RenderedReport:
    if rendering is ReportFormat.JSON:
        return report
    return RenderedReport(
        trust=report.trust,
        caveats=report.audit.caveats,
        left_out=left_out_in(rendering, report.audit.left_out),
        format=rendering.value,
        content=render_leads(report, rendering, alone=False),
    )


LEAD_REPORT = Action(_lead_report, takes=(*LeadRequest.model_fields, "cursor", "format"))

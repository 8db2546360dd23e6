"""`memory action=lead_report`: with as much of its groups as there is room for."""

from collections.abc import Mapping
from typing import Any

from coppermind_pipeline.reports.actions.call import Call, fits
from coppermind_pipeline.reports.actions.formats import format_and_question
from coppermind_pipeline.reports.leads.fitting import fitting_lead_report
from coppermind_pipeline.reports.leads.models import LeadReport
from coppermind_pipeline.reports.leads.rendering import render_leads
from coppermind_pipeline.reports.leads.request import LeadRequest
from coppermind_pipeline.reports.models import RenderedReport
from coppermind_pipeline.reports.rendering.formats import ReportFormat
from coppermind_pipeline.tool_calls import Action


def _lead_report(call: Call, given: Mapping[str, Any]) -> LeadReport | RenderedReport:
    rendering, question = format_and_question(given)
    request = LeadRequest.from_arguments(question)

    def answer(report: LeadReport) -> LeadReport | RenderedReport:
        if rendering is ReportFormat.JSON:
            return report
        content = render_leads(report, rendering, alone=False)
        return RenderedReport(trust=report.trust, caveats=report.audit.caveats, format=rendering.value, content=content)

    fitting = fitting_lead_report(
        call.database, mind=call.mind, request=request, now=call.now, fits=lambda report: fits(answer(report))
    )
    return answer(fitting)


LEAD_REPORT = Action(_lead_report, takes=(*LeadRequest.model_fields, "format"))

"""`memory action=crm_report`: made once, and cut to what there is room for."""

import asyncio
from collections.abc import Mapping
from typing import Any

from coppermind_pipeline.reports.actions.call import Call, fits
from coppermind_pipeline.reports.actions.formats import format_and_question, left_out_in
from coppermind_pipeline.reports.live import pull_stale
from coppermind_pipeline.reports.models import CrmReport, RenderedReport
from coppermind_pipeline.reports.question.places import DealPlace, GroupPlace
from coppermind_pipeline.reports.question.request import ReportRequest
from coppermind_pipeline.reports.rendering.formats import ReportFormat, render
from coppermind_pipeline.reports.report import crm_report
from coppermind_pipeline.reports.sizing.crm_report import fitting_crm_report
from coppermind_pipeline.reports.sizing.cursors import Question
from coppermind_pipeline.tool_calls import Action

_GROUPS_MAX = 10
# More never fit.
_ROWS_MAX = 50


async def _crm_report(call: Call, given: Mapping[str, Any]) -> CrmReport | RenderedReport:
    rendering, arguments = format_and_question(given)
    cursor = arguments.pop("cursor", None)
    request = ReportRequest.from_arguments(arguments)
    question = Question.of("crm_report", call.mind.id, request.model_dump())
    goes_on = question.goes_on(cursor, DealPlace, GroupPlace)
    limited = request.model_copy(
        update={
            "groups_max": min(request.groups_max, _GROUPS_MAX),
            "page_rows": min(request.page_rows, _ROWS_MAX),
        }
    )
    live_pull = await pull_stale(call.database, mind=call.mind, request=request, now=call.now, refresh=call.refresh)

    def answer() -> CrmReport | RenderedReport:
        report = crm_report(
            call.database, mind=call.mind, request=limited, now=call.now, live_pull=live_pull, goes_on=goes_on
        )
        return fitting_crm_report(report, question, goes_on, made=lambda cut: _rendered(cut, rendering), fits=fits)

    return await asyncio.to_thread(answer)


def _rendered(report: CrmReport, rendering: ReportFormat) -> CrmReport | RenderedReport:
    if rendering is ReportFormat.JSON:
        return report
    # Drawings and repeated caveats would leave no room for rows.
    return RenderedReport(
        trust=report.trust,
        caveats=report.audit.caveats,
        left_out=left_out_in(rendering, report.audit.left_out),
        format=rendering.value,
        content=render(report, rendering, alone=False),
    )


_TAKES = tuple(name for name in ReportRequest.model_fields if name != "page")

CRM_REPORT = Action(_crm_report, takes=(*_TAKES, "cursor", "format"))

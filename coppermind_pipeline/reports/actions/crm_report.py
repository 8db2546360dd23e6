"""`memory action=crm_report`: with as many groups and rows as there is room for."""

import asyncio
from collections.abc import Mapping
from typing import Any

from coppermind_pipeline.reports.actions.call import Call, fits
from coppermind_pipeline.reports.actions.formats import format_and_question
from coppermind_pipeline.reports.live import pull_stale
from coppermind_pipeline.reports.models import CrmReport, RenderedReport
from coppermind_pipeline.reports.question.request import ReportRequest
from coppermind_pipeline.reports.rendering.formats import ReportFormat, render
from coppermind_pipeline.reports.report import LivePull, crm_report
from coppermind_pipeline.tool_calls import Action

# Groups and rows of a report, the first that fits: names in a portal may be hundreds of characters long.
_LIMITS = ((10, 16), (10, 8), (5, 4), (3, 2), (1, 1))


async def _crm_report(call: Call, given: Mapping[str, Any]) -> CrmReport | RenderedReport:
    rendering, question = format_and_question(given)
    request = ReportRequest.from_arguments(question)
    live_pull = await pull_stale(call.database, mind=call.mind, request=request, now=call.now, refresh=call.refresh)
    return await asyncio.to_thread(_fitting, call, request, rendering, live_pull)


def _fitting(
    call: Call, request: ReportRequest, rendering: ReportFormat, live_pull: LivePull
) -> CrmReport | RenderedReport:
    """Return the report with as many groups and rows as fit; a smaller page begins with the same row."""

    def made(groups_max: int, page_rows_max: int) -> CrmReport | RenderedReport:
        limited = _limited(request, groups_max, page_rows_max)
        report = crm_report(call.database, mind=call.mind, request=limited, now=call.now, live_pull=live_pull)
        return _rendered(report, rendering)

    *larger, smallest = _LIMITS
    for limits in larger:
        answer = made(*limits)
        if fits(answer):
            return answer
    return made(*smallest)


def _limited(request: ReportRequest, groups_max: int, page_rows_max: int) -> ReportRequest:
    first_row = (request.page - 1) * request.page_rows
    page_rows = next(n for n in range(min(request.page_rows, page_rows_max), 0, -1) if first_row % n == 0)
    return request.model_copy(
        update={
            "groups_max": min(request.groups_max, groups_max),
            "page_rows": page_rows,
            "page": first_row // page_rows + 1,
        }
    )


def _rendered(report: CrmReport, rendering: ReportFormat) -> CrmReport | RenderedReport:
    if rendering is ReportFormat.JSON:
        return report
    # Drawings and repeated caveats would leave no room for rows.
    content = render(report, rendering, alone=False)
    return RenderedReport(trust=report.trust, caveats=report.audit.caveats, format=rendering.value, content=content)


CRM_REPORT = Action(_crm_report, takes=(*ReportRequest.model_fields, "format"))

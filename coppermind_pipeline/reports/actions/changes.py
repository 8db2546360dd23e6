"""`memory action=changes`: with as many of the deals on a page as there is room for."""

from collections.abc import Iterator, Mapping
from typing import Any

from coppermind_pipeline.reports.actions.call import Call, fits
from coppermind_pipeline.reports.actions.formats import format_and_question
from coppermind_pipeline.reports.changes.answer import changes
from coppermind_pipeline.reports.changes.models import Changes
from coppermind_pipeline.reports.changes.rendering import render_changes
from coppermind_pipeline.reports.changes.request import ChangesRequest
from coppermind_pipeline.reports.models import RenderedReport
from coppermind_pipeline.reports.rendering.formats import ReportFormat
from coppermind_pipeline.tool_calls import Action


def _changes(call: Call, given: Mapping[str, Any]) -> Changes | RenderedReport:
    rendering, question = format_and_question(given)
    request = ChangesRequest.from_arguments(question)
    found = changes(call.database, mind=call.mind, request=request, now=call.now)

    def answer(found: Changes) -> Changes | RenderedReport:
        if rendering is ReportFormat.JSON:
            return found
        content = render_changes(found, rendering, alone=False)
        return RenderedReport(trust=found.trust, caveats=found.audit.caveats, format=rendering.value, content=content)

    *larger, smallest = (answer(each) for each in _shorter(found))
    return next((each for each in larger if fits(each)), smallest)


def _shorter(found: Changes) -> Iterator[Changes]:
    """Yield the answer with ever smaller pages, each of which begins with the same deal; at last with fewer bridges."""
    deals = found.deals
    first = (deals.page - 1) * deals.page_rows
    for page_rows in range(min(deals.page_rows, _ROWS_MAX), 0, -1):
        if first % page_rows == 0:
            page = first // page_rows + 1
            smaller = {"rows": deals.rows[:page_rows], "page": page, "page_rows": page_rows,
                       "next_page": page + 1 if first + page_rows < deals.total else None}  # fmt: skip
            yield found.model_copy(update={"deals": deals.model_copy(update=smaller)})
    said = (
        f"Of {len(found.bridges)} currencies only the {_BRIDGES_MIN} with most open deals are told, for want of room."
    )
    audit = found.audit.model_copy(update={"caveats": [said, *found.audit.caveats]})
    fewer = {"bridges": found.bridges[:_BRIDGES_MIN], "audit": audit, "deals": deals.model_copy(update={"rows": []})}
    yield found.model_copy(update=fewer)


_ROWS_MAX = 20
_BRIDGES_MIN = 3

CHANGES = Action(_changes, takes=(*ChangesRequest.arguments(), "format"))

"""`memory action=explain`: with as many of the deals as there is room for."""

from collections.abc import Mapping
from typing import Any

from coppermind_pipeline.reports.actions.call import Call, fits
from coppermind_pipeline.reports.explain.explain import explain
from coppermind_pipeline.reports.explain.models import Explanation
from coppermind_pipeline.reports.explain.request import ExplainRequest
from coppermind_pipeline.tool_calls import Action


def _explain(call: Call, given: Mapping[str, Any]) -> Explanation:
    request = ExplainRequest.from_arguments(given)
    found = explain(call.database, mind=call.mind, request=request, now=call.now)
    while len(found.rows) > 1 and not fits(found):
        rows = found.rows[:-1]
        found = found.model_copy(update={"rows": rows, "next_cursor": str(int(request.cursor or 0) + len(rows))})
    return found


EXPLAIN = Action(_explain, takes=("figure", "cursor"), needs=("figure",))

"""`memory action=brief`: one page for a client."""

from collections.abc import Mapping
from typing import Any

from coppermind_pipeline.reports.actions.call import Call
from coppermind_pipeline.reports.brief.brief import brief
from coppermind_pipeline.reports.brief.models import Brief, RenderedBrief
from coppermind_pipeline.reports.brief.rendering import rendered_brief
from coppermind_pipeline.reports.brief.request import BRIEF_ARGUMENTS, BriefRequest
from coppermind_pipeline.tool_calls import Action


def _brief(call: Call, given: Mapping[str, Any]) -> Brief | RenderedBrief:
    request = BriefRequest.from_arguments(given)
    return rendered_brief(brief(call.database, mind=call.mind, request=request, now=call.now), request.format)


BRIEF = Action(_brief, takes=BRIEF_ARGUMENTS)

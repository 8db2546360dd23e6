"""`memory action=digest`: all minds of the caller's customer at a glance, as many as there is room for."""

from collections.abc import Mapping
from typing import Any

from coppermind_pipeline.reports.actions.call import Call, fits
from coppermind_pipeline.reports.digest.digest import digest, first_minds
from coppermind_pipeline.reports.digest.models import Digest, RenderedDigest
from coppermind_pipeline.reports.digest.rendering import rendered_digest
from coppermind_pipeline.reports.digest.request import DIGEST_ARGUMENTS, DigestRequest
from coppermind_pipeline.tool_calls import Action, ToolArgumentError


def _digest(call: Call, given: Mapping[str, Any]) -> Digest | RenderedDigest:
    request = DigestRequest.from_arguments(given, now=call.now)
    if call.caller is None:
        raise ToolArgumentError("A digest needs to know on whose behalf it is asked for.")
    whole = digest(call.database, call.caller, request=request, now=call.now, mind=call.about)
    for count in range(len(whole.minds), 1, -1):
        answer = rendered_digest(first_minds(whole, request, count), request.format)
        if fits(answer):
            return answer
    return rendered_digest(first_minds(whole, request, 1), request.format)


DIGEST = Action(_digest, takes=DIGEST_ARGUMENTS)

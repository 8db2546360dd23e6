"""The first page: all minds at a glance, the worst first."""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from coppermind_pipeline.interfaces.state_words import words_of_state
from coppermind_pipeline.interfaces.web.pages import page
from coppermind_pipeline.interfaces.web.sign_in import on_behalf_of
from coppermind_pipeline.reports import DigestRequest, deals_in_words, digest, synthesis_in_words


def show_digest(request: Request) -> Response:
    """GET /: the digest of the signed-in customer."""
    installation, caller = on_behalf_of(request)
    now = datetime.now(UTC)
    wanted = DigestRequest.from_arguments({"since": request.query_params.get("since") or None}, now=now)
    return page(
        request,
        "digest.html",
        digest=digest(installation.database, caller, request=wanted, now=now),
        words_of=words_of_state,
        deals_in_words=deals_in_words,
        synthesis_in_words=synthesis_in_words,
    )

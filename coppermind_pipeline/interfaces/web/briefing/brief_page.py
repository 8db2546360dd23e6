"""The brief as a page: a short form, and the sheet that is printed, which is all that is printed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from coppermind_pipeline.accounts import Mind, list_minds, resolve_mind
from coppermind_pipeline.errors import UsageError
from coppermind_pipeline.interfaces.web.pages import page
from coppermind_pipeline.interfaces.web.reports_page import PERIODS, no_mind_yet
from coppermind_pipeline.interfaces.web.sign_in import on_behalf_of
from coppermind_pipeline.reports import (
    Brief,
    BriefFormat,
    BriefRequest,
    CompareTo,
    brief,
    brief_fragment,
    brief_html,
    brief_markdown,
)

_FIELDS = ("period", "start", "end", "compare_to", "agency", "connector_id", "timezone", "format")
_FILES = {
    BriefFormat.HTML: ("html", "text/html", brief_html),
    BriefFormat.MARKDOWN: ("md", "text/markdown", brief_markdown),
}


@dataclass(frozen=True, slots=True)
class _Asked:
    """What an address asks for; empty fields of the form count as not given."""

    mind: str
    arguments: dict[str, str]

    @classmethod
    def of(cls, request: Request, minds: Sequence[Mind]) -> "_Asked":
        arguments = {name: value for name in _FIELDS if (value := request.query_params.get(name))}
        # A period that somebody chose says more than days that the form kept.
        if "period" in arguments:
            arguments = {name: value for name, value in arguments.items() if name not in {"start", "end"}}
        default = next((mind for mind in minds if mind.active), minds[0])
        return cls(request.query_params.get("mind") or default.name, arguments)

    def address(self, **changes: str) -> str:
        return f"/brief?{urlencode({'mind': self.mind, **self.arguments, **changes})}"


def show_brief(request: Request) -> Response:
    """GET /brief: a mind's brief; with `format`, as a file of it."""
    installation, caller = on_behalf_of(request)
    minds = list_minds(installation.database, caller)
    if not minds:
        return no_mind_yet(request)
    asked = _Asked.of(request, minds)
    try:
        mind = resolve_mind(installation.database, caller, asked.mind)
        wanted = BriefRequest.from_arguments(asked.arguments)
        made = brief(installation.database, mind=mind, request=wanted, now=datetime.now(UTC))
    except UsageError as error:
        return _page(request, minds, asked, error=error)
    if wanted.format in _FILES:
        return _file(mind, made, wanted.format)
    return _page(request, minds, asked, made=made)


def _page(
    request: Request,
    minds: Sequence[Mind],
    asked: _Asked,
    *,
    made: Brief | None = None,
    error: UsageError | None = None,
) -> Response:
    return page(
        request,
        "brief.html",
        status=400 if error is not None else 200,
        error=error,
        brief=None if made is None else brief_fragment(made),
        minds=minds,
        asked=asked,
        periods=PERIODS,
        comparisons=CompareTo,
        files=[(format_.value, asked.address(format=format_.value)) for format_ in _FILES],
    )


def _file(mind: Mind, made: Brief, wanted: BriefFormat) -> Response:
    ending, media_type, rendered = _FILES[wanted]
    name = f"brief-{mind.slug}-{made.period.first_day}-{made.period.last_day}.{ending}"
    return Response(
        rendered(made), media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )

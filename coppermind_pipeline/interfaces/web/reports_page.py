"""The CRM report as a page: a form whose address is the report's, the report itself, and the same as files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from coppermind_pipeline.accounts import Mind, list_minds, resolve_mind
from coppermind_pipeline.errors import UsageError
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.web.pages import page
from coppermind_pipeline.interfaces.web.sign_in import on_behalf_of
from coppermind_pipeline.reports import (
    OUTCOMES,
    PAGE_ROWS_MAX,
    CompareTo,
    CrmReport,
    DateBasis,
    GroupBy,
    ReportFormat,
    ReportRequest,
    crm_report,
    html_fragment,
    render,
    title_of,
)

# The arguments of a report that its address may carry; those that the form has no field for stay as they are.
_FORM_FIELDS = ("period", "start", "end", "date_basis", "group_by", "outcome", "compare_to", "audience")
_OTHER_ARGUMENTS = ("connector_id", "as_of", "include_filtered", "timezone")

PERIODS = (
    *(
        f"{which}_{unit}"
        for unit in ("week", "month", "quarter", "year", "fiscal_quarter", "fiscal_year")
        for which in ("this", "last")
    ),
    "last_30_days",
    "last_90_days",
    "last_12_months",
)
_MEDIA_TYPES = {
    ReportFormat.CSV: ("csv", "text/csv"),
    ReportFormat.MARKDOWN: ("md", "text/markdown"),
    ReportFormat.JSON: ("json", "application/json"),
    ReportFormat.HTML: ("html", "text/html"),
}


@dataclass(frozen=True, slots=True)
class _Asked:
    """What an address asks for; empty fields of the form count as not given."""

    mind: str
    arguments: Mapping[str, str]
    page: str | None

    @classmethod
    def of(cls, request: Request, minds: Sequence[Mind]) -> "_Asked":
        query = request.query_params
        arguments = {name: query[name] for name in (*_FORM_FIELDS, *_OTHER_ARGUMENTS) if query.get(name)}
        # The page has a chart to show unless somebody chose otherwise.
        if "group_by" not in query:
            arguments["group_by"] = GroupBy.SOURCE
        # The form always sends a period; days that somebody typed say more.
        if "start" in arguments or "end" in arguments:
            arguments.pop("period", None)
        default = next((mind for mind in minds if mind.active), minds[0])
        return cls(query.get("mind") or default.name, arguments, query.get("page"))

    def request(self, **changes: object) -> ReportRequest:
        return ReportRequest.from_arguments({**self.arguments, "page": self.page, "detail": True, **changes})

    def address(self, **changes: object) -> str:
        """Return the address of the same report, but for the changes."""
        group_by = {"group_by": self.arguments.get("group_by", "")}
        return f"/reports?{urlencode({'mind': self.mind, **self.arguments, **group_by, **changes})}"


def show_report(request: Request) -> Response:
    """GET /reports: a mind's CRM report; with `format`, as a file of it."""
    installation, caller = on_behalf_of(request)
    minds = list_minds(installation.database, caller)
    if not minds:
        return no_mind_yet(request)
    asked = _Asked.of(request, minds)
    try:
        mind = resolve_mind(installation.database, caller, asked.mind)
        if request.query_params.get("format"):
            return _file(installation, mind, asked, request.query_params["format"])
        report = crm_report(installation.database, mind=mind, request=asked.request(), now=datetime.now(UTC),
                            panoramic=True)  # fmt: skip
    except UsageError as error:
        return _page(request, minds, asked, error=error)
    return _page(request, minds, asked, report=report)


def no_mind_yet(request: Request) -> Response:
    """Return the page that says how to come to something to report on."""
    return page(
        request,
        "message.html",
        title="There is nothing to report on yet",
        message="Have a client's mind created where you work with Coppermind, connect its HubSpot, and come back.",
    )


def _page(
    request: Request,
    minds: Sequence[Mind],
    asked: _Asked,
    *,
    report: CrmReport | None = None,
    error: UsageError | None = None,
) -> Response:
    deals = None if report is None else report.deals
    turned_to = 1 if deals is None else deals.page or 1
    return page(
        request,
        "report.html",
        status=400 if error is not None else 200,
        error=error,
        title=None if report is None else title_of(report),
        report=None if report is None else html_fragment(report),
        minds=minds,
        asked=asked,
        periods=PERIODS,
        date_bases=DateBasis,
        groups=GroupBy,
        comparisons=CompareTo,
        outcomes=OUTCOMES,
        other_arguments=[(name, asked.arguments[name]) for name in _OTHER_ARGUMENTS if name in asked.arguments],
        files=[(format_.value, asked.address(format=format_.value)) for format_ in _MEDIA_TYPES],
        file_rows_max=PAGE_ROWS_MAX if deals is not None and deals.total > PAGE_ROWS_MAX else None,
        earlier=asked.address(page=turned_to - 1) if turned_to > 1 else None,
        later=asked.address(page=deals.next_page) if deals is not None and deals.next_page is not None else None,
    )


def _file(installation: Installation, mind: Mind, asked: _Asked, wanted: str) -> Response:
    try:
        format_ = ReportFormat(wanted)
    except ValueError:
        raise UsageError(f"There is no format {wanted!r}.", hint=f"Formats: {', '.join(ReportFormat)}.") from None
    whole = asked.request(page=1, page_rows=PAGE_ROWS_MAX)
    report = crm_report(installation.database, mind=mind, request=whole, now=datetime.now(UTC),
                        panoramic=format_ is ReportFormat.HTML)  # fmt: skip
    ending, media_type = _MEDIA_TYPES[format_]
    name = f"crm-report-{mind.slug}-{report.period.first_day}-{report.period.last_day}.{ending}"
    return Response(
        render(report, format_),
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )

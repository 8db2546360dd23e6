"""The `memory` tool: search, get, list and the CRM report, each answer behind its trust block and under 20 KB."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from coppermind_pipeline import memories
from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.memories import Audience, Memory, Sensitivity, UnknownMemory
from coppermind_pipeline.reports.account.answer import account
from coppermind_pipeline.reports.account.fitting import fitting
from coppermind_pipeline.reports.account.models import Account, RenderedAccount
from coppermind_pipeline.reports.account.rendering import rendered_account
from coppermind_pipeline.reports.account.request import ACCOUNT_ARGUMENTS, AccountRequest
from coppermind_pipeline.reports.catalogue import ListedMetrics, listed_metrics
from coppermind_pipeline.reports.leads.fitting import fitting_lead_report
from coppermind_pipeline.reports.leads.models import LeadReport
from coppermind_pipeline.reports.leads.rendering import render_leads
from coppermind_pipeline.reports.leads.request import LeadRequest
from coppermind_pipeline.reports.live import Refresh, pull_stale
from coppermind_pipeline.reports.models import CrmReport, FoundMemories, ListedMemories, OneMemory, RenderedReport
from coppermind_pipeline.reports.question.request import ReportRequest
from coppermind_pipeline.reports.rendering.formats import ReportFormat, render
from coppermind_pipeline.reports.report import LivePull, crm_report
from coppermind_pipeline.reports.trust.block import TrustBlock, trust_block
from coppermind_pipeline.store import Database
from coppermind_pipeline.tool_calls import Action, ToolArgumentError, find_action

ANSWER_BYTES_MAX = 20_000

# Groups and rows of a report, the first that fits: names in a portal may be hundreds of characters long.
_REPORT_LIMITS = ((10, 16), (10, 8), (5, 4), (3, 2), (1, 1))

MemoryAnswer = (
    FoundMemories
    | OneMemory
    | ListedMemories
    | CrmReport
    | RenderedReport
    | ListedMetrics
    | Account
    | RenderedAccount
    | LeadReport
)


class MemoryAction(StrEnum):
    """What the tool can be asked for."""

    SEARCH = "search"
    GET = "get"
    LIST = "list"
    CRM_REPORT = "crm_report"
    LEAD_REPORT = "lead_report"
    METRICS = "metrics"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """Where and when a call is answered."""

    database: Database
    mind: Mind
    now: datetime
    refresh: Refresh | None


async def memory_tool(
    database: Database,
    *,
    mind: Mind,
    action: str,
    now: datetime,
    refresh: Refresh | None = None,
    **arguments: Any,
) -> MemoryAnswer:
    """Answer one call of the `memory` tool: of less than 20 KB as JSON, whose first key is `trust`.

    Actions and their arguments, of which None counts as not given:
        search: `query`, `types`, `sensitivity`, `audience`, `connector_id`, `limit`, `include_superseded`,
            `period_key`, `company`, `outcome`, `since`, `until`.
        get: `memory_id` or `source_ref`, `audience`.
        list: those of search but `query`, and `before`.
        crm_report: those of `ReportRequest`, and `format`; at most ten groups, the rest added up as `other`, and rows
            by pages. Formats other than json come as the text `content`.
        lead_report: those of `LeadRequest`, and `format`; at most ten groups, months never left out.
        metrics: `metric` for one, or `after` for those that did not fit: how figures are counted.
        account: those of `AccountRequest`; who is known at one company, its deals and totals, lists by pages.

    Args:
        mind: whose memory it is; nothing of another can be in the answer.
        refresh: pulls the changed deals of one connector, for `live_fallback`.

    Raises:
        ToolArgumentError: no such action, or an argument that it does not take.
        UsageError: of the action, where an argument can't be used.
    """
    call = _Call(database=database, mind=mind, now=now, refresh=refresh)
    given = {name: value for name, value in arguments.items() if value is not None}
    found = find_action("memory", _ACTIONS, action, given)
    return await found.run(call, given)


def _search(call: _Call, given: Mapping[str, Any]) -> FoundMemories:
    found = memories.search(call.database, mind_id=call.mind.id, **given)
    answer = FoundMemories(
        trust=_trust(call, found.memories),
        memories=found.memories,
        more=found.more,
        ranked_max=found.ranked_max,
        did_you_mean=found.did_you_mean,
    )
    while _too_large(answer) and len(answer.memories) > 1:
        answer = answer.model_copy(update={"memories": answer.memories[:-1], "more": True})
    return answer


def _get(call: _Call, given: Mapping[str, Any]) -> OneMemory:
    audience = given.get("audience")
    if audience is not None and audience not in set(Audience):
        raise ToolArgumentError(f"audience takes {', '.join(Audience)}; not {audience!r}.")
    wanted = {name: value for name, value in given.items() if name != "audience"}
    memory = memories.get(call.database, mind_id=call.mind.id, **wanted)
    if audience == Audience.CLIENT and memory.sensitivity is not Sensitivity.OPEN:
        raise UnknownMemory("This memory is not for a client's eyes.", hint="Leave audience out for internal use.")
    return OneMemory(trust=_trust(call, [memory]), memory=memory)


def _list(call: _Call, given: Mapping[str, Any]) -> ListedMemories:
    """Return the page; the one after begins with what did not fit into the answer."""
    listed = memories.list_memories(call.database, mind_id=call.mind.id, **given)
    answer = ListedMemories(
        trust=_trust(call, listed.memories), memories=listed.memories, next_before=listed.next_before
    )
    while _too_large(answer) and len(answer.memories) > 1:
        kept = answer.memories[:-1]
        answer = answer.model_copy(update={"memories": kept, "next_before": kept[-1].id})
    return answer


def _trust(call: _Call, found: Collection[Memory]) -> TrustBlock:
    """Return the trust block for the connectors of the memories; of all, where there is none to speak of."""
    connector_ids = {memory.provenance.connector_id for memory in found} or None
    with call.database.mind(call.mind.id) as connection:
        return trust_block(connection, mind=call.mind, now=call.now, connector_ids=connector_ids)


async def _crm_report(call: _Call, given: Mapping[str, Any]) -> CrmReport | RenderedReport:
    rendering = _format(given.get("format", ReportFormat.JSON))
    request = ReportRequest.from_arguments({name: value for name, value in given.items() if name != "format"})
    live_pull = await pull_stale(call.database, mind=call.mind, request=request, now=call.now, refresh=call.refresh)
    return await asyncio.to_thread(_fitting_report, call, request, rendering, live_pull)


def _fitting_report(
    call: _Call, request: ReportRequest, rendering: ReportFormat, live_pull: LivePull
) -> CrmReport | RenderedReport:
    """Return the report with as many groups and rows as fit; a smaller page begins with the same row."""

    def made(groups_max: int, page_rows_max: int) -> CrmReport | RenderedReport:
        limited = _limited(request, groups_max, page_rows_max)
        report = crm_report(call.database, mind=call.mind, request=limited, now=call.now, live_pull=live_pull)
        return _rendered(report, rendering)

    *larger, smallest = _REPORT_LIMITS
    for limits in larger:
        answer = made(*limits)
        if not _too_large(answer):
            return answer
    return made(*smallest)


def _lead_report(call: _Call, given: Mapping[str, Any]) -> LeadReport | RenderedReport:
    rendering = _format(given.get("format", ReportFormat.JSON))
    request = LeadRequest.from_arguments({name: value for name, value in given.items() if name != "format"})

    def answer(report: LeadReport) -> LeadReport | RenderedReport:
        if rendering is ReportFormat.JSON:
            return report
        content = render_leads(report, rendering, alone=False)
        return RenderedReport(trust=report.trust, caveats=report.audit.caveats, format=rendering.value, content=content)

    fitting = fitting_lead_report(
        call.database, mind=call.mind, request=request, now=call.now, fits=lambda report: not _too_large(answer(report))
    )
    return answer(fitting)


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


def _metrics(call: _Call, given: Mapping[str, Any]) -> ListedMetrics:
    return listed_metrics(_trust(call, ()), fits=lambda answer: not _too_large(answer), **given)


def _account(call: _Call, given: Mapping[str, Any]) -> Account | RenderedAccount:
    request = AccountRequest.from_arguments(given)
    found = account(call.database, mind=call.mind, request=request, now=call.now)
    return fitting(
        found,
        request,
        made=lambda each: rendered_account(each, request.format),
        bytes_max=ANSWER_BYTES_MAX - 1,
    )


def _format(value: Any) -> ReportFormat:
    try:
        return ReportFormat(value)
    except ValueError:
        raise ToolArgumentError(f"format takes {', '.join(ReportFormat)}; not {value!r}.") from None


def _too_large(answer: MemoryAnswer) -> bool:
    return len(answer.model_dump_json().encode()) >= ANSWER_BYTES_MAX


_SELECTION = (
    "types", "sensitivity", "audience", "connector_id", "limit", "include_superseded", "period_key", "company",
    "outcome", "since", "until",
)  # fmt: skip

_ACTIONS: Mapping[str, Action] = {
    MemoryAction.SEARCH: Action(_search, takes=("query", *_SELECTION), needs=("query",)),
    MemoryAction.GET: Action(_get, takes=("memory_id", "source_ref", "audience")),
    MemoryAction.LIST: Action(_list, takes=(*_SELECTION, "before")),
    MemoryAction.CRM_REPORT: Action(_crm_report, takes=(*ReportRequest.model_fields, "format")),
    MemoryAction.LEAD_REPORT: Action(_lead_report, takes=(*LeadRequest.model_fields, "format")),
    MemoryAction.METRICS: Action(_metrics, takes=("metric", "after")),
    MemoryAction.ACCOUNT: Action(_account, takes=ACCOUNT_ARGUMENTS, needs=("company",)),
}

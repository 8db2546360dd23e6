"""The `memory` tool: search, get, list and the CRM report, each answer behind its trust block and under 20 KB."""

import asyncio
import difflib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson

from coppermind_pipeline import memories
from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.memories import Audience, Listed, Memory, Sensitivity, UnknownMemory
from coppermind_pipeline.reports.errors import MemoryArgumentError
from coppermind_pipeline.reports.live import Refresh, pull_stale
from coppermind_pipeline.reports.models import CrmReport
from coppermind_pipeline.reports.rendering import ReportFormat, render
from coppermind_pipeline.reports.report import NO_LIVE_PULL, LivePull, crm_report
from coppermind_pipeline.reports.request import ReportRequest
from coppermind_pipeline.reports.trust import trust_block
from coppermind_pipeline.store import Database

ANSWER_BYTES_MAX = 20_000

# Groups and rows of a report, the first that fits: names in a portal may be hundreds of characters long.
_REPORT_LIMITS = ((10, 16), (10, 8), (5, 4), (3, 2), (1, 1))

Answer = dict[str, Any]


class MemoryAction(StrEnum):
    """What the tool can be asked for."""

    SEARCH = "search"
    GET = "get"
    LIST = "list"
    CRM_REPORT = "crm_report"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """Where and when a call is answered."""

    database: Database
    mind: Mind
    now: datetime


async def memory_tool(
    database: Database,
    *,
    mind: Mind,
    action: str,
    now: datetime,
    refresh: Refresh | None = None,
    **arguments: Any,
) -> Answer:
    """Answer one call of the `memory` tool: JSON of less than 20 KB, whose first key is `trust`.

    Actions and their arguments, of which None counts as not given:
        search: `query`, `types`, `sensitivity`, `audience`, `connector_id`, `limit`, `include_superseded`,
            `period_key`.
        get: `memory_id` or `source_ref`, `audience`.
        list: those of search but `query`, and `before`.
        crm_report: those of `ReportRequest`, and `format`; at most ten groups, the rest added up as `other`, and rows
            by pages. Formats other than json come as the text `content`.

    Args:
        mind: whose memory it is; nothing of another can be in the answer.
        refresh: pulls the changed deals of one connector, for `live_fallback`.

    Raises:
        MemoryArgumentError: no such action, or an argument that it does not take.
        UsageError: of the action, where an argument can't be used.
    """
    call = _Call(database=database, mind=mind, now=now)
    given = {name: value for name, value in arguments.items() if value is not None}
    if action == MemoryAction.CRM_REPORT:
        return await _crm_report(call, given, refresh)
    known = _ACTIONS.get(action)
    if known is None:
        nearest = difflib.get_close_matches(action, MemoryAction, n=1)
        raise MemoryArgumentError(
            f"memory has no action {action!r}.",
            hint=f"Did you mean {nearest[0]}?" if nearest else f"Its actions are {', '.join(MemoryAction)}.",
        )
    answer, takes = known
    for name in sorted(given.keys() - takes):
        raise MemoryArgumentError(f"{action} takes no {name!r}.", hint=f"It takes {', '.join(takes)}.")
    return await asyncio.to_thread(answer, call, given)


def _search(call: _Call, given: Mapping[str, Any]) -> Answer:
    if "query" not in given:
        raise MemoryArgumentError("search needs a query.", hint="action=list shows the newest memories without one.")
    found = memories.search(call.database, mind_id=call.mind.id, **given)
    return _within(_answered(call, found.memories) | {"more": found.more, "did_you_mean": found.did_you_mean})


def _get(call: _Call, given: Mapping[str, Any]) -> Answer:
    audience = given.get("audience")
    if audience is not None and audience not in set(Audience):
        raise MemoryArgumentError(f"audience takes {', '.join(Audience)}; not {audience!r}.")
    wanted = {name: value for name, value in given.items() if name != "audience"}
    memory = memories.get(call.database, mind_id=call.mind.id, **wanted)
    if audience == Audience.CLIENT and memory.sensitivity is not Sensitivity.OPEN:
        raise UnknownMemory("This memory is not for a client's eyes.", hint="Leave audience out for internal use.")
    trust = _trust(call, [memory])
    return {"trust": trust, "memory": memory.model_dump(mode="json")}


def _list(call: _Call, given: Mapping[str, Any]) -> Answer:
    listed: Listed = memories.list_memories(call.database, mind_id=call.mind.id, **given)
    return _within(_answered(call, listed.memories) | {"next_before": listed.next_before})


_SELECTION = ("types", "sensitivity", "audience", "connector_id", "limit", "include_superseded", "period_key")

_ACTIONS: Mapping[str, tuple[Callable[[_Call, Mapping[str, Any]], Answer], tuple[str, ...]]] = {
    MemoryAction.SEARCH: (_search, ("query", *_SELECTION)),
    MemoryAction.GET: (_get, ("memory_id", "source_ref", "audience")),
    MemoryAction.LIST: (_list, (*_SELECTION, "before")),
}


def _answered(call: _Call, found: Collection[Memory]) -> Answer:
    return {"trust": _trust(call, found), "memories": [memory.model_dump(mode="json") for memory in found]}


def _trust(call: _Call, found: Collection[Memory]) -> Answer:
    """Return the trust block for the connectors of the memories; of all, where there is none to speak of."""
    connector_ids = {memory.provenance.connector_id for memory in found} or None
    with call.database.mind(call.mind.id) as connection:
        block = trust_block(connection, mind=call.mind, now=call.now, connector_ids=connector_ids)
    return block.model_dump(mode="json")


def _within(answer: Answer) -> Answer:
    """Leave memories out at the end until the answer is small enough; the page after begins with them."""
    found: list[Answer] = answer["memories"]
    while len(found) > 1 and _size(answer) >= ANSWER_BYTES_MAX:
        found.pop()
        if "more" in answer:
            answer["more"] = True
        else:
            answer["next_before"] = found[-1]["id"]
    return answer


async def _crm_report(call: _Call, given: dict[str, Any], refresh: Refresh | None) -> Answer:
    rendering = _format(given.pop("format", ReportFormat.JSON))
    request = ReportRequest.from_arguments(given)
    live_pull = NO_LIVE_PULL
    if request.live_fallback and request.as_of is None:
        live_pull = await pull_stale(call.database, mind=call.mind, request=request, now=call.now, refresh=refresh)
    return await asyncio.to_thread(_fitting_report, call, request, rendering, live_pull)


def _fitting_report(call: _Call, request: ReportRequest, rendering: ReportFormat, live_pull: LivePull) -> Answer:
    """Return the report with as many groups and rows as fit; a smaller page begins with the same row."""
    answer: Answer = {}
    for groups_max, page_rows_max in _REPORT_LIMITS:
        limited = _limited(request, groups_max, page_rows_max)
        report = crm_report(call.database, mind=call.mind, request=limited, now=call.now, live_pull=live_pull)
        answer = _report_answer(report, rendering)
        if _size(answer) < ANSWER_BYTES_MAX:
            break
    return answer


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


def _report_answer(report: CrmReport, rendering: ReportFormat) -> Answer:
    if rendering is ReportFormat.JSON:
        return report.model_dump(mode="json")
    return {
        "trust": report.trust.model_dump(mode="json"),
        "caveats": report.audit.caveats,
        "format": rendering.value,
        # Drawings would leave no room for rows; the tables hold the same figures.
        "content": render(report, rendering, with_charts=False),
    }


def _format(value: Any) -> ReportFormat:
    try:
        return ReportFormat(value)
    except ValueError:
        raise MemoryArgumentError(f"format takes {', '.join(ReportFormat)}; not {value!r}.") from None


def _size(answer: Answer) -> int:
    return len(orjson.dumps(answer))

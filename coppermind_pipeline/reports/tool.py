"""The `memory` tool: its actions, each answer behind its trust block and under 20 KB."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from coppermind_pipeline.accounts import Caller, Mind
from coppermind_pipeline.reports.account.models import Account, RenderedAccount
from coppermind_pipeline.reports.actions.account import ACCOUNT
from coppermind_pipeline.reports.actions.brief import BRIEF
from coppermind_pipeline.reports.actions.call import Call
from coppermind_pipeline.reports.actions.changes import CHANGES
from coppermind_pipeline.reports.actions.crm_report import CRM_REPORT
from coppermind_pipeline.reports.actions.digest import DIGEST
from coppermind_pipeline.reports.actions.explain import EXPLAIN
from coppermind_pipeline.reports.actions.lead_report import LEAD_REPORT
from coppermind_pipeline.reports.actions.memories import GET, LIST, SEARCH
from coppermind_pipeline.reports.actions.metrics import METRICS
from coppermind_pipeline.reports.brief.models import Brief, RenderedBrief
from coppermind_pipeline.reports.catalogue import ListedMetrics
from coppermind_pipeline.reports.changes.models import Changes
from coppermind_pipeline.reports.digest.models import Digest, RenderedDigest
from coppermind_pipeline.reports.explain.models import Explanation
from coppermind_pipeline.reports.leads.models import LeadReport
from coppermind_pipeline.reports.live import Refresh
from coppermind_pipeline.reports.models import CrmReport, FoundMemories, ListedMemories, OneMemory, RenderedReport
from coppermind_pipeline.store import Database
from coppermind_pipeline.tool_calls import Action, find_action

MEMORY_ACTIONS: Mapping[str, Action] = {
    "search": SEARCH,
    "get": GET,
    "list": LIST,
    "crm_report": CRM_REPORT,
    "lead_report": LEAD_REPORT,
    "account": ACCOUNT,
    "brief": BRIEF,
    "changes": CHANGES,
    "digest": DIGEST,
    "explain": EXPLAIN,
    "metrics": METRICS,
}

# Those that need no mind: they are about all of the caller's.
OF_ALL_MINDS = frozenset({"digest"})

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
    | Brief
    | RenderedBrief
    | Changes
    | Digest
    | RenderedDigest
    | Explanation
)


async def memory_tool(
    database: Database,
    *,
    mind: Mind | None,
    caller: Caller | None = None,
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
        changes: those of `ChangesRequest`, and `format`; what changed in the open pipeline, the deals by pages.
        explain: `figure`, and `cursor` for more of the deals; where a number of an earlier CRM report comes from.
        account: those of `AccountRequest`; who is known at one company, its deals and totals, lists by pages.
        digest: `since`, `cursor`, `format`; all minds of the caller's customer, or the one mind, without a trust block.
        brief: those of `BriefRequest`; one page for a client, who is its reader whatever is asked.

    Args:
        mind: whose memory it is; nothing of another can be in the answer. None for a digest of all of the caller's.
        caller: on whose behalf; only actions `OF_ALL_MINDS` ask.
        refresh: pulls the changed deals of one connector, for `live_fallback`.

    Raises:
        ToolArgumentError: no such action, or an argument that it does not take.
        UsageError: of the action, where an argument can't be used.
    """
    call = Call(database=database, about=mind, caller=caller, now=now, refresh=refresh)
    given = {name: value for name, value in arguments.items() if value is not None}
    found = find_action("memory", MEMORY_ACTIONS, action, given)
    return await found.run(call, given)

"""The CRM report, the trust block that opens every answer of the memory, and the `memory` tool's function.

Reads the normalized store alone, in which every decision about a record is made already.
"""

from coppermind_pipeline.reports.account.models import Account, RenderedAccount
from coppermind_pipeline.reports.account.rendering import account_markdown
from coppermind_pipeline.reports.brief.brief import brief
from coppermind_pipeline.reports.brief.models import Brief, RenderedBrief
from coppermind_pipeline.reports.brief.rendering import brief_fragment, brief_html, brief_markdown
from coppermind_pipeline.reports.brief.request import BriefFormat, BriefRequest
from coppermind_pipeline.reports.catalogue import ListedMetrics
from coppermind_pipeline.reports.changes.answer import changes
from coppermind_pipeline.reports.changes.models import Changes
from coppermind_pipeline.reports.changes.rendering import render_changes
from coppermind_pipeline.reports.changes.request import ChangesRequest
from coppermind_pipeline.reports.changes.steps import LISTED as LISTED_CHANGES
from coppermind_pipeline.reports.digest.digest import digest
from coppermind_pipeline.reports.digest.models import Digest, MindDigest, RenderedDigest
from coppermind_pipeline.reports.digest.rendering import deals_in_words, digest_markdown, synthesis_in_words
from coppermind_pipeline.reports.digest.request import DigestRequest
from coppermind_pipeline.reports.errors import BeforeHistory, ReportArgumentError
from coppermind_pipeline.reports.explain.explain import explain
from coppermind_pipeline.reports.explain.models import Explanation
from coppermind_pipeline.reports.explain.rendering import explanation_markdown
from coppermind_pipeline.reports.explain.request import ExplainRequest
from coppermind_pipeline.reports.figures.measures import DealSum, Figures
from coppermind_pipeline.reports.leads.models import LeadReport
from coppermind_pipeline.reports.leads.rendering import render_leads
from coppermind_pipeline.reports.leads.report import lead_report
from coppermind_pipeline.reports.leads.request import LeadGroupBy, LeadRequest
from coppermind_pipeline.reports.live import Refresh, live_crm_report
from coppermind_pipeline.reports.models import (
    CrmReport,
    FoundMemories,
    ListedMemories,
    OneMemory,
    RenderedReport,
)
from coppermind_pipeline.reports.profile import PortalProfile, profile_portal
from coppermind_pipeline.reports.question.periods import CompareTo
from coppermind_pipeline.reports.question.request import OUTCOMES, PAGE_ROWS_MAX, DateBasis, GroupBy, ReportRequest
from coppermind_pipeline.reports.rendering.formats import ReportFormat, html_fragment, render
from coppermind_pipeline.reports.rendering.provenance import title_of
from coppermind_pipeline.reports.report import crm_report
from coppermind_pipeline.reports.sizing.cutting import LeftOut
from coppermind_pipeline.reports.sizing.groups import FIGURES_OF_GROUPS
from coppermind_pipeline.reports.tool import MEMORY_ACTIONS, OF_ALL_MINDS, MemoryAnswer, memory_tool
from coppermind_pipeline.reports.trust.block import RecordCounts, TrustBlock, trust_block

__all__ = [
    "FIGURES_OF_GROUPS",
    "LISTED_CHANGES",
    "MEMORY_ACTIONS",
    "OF_ALL_MINDS",
    "OUTCOMES",
    "PAGE_ROWS_MAX",
    "Account",
    "BeforeHistory",
    "Brief",
    "BriefFormat",
    "BriefRequest",
    "Changes",
    "ChangesRequest",
    "CompareTo",
    "CrmReport",
    "DateBasis",
    "DealSum",
    "Digest",
    "DigestRequest",
    "ExplainRequest",
    "Explanation",
    "Figures",
    "FoundMemories",
    "GroupBy",
    "LeadGroupBy",
    "LeadReport",
    "LeadRequest",
    "LeftOut",
    "ListedMemories",
    "ListedMetrics",
    "MemoryAnswer",
    "MindDigest",
    "OneMemory",
    "PortalProfile",
    "RecordCounts",
    "Refresh",
    "RenderedAccount",
    "RenderedBrief",
    "RenderedDigest",
    "RenderedReport",
    "ReportArgumentError",
    "ReportFormat",
    "ReportRequest",
    "TrustBlock",
    "account_markdown",
    "brief",
    "brief_fragment",
    "brief_html",
    "brief_markdown",
    "changes",
    "crm_report",
    "deals_in_words",
    "digest",
    "digest_markdown",
    "explain",
    "explanation_markdown",
    "html_fragment",
    "lead_report",
    "live_crm_report",
    "memory_tool",
    "profile_portal",
    "render",
    "render_changes",
    "render_leads",
    "synthesis_in_words",
    "title_of",
    "trust_block",
]

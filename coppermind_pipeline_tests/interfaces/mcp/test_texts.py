"""The text of an answer: every figure of the structured content is in it, and it is short."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from coppermind_pipeline.accounts import local_caller
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database
from coppermind_pipeline.wording import in_markdown, money, number, report_percent
from coppermind_pipeline_tests.interfaces.mcp.assistant import Assistant, in_process
from coppermind_pipeline_tests.reports.briefed import fill
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

_CHARS_OF_A_TOKEN = 4
_TOKENS_MAX = 2_500
_MEASURES = ("closed_won", "closed_lost", "open", "overdue", "pipeline_created")
_LEAD_STAGES = ("lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer")


@pytest.fixture
def portal(database: Database, local_customer: UUID, installation_home: Path) -> StoredPortal:
    """Deals of two currencies and four sources, and contacts on their way."""
    portal = StoredPortal.create(database, local_customer)
    fill(portal, currencies=("USD", "EUR"), sources=("ORGANIC_SEARCH", "PAID_SEARCH", "OFFLINE", "REFERRALS"))
    for place in range(40):
        stage = _LEAD_STAGES[place % 5]
        portal.contact(str(place + 1), created_at=NOW - timedelta(days=place), lifecycle_stage=stage,
                       stages_seen=[stage], source=("OFFLINE", "PAID_SEARCH")[place % 2])  # fmt: skip
    return portal


async def test_every_figure_of_a_report_is_in_its_text(database: Database, portal: StoredPortal):
    async with in_process(Installation(Settings.from_environment(), database), local_caller(database)) as assistant:
        for group_by in ("source", "owner", "month"):
            asked = {"action": "crm_report", "period": "2026", "group_by": group_by, "detail": True}
            report, text = await _both(assistant, **asked)
            assert report["groups"]
            for group in report["groups"]:
                _assert_within(text, group["label"], _of_deals(group))
            for row in report["deals"]["rows"]:
                assert in_markdown(row["name"]) in text
            assert report["audit"]["answer_id"] in text
            assert all(each["next_cursor"] in text for each in report["audit"]["left_out"] if each["next_cursor"])
        leads, text = await _both(assistant, action="lead_report", period="2026", group_by="source")
        for group in leads["groups"]:
            _assert_within(text, group["label"], _of_leads(group))
        changes, text = await _both(assistant, action="changes")
        for bridge in changes["bridges"]:
            assert all(_in_words(level) in text for level in (bridge["opening"], bridge["closing"], *bridge["steps"]))


async def test_a_quarter_by_source_takes_few_tokens(database: Database, portal: StoredPortal):
    async with in_process(Installation(Settings.from_environment(), database), local_caller(database)) as assistant:
        text = await assistant.read("memory", action="crm_report", period="2026-Q4", group_by="source")
    assert len(text) / _CHARS_OF_A_TOKEN < _TOKENS_MAX


async def _both(assistant: Assistant, **asked: Any) -> tuple[dict[str, Any], str]:
    """Return an answer and its text, which has the headline and the caveats."""
    answer, text = await assistant.both("memory", **asked)
    for sentence in (*answer["headline"], *answer["audit"]["caveats"]):
        assert in_markdown(sentence) in text
    return answer, text


def _assert_within(text: str, label: str, figures: Iterator[str]) -> None:
    """Check that each figure stands in a row of that label."""
    rows = "\n".join(line for line in text.splitlines() if line.startswith(f"| {in_markdown(label)} |"))
    for figure in figures:
        assert figure in rows, (label, figure)


def _of_deals(group: Mapping[str, Any]) -> Iterator[str]:
    """Yield the figures of a group as people read them; a long series of months leaves some out as data."""
    for deals, measure in ((group[name], name) for name in _MEASURES if name in group):
        yield number(deals["deals"])
        if deals.get("without_amount"):
            yield f"{measure.replace('_', ' ')} {number(deals['without_amount'])}"
        yield from _amounts(*deals["amounts"], *([deals["amount_home"]] if deals.get("amount_home") else []))
    yield from _amounts(*group.get("average_deal", ()), *group.get("weighted_pipeline", ()))
    if group.get("win_rate") is not None:
        yield report_percent(Decimal(group["win_rate"]))
    if group.get("median_days_to_close") is not None:
        yield number(group["median_days_to_close"])


def _of_leads(group: Mapping[str, Any]) -> Iterator[str]:
    yield from map(number, (group["new_contacts"], group["offline"], *group["entered"].values()))
    for reached in group["cohort"]["reached"].values():
        yield number(reached["contacts"])
        if reached["contacts"]:
            yield report_percent(Decimal(reached["rate"]))
    yield from (number(group[part][count]) for part in ("disqualified", "postponed", "stuck")
                for count in ("leads", "of"))  # fmt: skip
    yield from (number(step["median_days"]) for step in group["median_days"] if step["median_days"] is not None)


def _in_words(level: Mapping[str, Any]) -> str:
    return f"| {number(level['deals'])} |"


def _amounts(*amounts: Mapping[str, Any]) -> Iterator[str]:
    yield from (money(Decimal(amount["amount"]), amount["currency"]) for amount in amounts)

"""What a client may read: no format of any answer has a person, a single deal's name, a quoted reason or an id."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from coppermind_pipeline.accounts import Mind, MindKind
from coppermind_pipeline.reports import (
    ChangesRequest,
    DateBasis,
    GroupBy,
    LeadGroupBy,
    LeadRequest,
    ReportArgumentError,
    ReportFormat,
    ReportRequest,
    changes,
    crm_report,
    lead_report,
    memory_tool,
    render,
    render_changes,
    render_leads,
)
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.reports.changes.source import Version, append_version
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

_NOT_FOR_CLIENTS = {"owner", "loss_reason"}

# Ids are unlike any number of the answers, so that one that shows is seen.
_HUBS = (910000007, 910000008)
_HIDDEN = ("quor", "belphegor", "dana", "reyes", "okafor", "zebulon", "wombat", "cobalt", "70000000", "91000000",
           "hubspot.com", "acme-hubspot", "canary")  # fmt: skip


@pytest.fixture(params=[1, 2], ids=["one portal", "two portals"])
def canaries(request: pytest.FixtureRequest, database: Database, local_customer: UUID) -> Sequence[StoredPortal]:
    """Portals of one mind whose every name that a client is not to read is one of `_HIDDEN`; another mind has one."""
    portals = [StoredPortal.create(database, local_customer, hub_id=hub) for hub in _HUBS[: request.param]]
    other = StoredPortal.create(database, local_customer, mind="canary", hub_id=910000009)
    for portal in (*portals, other):
        _fill(portal)
    return portals


@pytest.fixture
def reader(canaries: Sequence[StoredPortal], local_customer: UUID) -> Mind:
    return Mind(id=canaries[0].mind_id, customer_id=local_customer, name="acme", slug="acme", kind=MindKind.CLIENT,
                company_info={})  # fmt: skip


def _fill(portal: StoredPortal) -> None:
    portal.company("700000001", name="Acme Steel", domain="acme.example", owner_id="11")
    portal.contact("700000002", name="Quorinda Belphegor", email="quor@acme.example", job_title="Chief Wombat",
                   owner_id="12", source="PAID_SEARCH", source_detail_1="Spring", lifecycle_stage="customer",
                   created_at=NOW - timedelta(days=9), properties={"associatedcompanyid": "700000001"})  # fmt: skip
    deals = (("won", "closedwon", None), ("lost", "closedlost", "Far too expensive for Zebulon"),
             ("lost", "closedlost", "Quibbles of Zebulon"), ("open", "contractsent", None))  # fmt: skip
    for number, (outcome, stage, reason) in enumerate(deals, start=3):
        deal = f"70000000{number}"
        portal.deal(deal, name="Operation Cobalt", outcome=outcome, stage_id=stage, close_at=NOW - timedelta(days=2),
                    closed_won_at=NOW - timedelta(days=2), entered_closed_won_at=NOW - timedelta(days=2),
                    created_at=NOW - timedelta(days=30), amount=1200 + number, currency="EUR", loss_reason=reason,
                    primary_company_id="700000001", owner_id="11", attributed_source="PAID_SEARCH")  # fmt: skip
        portal.link(deal, "companies", "700000001", primary=True)
        portal.link(deal, "contacts", "700000002", labels=("Decision maker",))
    portal.execute(
        "UPDATE connectors SET config = config || CAST(:config AS jsonb), last_error = CAST(:error AS jsonb)"
        " WHERE id = :connector",
        config='{"hubspot_excluded_email_domains": ["canary@wombat.example"]}',
        error='{"code": "x", "message": "Refused for quor@acme.example", "hint": ""}',
    )


def _shown(mind: Mind, answers: dict[str, str]) -> dict[str, list[str]]:
    """Return which hidden texts each answer shows, but for those that show none."""
    hidden = (*_HIDDEN, str(mind.id), str(mind.customer_id))
    found = {name: [each for each in hidden if each in text.lower()] for name, text in answers.items()}
    return {name: texts for name, texts in found.items() if texts}


def test_no_format_of_a_crm_report_shows_what_a_client_is_not_to_read(database: Database, reader: Mind):
    answers: dict[str, str] = {}
    for group_by in (None, *(each for each in GroupBy if each not in _NOT_FOR_CLIENTS)):
        for basis in (DateBasis.CLOSEDATE, DateBasis.ENTERED_CLOSED_WON):
            request = ReportRequest.from_arguments(
                {"audience": "client", "group_by": group_by, "date_basis": basis, "detail": True,
                 "compare_to": "previous_year", "live_fallback": True, "outcome": None}
            )  # fmt: skip
            made = crm_report(database, mind=reader, request=request, now=NOW, panoramic=True)
            answers |= {f"{group_by} by {basis} as {each}": render(made, each) for each in ReportFormat}
    assert _shown(reader, answers) == {}
    assert "acme steel" in answers["company by closedate as html"].lower()
    assert "another reason" in answers["loss_theme by closedate as json"].lower()
    assert "price" in answers["loss_theme by closedate as markdown"].lower()


def test_no_format_of_a_lead_report_does(database: Database, reader: Mind):
    answers: dict[str, str] = {}
    for group_by in (None, *(each for each in LeadGroupBy if each not in _NOT_FOR_CLIENTS)):
        request = LeadRequest.from_arguments({"audience": "client", "group_by": group_by})
        made = lead_report(database, mind=reader, request=request, now=NOW)
        answers |= {f"{group_by} as {each}": render_leads(made, each) for each in ReportFormat}
    assert _shown(reader, answers) == {}
    assert "Paid Search" in answers["source as markdown"]


@pytest.mark.parametrize("rendering", ["json", "markdown"])
async def test_nor_does_an_account(database: Database, reader: Mind, rendering: str):
    # What was asked for is said back, so it is asked for by what a client may read.
    for company in ("Acme Steel", "nobody"):
        answer = await memory_tool(database, mind=reader, action="account", now=NOW, company=company,
                                   audience="client", format=rendering)  # fmt: skip
        assert _shown(reader, {company: answer.model_dump_json()}) == {}


async def test_the_tools_answers_are_for_the_reader_that_was_named(database: Database, reader: Mind):
    for action in ("crm_report", "lead_report"):
        for format_ in ReportFormat:
            answer = await memory_tool(database, mind=reader, action=action, now=NOW, audience="client",
                                       format=format_)  # fmt: skip
            assert _shown(reader, {action: answer.model_dump_json()}) == {}
    inside = await memory_tool(database, mind=reader, action="crm_report", now=NOW, detail=True)
    assert "Operation Cobalt" in inside.model_dump_json()


@pytest.mark.parametrize("rendering", list(ReportFormat))
def test_nor_do_the_changes(
    database: Database, canaries: Sequence[StoredPortal], reader: Mind, rendering: ReportFormat
):
    for portal in canaries:
        portal.execute("UPDATE hubspot_backfills SET first_completed_at = :at WHERE connector_id = :connector",
                       at=NOW - timedelta(days=30))  # fmt: skip
        for days, amount in ((40, "1200"), (3, "1300")):
            said = {"dealname": "Operation Cobalt", "pipeline": "default", "dealstage": "contractsent",
                    "amount": amount, "deal_currency_code": "EUR", "hubspot_owner_id": "11"}  # fmt: skip
            append_version(portal, "700000006", Version(NOW - timedelta(days=days), said))
    request = ChangesRequest.from_arguments({"audience": "client"})
    made = changes(database, mind=reader, request=request, now=NOW)
    assert [row.step for row in made.deals.rows] == ["amount_up"] * len(canaries)
    assert _shown(reader, {"changes": render_changes(made, rendering)}) == {}


def test_totals_are_the_same_for_every_reader(database: Database, reader: Mind):
    def made(**arguments: Any) -> dict[str, Any]:
        asked = ReportRequest.from_arguments({"group_by": "source", **arguments})
        return crm_report(database, mind=reader, request=asked, now=NOW).model_dump(mode="json")

    ours, theirs = made(), made(audience="client")
    for answer in (ours, theirs):
        answer["summary"]["top_deals"] = []
    assert theirs["summary"] == ours["summary"]
    assert theirs["losses"]["deals"] == ours["losses"]["deals"]
    labels = [group["label"] for group in theirs["groups"]]
    assert len(set(labels)) == len(labels) == len(ours["groups"])


@pytest.mark.parametrize("group_by", sorted(_NOT_FOR_CLIENTS))
def test_what_is_of_people_alone_is_refused(group_by: str):
    with pytest.raises(ReportArgumentError, match="not for a client; group by"):
        ReportRequest.from_arguments({"audience": "client", "group_by": group_by})
    if group_by in set(LeadGroupBy):
        with pytest.raises(ReportArgumentError, match="not for a client; group by"):
            LeadRequest.from_arguments({"audience": "client", "group_by": group_by})
    with pytest.raises(ReportArgumentError, match="audience"):
        ReportRequest.from_arguments({"audience": "board"})

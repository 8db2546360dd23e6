"""The brief: figures of the reports that it is made of, for a client, and nobody else's."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.metrics import METRICS
from coppermind_pipeline.reports import (
    Brief,
    BriefRequest,
    ChangesRequest,
    LeadRequest,
    ReportArgumentError,
    ReportRequest,
    brief,
    brief_html,
    brief_markdown,
    changes,
    crm_report,
    lead_report,
    memory_tool,
)
from coppermind_pipeline.store import Database
from coppermind_pipeline.tool_calls import ToolArgumentError
from coppermind_pipeline_tests.reports.briefed import fill, follow
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal


def _brief(database: Database, mind: Mind, **arguments: Any) -> Brief:
    return brief(database, mind=mind, request=BriefRequest.from_arguments(arguments), now=NOW)


def test_its_figures_are_those_of_the_reports(database: Database, portal: StoredPortal, mind: Mind):
    fill(portal)
    made = _brief(database, mind, period="last_quarter")
    asked = {"period": "last_quarter", "compare_to": "previous_period", "audience": "client"}
    of_deals = ReportRequest.from_arguments(asked | {"group_by": "source", "groups_max": 5})
    deals = crm_report(database, mind=mind, request=of_deals, now=NOW)
    leads = lead_report(database, mind=mind, now=NOW, request=LeadRequest.from_arguments(asked))
    numbers = {each.metric: each.values[0] for each in made.numbers}
    before = deals.summary.compared_with
    assert before is not None
    assert numbers["closed_won.deals"].now == str(deals.summary.closed_won.deals)
    assert numbers["closed_won.deals"].before == str(before.closed_won.deals)
    assert numbers[None].now == str(leads.summary.new_contacts)
    assert sum(each.closed_won.deals for each in made.sources) == deals.summary.closed_won.deals
    assert sum(each.before.deals for each in made.sources) == before.closed_won.deals
    assert deals.losses is not None
    assert sum(each.deals for each in made.losses) == deals.losses.deals
    assert 5 <= len(made.numbers) <= 8
    assert {each.metric for each in made.numbers} - {None} <= METRICS.keys()
    assert all(value.before for each in made.numbers for value in each.values)
    assert 2 <= len(made.caveats) <= 3


@pytest.mark.parametrize("format_", ["json", "markdown", "html"])
async def test_it_is_for_the_client_and_of_the_client_alone(
    database: Database, portal: StoredPortal, mind: Mind, local_customer: UUID, format_: str
):
    fill(portal, name="Operation Cobalt", owner_id="11")
    portal.contact("700000002", name="Quorinda Belphegor", created_at=NOW - timedelta(days=3), owner_id="12")
    other = StoredPortal.create(database, local_customer, mind="canary", hub_id=910000009)
    fill(other, name="Canary deal", currencies=("JPY",), sources=("CANARY",))
    made = await memory_tool(database, mind=mind, action="brief", now=NOW, format=format_, agency="Northwind <Growth>")
    shown = made.model_dump_json()
    hidden = ("cobalt", "quor", "belphegor", "dana", "reyes", "okafor", "canary", "acme-hubspot", "portal 7", "jp",
              "hubspot.com", str(mind.id), str(mind.customer_id))  # fmt: skip
    assert [each for each in hidden if each in shown.lower()] == []
    assert "acme" in shown
    assert len(shown.encode()) < 20_000
    if format_ == "html":
        assert "Northwind &lt;Growth&gt;" in shown
        assert "<script" not in shown


def test_what_changed_is_that_of_the_changes_and_left_out_where_history_ends(
    database: Database, portal: StoredPortal, mind: Mind
):
    fill(portal)
    assert _brief(database, mind, period="this_year").changed is None
    follow(portal)
    made = _brief(database, mind, period="this_year")
    asked = ChangesRequest.from_arguments({"from": "2026-01-01", "timezone": "America/New_York"})
    bridges = changes(database, mind=mind, request=asked, now=NOW).bridges
    bridge = bridges[0]
    assert made.changed is not None
    assert (made.changed.currency, made.changed.other_currencies) == (bridge.currency, len(bridges) - 1)
    assert (made.changed.opening.amount, made.changed.closing.amount) == (bridge.opening.amount, bridge.closing.amount)
    assert made.changed.further_steps + len(made.changed.steps) == len(bridge.steps) == 7
    for rendered in (brief_markdown(made), brief_html(made), made.model_dump_json()):
        assert "Amount raised" in rendered
        assert "Canary" not in rendered
    assert _brief(database, mind, period="last_year").changed is None


def test_a_caveat_is_told_in_plain_words_and_what_is_left_out_is_counted(
    database: Database, portal: StoredPortal, mind: Mind
):
    assert _brief(database, mind, period="last_quarter").caveats[0] == "A deal counts on its close date in HubSpot."
    fill(portal, currencies=("USD", "EUR", "CHF"))
    portal.execute("UPDATE hubspot_polls SET last_succeeded_at = last_succeeded_at - interval '3 days'")
    made = _brief(database, mind, period="this_year")
    assert made.caveats[:2] == [
        "HubSpot was last read on 15 November 2026; what happened since is not in the figures.",
        "The period is not over yet: it is compared with as many days of the earlier one.",
    ]
    assert made.further_caveats > 0
    for rendered in (brief_markdown(made), brief_html(made)):
        assert "last read on 15 November 2026" in rendered
        assert f"{made.further_caveats} further caveat" in rendered


def test_a_portal_that_is_disconnected_is_not_told_as_being_read(database: Database, portal: StoredPortal, mind: Mind):
    portal.execute("UPDATE hubspot_backfills SET completed_at = NULL WHERE connector_id = :connector")
    again = "The history in HubSpot is being read again; figures may still change."
    assert again in _brief(database, mind, period="last_quarter").caveats
    portal.execute("UPDATE connectors SET status = 'inactive' WHERE id = :connector")
    said = _brief(database, mind, period="last_quarter").caveats
    assert "HubSpot is no longer connected; the figures stay as they were then." in said
    assert again not in said


async def test_a_wrong_call_is_named(database: Database, portal: StoredPortal, mind: Mind):
    arguments: dict[str, Any]
    for arguments, said in (({"format": "csv"}, "takes json, markdown, html"), ({"audience": "internal"}, "audience")):
        with pytest.raises(ToolArgumentError, match=said):
            await memory_tool(database, mind=mind, action="brief", now=NOW, **arguments)
    with pytest.raises(ReportArgumentError, match="is not a period"):
        await memory_tool(database, mind=mind, action="brief", now=NOW, period="someday")

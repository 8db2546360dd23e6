"""An explanation as the memory tool answers it: what it holds, what it refuses, and what it names."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from coppermind_pipeline.accounts import Mind, MindKind
from coppermind_pipeline.reports import BeforeHistory, ReportArgumentError, memory_tool
from coppermind_pipeline.reports.explain.answer_id import AnswerId
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.reports.changes.source import FOLLOWED_SINCE, Version, append_version, take_up
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

_READ = datetime(2026, 11, 2, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def followed(portal: StoredPortal) -> None:
    _follow(portal, FOLLOWED_SINCE)
    for number in range(20):
        _read(portal, str(number), _READ, amount=str(100 + number))
    take_up(portal)


def _follow(portal: StoredPortal, since: datetime) -> None:
    portal.execute("UPDATE hubspot_backfills SET first_completed_at = :at WHERE connector_id = :connector", at=since)


def _read(portal: StoredPortal, deal: str, at: datetime, **properties: str) -> None:
    said = {"pipeline": "default", "dealstage": "closedwon", "createdate": "2026-10-01T09:00:00Z",
            "closedate": "2026-11-01T15:00:00Z", "deal_currency_code": "USD", "dealname": "Ünïcödé " * 100,
            "hs_analytics_source": "PAID_SEARCH"} | properties  # fmt: skip
    append_version(portal, deal, Version(at, said))


async def _ask(portal: StoredPortal, mind: Mind, action: str, **arguments: Any) -> dict[str, Any]:
    made = await memory_tool(portal.database, mind=mind, action=action, now=NOW, **arguments)
    answer = made.model_dump(mode="json")
    assert len(orjson.dumps(answer)) < 20_000
    return answer


async def test_a_figure_leads_to_its_deals_page_by_page(portal: StoredPortal, mind: Mind) -> None:
    report = await _ask(portal, mind, "crm_report", group_by="source")
    figure = f"{report['audit']['answer_id']}#groups.0.closed_won.amounts"
    seen: list[str] = []
    told = page = await _ask(portal, mind, "explain", figure=figure)
    assert next(iter(told)) == "trust"
    seen += [row["amount"] for row in page["rows"]]
    while page["next_cursor"] is not None:
        page = await _ask(portal, mind, "explain", figure=figure, cursor=page["next_cursor"])
        seen += [row["amount"] for row in page["rows"]]
    assert seen == [f"{100 + number}.00" for number in range(20)]
    assert (told["total"], told["metric"]["id"]) == (20, "closed_won.amounts")
    assert told["definition"].startswith("What the deals that")
    assert told["value"] == report["groups"][0]["closed_won"]["amounts"] == told["value_today"]
    assert (told["same_today"], told["changed"], told["arguments"]) == (
        True, [], {"group_by": "source", "groups_max": 10},
    )  # fmt: skip
    assert all("/record/0-3/" in row["link"] for row in told["rows"])


@pytest.mark.parametrize("figure", ["closed_won", "pipeline_created", "overdue"])
async def test_a_month_leads_to_its_deals(portal: StoredPortal, mind: Mind, figure: str) -> None:
    report = await _ask(portal, mind, "crm_report", group_by="month")
    counts = {number: group[figure]["deals"] for number, group in enumerate(report["groups"])}
    for number, deals in counts.items():
        place = f"{report['audit']['answer_id']}#groups.{number}.{figure}.deals"
        explained = await _ask(portal, mind, "explain", figure=place)
        assert (explained["value"], explained["total"]) == (deals, deals)
        as_in_json = place.replace(f"groups.{number}", f"groups[{number}]")
        assert await _ask(portal, mind, "explain", figure=f" {as_in_json} ") == explained
    assert sum(counts.values()) == (0 if figure == "overdue" else 20)


async def test_a_theme_of_losses_leads_to_its_deals(portal: StoredPortal, mind: Mind) -> None:
    reasons = ["Too expensive", "Price", "Chose a competitor", "Lack of enthusiasm", "Lack of enthusiasm", "", "n/a"]
    for number, reason in enumerate(reasons):
        _read(portal, f"9{number}", _READ, dealstage="closedlost", amount=str(10 * number), closed_lost_reason=reason)
    take_up(portal)
    report = await _ask(portal, mind, "crm_report", groups_max=2)
    themes = {theme["theme"]: (number, theme) for number, theme in enumerate(report["losses"]["themes"])}
    assert {name: theme["deals"] for name, (_, theme) in themes.items()} == {
        "price": 2, "lack of enthusiasm": 2, "other": 1,
    }  # fmt: skip
    made_of = {"price": {"90", "91"}, "lack of enthusiasm": {"93", "94"}, "other": {"92"}}
    for name, (number, theme) in themes.items():
        for part in ("deals", "amounts", "without_amount"):
            figure = f"{report['audit']['answer_id']}#losses.themes.{number}.{part}"
            told = await _ask(portal, mind, "explain", figure=figure)
            assert (told["value"], told["same_today"]) == (theme[part], True)
            assert {row["deal_id"] for row in told["rows"]} == (set() if part == "without_amount" else made_of[name])
    number, theme = themes["price"]
    _read(portal, "99", NOW - timedelta(minutes=1), dealstage="closedlost", amount="10", closed_lost_reason="Price")
    take_up(portal)
    figure = f"{report['audit']['answer_id']}#losses.themes.{number}.deals"
    told = await _ask(portal, mind, "explain", figure=figure)
    assert (told["value"], told["value_today"], told["changed"]) == (2, 3, ["data"])
    with pytest.raises(ReportArgumentError, match="has no theme 9"):
        await _ask(portal, mind, "explain", figure=f"{report['audit']['answer_id']}#losses.themes.9.deals")


async def test_an_erasure_is_named_where_contacts_lend_deals_their_source(portal: StoredPortal, mind: Mind) -> None:
    report = await _ask(portal, mind, "crm_report", group_by="source")
    portal.contact("9", archived_at=NOW + timedelta(minutes=1), archived_reason="erased")
    answer_id = report["audit"]["answer_id"]
    of_group = await _ask(portal, mind, "explain", figure=f"{answer_id}#groups.0.win_rate")
    assert (of_group["same_today"], of_group["changed"]) == (False, ["erasure"])
    of_all = await _ask(portal, mind, "explain", figure=f"{answer_id}#summary.win_rate")
    assert (of_all["same_today"], of_all["changed"]) == (True, [])


async def test_what_waited_to_be_interpreted_is_not_in_it(portal: StoredPortal, mind: Mind) -> None:
    _read(portal, "99", NOW - timedelta(minutes=5), amount="7")
    report = await _ask(portal, mind, "crm_report")
    take_up(portal)
    told = await _ask(portal, mind, "explain", figure=f"{report['audit']['answer_id']}#summary.closed_won.deals")
    assert (told["value"], told["value_today"], told["changed"]) == (20, 21, ["data"])


async def test_before_a_first_complete_backfill_it_is_told_while_it_is_current(
    portal: StoredPortal, mind: Mind
) -> None:
    _follow(portal, NOW + timedelta(days=1))
    report = await _ask(portal, mind, "crm_report")
    figure = f"{report['audit']['answer_id']}#summary.closed_won.deals"
    assert (await _ask(portal, mind, "explain", figure=figure))["value"] == 20
    _read(portal, "99", NOW - timedelta(minutes=5), amount="7")
    take_up(portal)
    with pytest.raises(BeforeHistory):
        await _ask(portal, mind, "explain", figure=figure)


async def test_what_is_no_figure_of_this_mind_is_refused(
    database: Database, local_customer: UUID, portal: StoredPortal, mind: Mind
) -> None:
    report = await _ask(portal, mind, "crm_report", group_by="source")
    answer_id = report["audit"]["answer_id"]
    for figure, said in (
        ("nonsense", "No figure of a CRM report|no figure of an answer"),
        ("nonsense#summary.win_rate", "no figure of an answer"),
        (f"{answer_id[:-9]}#summary.win_rate", "no figure of an answer"),
        (f"{answer_id}#summary.win_rte", "No figure of a CRM report"),
        (f"{answer_id}#groups.7.win_rate", "no group 7"),
        (f"{answer_id}#summary.compared_with.win_rate", "no earlier range"),
        (f"{answer_id}#summary.compared_with.open.deals", "No figure of a CRM report"),
    ):
        with pytest.raises(ReportArgumentError, match=said):
            await _ask(portal, mind, "explain", figure=figure)
    with pytest.raises(ReportArgumentError, match="cursor"):
        await _ask(portal, mind, "explain", figure=f"{answer_id}#summary.win_rate", cursor="x")
    other = StoredPortal.create(database, local_customer, mind="globex", hub_id=8)
    theirs = Mind(id=other.mind_id, customer_id=local_customer, name="globex", slug="globex", kind=MindKind.CLIENT,
                  company_info={})  # fmt: skip
    with pytest.raises(ReportArgumentError, match="another mind"):
        await _ask(other, theirs, "explain", figure=f"{answer_id}#summary.win_rate")


async def test_of_an_answer_of_an_earlier_version_all_but_its_groups_is_told(portal: StoredPortal, mind: Mind) -> None:
    report = await _ask(portal, mind, "crm_report", group_by="source")
    made = AnswerId.read(report["audit"]["answer_id"])
    earlier = made.model_copy(update={"groups": None, "themes": None}).text
    assert (await _ask(portal, mind, "explain", figure=f"{earlier}#summary.closed_won.deals"))["value"] == 20
    for place in ("groups.0.win_rate", "losses.themes.0.deals"):
        with pytest.raises(ReportArgumentError, match="an earlier version made it"):
            await _ask(portal, mind, "explain", figure=f"{earlier}#{place}")


async def test_a_client_is_given_no_id(portal: StoredPortal, mind: Mind) -> None:
    assert (await _ask(portal, mind, "crm_report", audience="client"))["audit"]["answer_id"] is None

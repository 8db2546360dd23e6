"""The changes as the memory tool answers them: what they warn of, that they stay small, and in every format."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.reports import BeforeHistory, ReportArgumentError, memory_tool
from coppermind_pipeline.store import Database
from coppermind_pipeline.tool_calls import ToolArgumentError
from coppermind_pipeline_tests.reports.changes.source import FOLLOWED_SINCE, Version, append_version, take_up
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

_BEFORE = datetime(2026, 10, 20, tzinfo=UTC)
_WITHIN = datetime(2026, 11, 10, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def followed(portal: StoredPortal) -> None:
    _follow(portal, FOLLOWED_SINCE)


def _follow(portal: StoredPortal, since: datetime) -> None:
    portal.execute("UPDATE hubspot_backfills SET first_completed_at = :at WHERE connector_id = :connector", at=since)


def _read(portal: StoredPortal, deal: str, at: datetime, **properties: str) -> None:
    said = {"pipeline": "default", "dealstage": "contractsent", "createdate": "2026-09-01T09:00:00Z",
            "dealname": f"Deal {deal}", "deal_currency_code": "USD"} | properties  # fmt: skip
    append_version(portal, deal, Version(at, said))


async def _ask(portal: StoredPortal, mind: Mind, **arguments: Any) -> dict[str, Any]:
    made = await memory_tool(portal.database, mind=mind, action="changes", now=NOW, **arguments)
    answer = made.model_dump(mode="json")
    assert len(orjson.dumps(answer)) < 20_000
    return answer


async def test_an_answer_leads_from_the_opening_to_the_closing(portal: StoredPortal, mind: Mind) -> None:
    _read(portal, "1", _BEFORE, amount="100.50", closedate="2026-12-10T12:00:00Z")
    _read(portal, "1", _WITHIN, amount="130.50", closedate="2027-01-10T12:00:00Z")
    _read(portal, "2", _BEFORE, amount="70")
    _read(portal, "2", _WITHIN, amount="80", dealstage="closedwon", closedate="2026-11-09T15:00:00Z")
    _read(portal, "3", _WITHIN, createdate="2026-11-09T09:00:00Z")
    _read(portal, "4", _BEFORE, amount="5")
    _read(portal, "5", _WITHIN, amount="9", dealstage="closedwon", closedate="2026-11-08T15:00:00Z")
    take_up(portal)
    answer = await _ask(portal, mind)
    assert list(answer) == [
        "trust", "period", "audit", "headline", "bridges", "in_company_currency", "won", "pushed_out", "pulled_in",
        "closed_on_arrival", "deals",
    ]  # fmt: skip
    assert next(iter(answer["audit"])) == "caveats"
    assert answer["period"]["start"] == "2026-11-01T04:00:00Z"
    assert answer["period"]["period_end"] == "2027-01-01"
    (bridge,) = answer["bridges"]
    assert bridge["opening"] == {"deals": 3, "amount": "175.50", "without_amount": 0}
    assert [(step["effect"], step["step"], step["deals"], step["amount"]) for step in bridge["steps"]] == [
        ("+", "created", 1, "0.00"),
        ("+", "amount_up", 2, "40.00"),
        ("-", "won", 1, "80.00"),
    ]
    assert bridge["closing"] == {"deals": 3, "amount": "135.50", "without_amount": 1}
    assert answer["in_company_currency"]["opening"]["amount"] is None
    assert answer["pushed_out"]["deals"] == 1
    assert [(each["reason"], each["deals"]) for each in answer["won"]["differences"]] == [("closed_on_arrival", 1)]
    assert answer["won"]["in_report"]["deals"] == 2
    listed = [(row["step"], row["deal_id"], row["amount"]) for row in answer["deals"]["rows"]]
    assert listed == [
        ("created", "3", None), ("amount_up", "1", "30.00"), ("amount_up", "2", "10.00"), ("won", "2", "80.00"),
        ("pushed_out", "1", "130.50"), ("closed_on_arrival", "5", "9.00"),
    ]  # fmt: skip
    assert [caveat.split(" ", 5)[:5] for caveat in answer["audit"]["caveats"]] == [
        ["1", "of", "3", "open", "deals"],
        ["HubSpot", "had", "not", "converted", "every"],
    ]
    assert answer["headline"][0].startswith(
        "The open pipeline went from $175.50 in 3 deals to $135.50 in 3 deals (as read from 1 November 2026, 00:00"
    )
    unmoved = await _ask(portal, mind, **{"from": "2026-11-17", "to": "2026-11-18"})
    assert unmoved["headline"][0].startswith("The open pipeline stayed at $135.50 in 3 deals (as read from 17 November")


async def test_deals_come_by_pages_and_by_step(portal: StoredPortal, mind: Mind) -> None:
    for number in range(50):
        _read(portal, str(number), _WITHIN, amount=str(1_000 + number), dealname="Ünïcödé " * 100)
    take_up(portal)
    seen: list[str] = []
    page: int | None = 1
    while page is not None:
        deals = (await _ask(portal, mind, step="appeared", page=page, page_rows=4))["deals"]
        seen += [row["amount"] for row in deals["rows"]]
        assert deals["total"] == 50
        page = deals["next_page"]
    assert seen == [f"{1_000 + number}.00" for number in reversed(range(50))]
    assert (await _ask(portal, mind, step="won"))["deals"]["rows"] == []


async def test_the_range_is_named_as_people_do(portal: StoredPortal, mind: Mind) -> None:
    for written, start, end in (
        ({"from": "last month", "to": "last_month"}, "2026-10-01T04:00:00Z", "2026-11-01T04:00:00Z"),
        ({"from": "2026-11-02", "to": "yesterday"}, "2026-11-02T05:00:00Z", "2026-11-17T05:00:00Z"),
        ({"from": "Nov 2026", "to": "2026-11-05T08:00:00Z"}, "2026-11-01T04:00:00Z", "2026-11-05T08:00:00Z"),
        ({"from": "this_week", "to": "this year"}, "2026-11-16T05:00:00Z", "2026-11-18T12:00:00Z"),
    ):
        period = (await _ask(portal, mind, **written))["period"]
        assert (period["start"], period["end"]) == (start, end)


async def test_what_it_does_not_take_is_refused_by_name(portal: StoredPortal, mind: Mind) -> None:
    for asked, said in (
        ({"from": "soon"}, "from: 'soon' is no time"),
        ({"from": "2026-11-10", "to": "2026-11-10"}, "Nothing lies between"),
        ({"from": "2027-01-01"}, "Nothing lies between"),
        ({"pipeline": "Sales Pipelin"}, "There is no pipeline 'Sales Pipelin'"),
        ({"step": "wone"}, "step: 'wone' is none of created"),
        ({"period_end": "soon"}, "period_end: 'soon' is not a day"),
        ({"timezone": "Mars"}, "not a time zone"),
    ):
        with pytest.raises(ReportArgumentError, match=said):
            await _ask(portal, mind, **asked)
    with pytest.raises(ToolArgumentError, match="form"):
        await _ask(portal, mind, form="2026-11-10")
    with pytest.raises(ToolArgumentError, match="format"):
        await _ask(portal, mind, format="pdf")


async def test_before_everything_was_read_there_is_no_history(portal: StoredPortal, mind: Mind) -> None:
    with pytest.raises(BeforeHistory) as refused:
        await _ask(portal, mind, **{"from": (FOLLOWED_SINCE - timedelta(seconds=1)).isoformat()})
    assert f"from={FOLLOWED_SINCE.isoformat()}" in refused.value.hint
    _follow(portal, _WITHIN)
    answer = await _ask(portal, mind)  # nobody said since when
    assert answer["period"]["start"] == "2026-11-10T09:00:00Z"
    assert answer["audit"]["caveats"][0].startswith("The range starts on 10 November 2026, 04:00")
    portal.execute("UPDATE hubspot_backfills SET first_completed_at = NULL WHERE connector_id = :connector")
    with pytest.raises(BeforeHistory, match="not been read completely yet"):
        await _ask(portal, mind)


@pytest.mark.parametrize("format_", ["markdown", "csv", "html"])
async def test_every_format_holds_the_figures(portal: StoredPortal, mind: Mind, format_: str) -> None:
    _read(portal, "1", _BEFORE, amount="100", dealname="=1|2 < 3")
    _read(portal, "1", _WITHIN, amount="90", dealname="=1|2 < 3")
    take_up(portal)
    content = (await _ask(portal, mind, format=format_))["content"]
    match format_:
        case "csv":
            (row,) = csv.DictReader(io.StringIO(content.removeprefix("\ufeff")))
            assert (row["mind"], row["step"], row["name"], row["amount"]) == (
                "acme",
                "amount_down",
                "'=1|2 < 3",
                "10.00",
            )
        case "html":
            assert "=1|2 &lt; 3" in content
            assert "<td>\N{MINUS SIGN}$10</td>" in content
        case _:
            assert content.startswith(
                "# acme: what changed in the open pipeline, 1 November 2026 to 18 November 2026\n"
            )
            assert "| Amount lowered | 1 | \N{MINUS SIGN}$10 | 0 |" in content


async def test_a_credit_that_is_won_makes_the_pipeline_more(portal: StoredPortal, mind: Mind) -> None:
    _read(portal, "1", _BEFORE, amount="-50")
    _read(portal, "1", _WITHIN, amount="-50", dealstage="closedwon")
    _read(portal, "2", _WITHIN, amount="-20")
    take_up(portal)
    content = (await _ask(portal, mind, format="markdown"))["content"]
    assert "| Won | 1 | +$50 | 0 |" in content
    assert "| Created earlier, read for the first time | 1 | \N{MINUS SIGN}$20 | 0 |" in content


async def test_what_is_not_normalized_yet_counts_as_read(portal: StoredPortal, mind: Mind) -> None:
    _read(portal, "1", _BEFORE, amount="100")
    (bridge,) = (await _ask(portal, mind))["bridges"]
    assert (bridge["opening"]["deals"], bridge["closing"]["deals"]) == (1, 1)


async def test_nothing_of_another_mind_is_told(
    database: Database, local_customer: UUID, portal: StoredPortal, mind: Mind
) -> None:
    other = StoredPortal.create(database, local_customer, mind="globex", hub_id=8)
    _follow(other, FOLLOWED_SINCE)
    _read(other, "1", _BEFORE, amount="100", dealname="Canary")
    _read(other, "1", _WITHIN, amount="90", dealname="Canary")
    take_up(other)
    answer = await _ask(portal, mind)
    assert answer["bridges"] == []
    assert "Canary" not in str(answer)

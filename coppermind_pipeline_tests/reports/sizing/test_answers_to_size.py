"""Answers stay under 20 KB by leaving parts out: what is left out is said, and its cursors lead to each part once."""

import csv
import io
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import orjson
import pytest

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.reports import ReportFormat, ReportRequest, crm_report, memory_tool, render
from coppermind_pipeline.reports.actions.call import fits
from coppermind_pipeline.reports.sizing.crm_report import fitting_crm_report
from coppermind_pipeline.reports.sizing.cursors import Question
from coppermind_pipeline.tool_calls import ToolArgumentError
from coppermind_pipeline.wording import cut
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

_YEAR = {"start": "2026-01-01", "end": "2027-01-01"}
_LONG = "Ünïcödé " * 60
_DEALS = 70


@pytest.fixture
def portal_of_everything(portal: StoredPortal, local_customer: UUID) -> StoredPortal:
    """Two portals of one mind, whose deals have long names, ties, three currencies, many owners and reasons."""
    other = StoredPortal.create(portal.database, local_customer, mind="acme", hub_id=8)
    random = Random(16)
    for number in range(_DEALS):
        of = random.choice((portal, portal, other))
        currency = random.choice(("USD", "EUR", "JPY"))
        amount = random.choice((None, 100, 100, random.randint(1, 9_999)))
        # Deals close at the same moment, so that only their ids tell them apart.
        closed = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=random.randint(0, 300) // 20 * 20)
        of.deal(str(number), name=f"{number} {_LONG}", outcome=random.choice(("won", "lost", "open")), close_at=closed,
                created_at=closed - timedelta(days=random.randint(1, 99)), amount=amount, currency=currency,
                amount_home=amount if currency == "USD" else None, owner_id=str(random.randint(0, 28)),
                loss_reason=f"{random.randint(0, 30)} {_LONG}")  # fmt: skip
        of.contact(str(number), created_at=closed, owner_id=str(random.randint(0, 28)), lifecycle_stage="lead",
                   region=f"{number % 25} {_LONG}", country_code="US")  # fmt: skip
    return portal


async def _ask(portal: StoredPortal, mind: Mind, action: str, **arguments: Any) -> dict[str, Any]:
    made = await memory_tool(portal.database, mind=mind, action=action, now=NOW, **arguments)
    answer = made.model_dump(mode="json")
    assert len(orjson.dumps(answer)) < 20_000
    return answer


async def _pages(
    portal: StoredPortal, mind: Mind, action: str, part: str, **arguments: Any
) -> AsyncIterator[dict[str, Any]]:
    """Go through all pages of one part, by the cursors that the answers name."""
    cursor = None
    while True:
        answer = await _ask(portal, mind, action, cursor=cursor, **arguments)
        yield answer
        cursors = [each["next_cursor"] for each in answer["audit"]["left_out"] if each["part"] == part]
        if not cursors:
            return
        (cursor,) = cursors


@pytest.mark.parametrize("group_by", ["owner", "month", "loss_reason", None])
async def test_each_group_comes_once_with_its_own_figures(
    portal_of_everything: StoredPortal, mind: Mind, group_by: str | None
) -> None:
    portal = portal_of_everything
    asked = {"group_by": group_by, "compare_to": "previous_year", "detail": True, **_YEAR}
    request = ReportRequest.from_arguments(asked)
    whole = crm_report(portal.database, mind=mind, request=request, now=NOW).model_dump(mode="json")
    # A key that is a whole text is cut like one.
    known = {(group["connector_id"], cut(group["key"], 160)): group for group in whole["groups"]}
    seen: list[tuple[str, str]] = []
    async for page in _pages(portal, mind, "crm_report", "groups", **asked):
        assert page["summary"]["closed_won"] == whole["summary"]["closed_won"]
        for caveat in page["audit"]["caveats"]:
            assert caveat in whole["audit"]["caveats"]
        for group in page["groups"]:
            if group["key"] == "other" and ("other" in group["label"].lower()):
                continue
            of = group["connector_id"], cut(group["key"], 160)
            seen.append(of)
            for name, told in group.items():
                if name not in {"key", "label", "top_deals"}:
                    assert told == known[of][name], (of, name)
    assert sorted(seen) == sorted(known)
    if group_by == "month":
        assert len(seen) > 12
    deals = {of: group["closed_won"]["deals"] for of, group in known.items()}
    assert group_by == "loss_reason" or sum(deals[of] for of in seen) == whole["summary"]["closed_won"]["deals"]


@pytest.mark.parametrize("audience", ["internal", "client"])
async def test_what_is_shown_of_groups_adds_up_and_is_the_answer_with_so_many_groups(
    portal_of_everything: StoredPortal, mind: Mind, audience: str
) -> None:
    portal = portal_of_everything
    asked = {"group_by": "company", "compare_to": "previous_year", "audience": audience, **_YEAR}
    if audience == "internal":
        asked |= {"group_by": "owner"}
    for number in range(60, 72):
        portal.company(str(number), name=_LONG)
        portal.deal(f"of {number}", outcome="won", close_at=datetime(2026, 3, 1, tzinfo=UTC), amount=number,
                    created_at=datetime(2026, 1, number - 50, tzinfo=UTC), primary_company_id=str(number))  # fmt: skip
    cut_answer = await _ask(portal, mind, "crm_report", **asked)
    others = [group for group in cut_answer["groups"] if group["key"] == "other"]
    own = len(cut_answer["groups"]) - len(others)
    assert own < 10, "the fixture is to be larger than an answer"
    request = ReportRequest.from_arguments({**asked, "groups_max": own})
    whole = crm_report(portal.database, mind=mind, request=request, now=NOW).model_dump(mode="json")
    for group, expected in zip(cut_answer["groups"], whole["groups"], strict=True):
        expected |= {name: cut(expected[name], 160) for name in ("label", "key")}
        # Names of largest deals are cut, too.
        told = group.keys() - {"top_deals"}
        assert {name: group[name] for name in told} == {name: expected[name] for name in told}
    for measure in ("closed_won", "closed_lost", "open", "pipeline_created", "overdue"):
        counted = sum(group[measure]["deals"] for group in cut_answer["groups"])
        assert counted == cut_answer["summary"][measure]["deals"], measure
    if audience == "internal":
        at = cut_answer["groups"].index(others[0])
        figure = f"{cut_answer['audit']['answer_id']}#groups.{at}.closed_won.deals"
        explained = await _ask(portal, mind, "explain", figure=figure)
        assert explained["value"] == explained["total"] == others[0]["closed_won"]["deals"]


def test_groups_that_are_added_up_are_no_names_that_are_cut(portal: StoredPortal, mind: Mind) -> None:
    for number in range(9):
        portal.deal(str(number), outcome="won", close_at=NOW, amount=number, currency="USD", owner_id=str(number))
    request = ReportRequest.from_arguments({"group_by": "owner"})
    whole = crm_report(portal.database, mind=mind, request=request, now=NOW)
    question = Question.of("crm_report", mind.id, request.model_dump())
    cut_report = fitting_crm_report(
        whole, question, None, made=lambda each: each, fits=lambda each: len(each.groups) < 4
    )
    assert [group.label for group in cut_report.groups][-1] == "Other (7)"
    assert {each.part for each in cut_report.audit.left_out} == {"groups", "groups.figures"}


@pytest.mark.parametrize("format_", ["json", "markdown"])
async def test_each_row_comes_once_and_in_order(portal_of_everything: StoredPortal, mind: Mind, format_: str) -> None:
    portal = portal_of_everything
    asked = {"detail": True, "outcome": "won,lost,open", "group_by": "owner", **_YEAR}
    request = ReportRequest.from_arguments({**asked, "page_rows": 1000})
    whole = crm_report(portal.database, mind=mind, request=request, now=NOW)
    assert whole.deals is not None
    if format_ == "markdown":
        answer = await _ask(portal, mind, "crm_report", format=format_, **asked)
        (rows,) = [each for each in answer["left_out"] if each["part"] == "deals"]
        assert "cursor" not in rows["said"]
        following = await _ask(portal, mind, "crm_report", format=format_, cursor=rows["next_cursor"], **asked)
        assert following["content"] != answer["content"]
        return
    seen: list[str] = []
    async for page in _pages(portal, mind, "crm_report", "deals", **asked):
        assert page["deals"]["total"] == len(whole.deals.rows)
        assert page["deals"]["next_cursor"] is None or page["deals"]["rows"] or not seen
        seen += [row["deal_id"] for row in page["deals"]["rows"]]
    assert seen == [row.deal_id for row in whole.deals.rows]


async def test_rows_that_come_and_go_move_no_others(portal: StoredPortal, mind: Mind) -> None:
    for number in range(9):
        portal.deal(str(number), outcome="won", close_at=NOW - timedelta(hours=number))
    asked = {"detail": True, "period": "this_year", "page_rows": 3}
    first = (await _ask(portal, mind, "crm_report", **asked))["deals"]
    portal.deal("new", outcome="won", close_at=NOW)
    second = (await _ask(portal, mind, "crm_report", cursor=first["next_cursor"], **asked))["deals"]
    assert [row["deal_id"] for row in (*first["rows"], *second["rows"])] == list("012345")


@pytest.mark.parametrize("group_by", ["region", "owner", None])
async def test_leads_come_once_by_group(portal_of_everything: StoredPortal, mind: Mind, group_by: str | None) -> None:
    portal, seen, counted, whole = portal_of_everything, [], 0, None
    async for page in _pages(portal, mind, "lead_report", "groups", group_by=group_by, **_YEAR):
        whole = page["summary"]["new_contacts"]
        if not seen:
            await _assert_adds_up(portal, mind, page)
        own = [group for group in page["groups"] if group["key"] != "other"]
        seen += [(group["connector_id"], group["key"]) for group in own]
        counted += sum(group["new_contacts"] for group in own)
        if len(page["groups"]) > len(own):
            assert [each["part"] for each in page["audit"]["left_out"]][-1] in {"groups", "names"}
    assert (len(set(seen)), counted) == (len(seen), whole)


async def _assert_adds_up(portal: StoredPortal, mind: Mind, page: dict[str, Any]) -> None:
    """All groups are the summary, and each leads to its contacts, those added up too."""
    assert sum(group["new_contacts"] for group in page["groups"]) == page["summary"]["new_contacts"]
    for number, group in enumerate(page["groups"][-2:], start=len(page["groups"]) - 2):
        figure = f"{page['audit']['answer_id']}#groups.{number}.new_contacts"
        explained = await _ask(portal, mind, "explain", figure=figure)
        assert explained["value"] == explained["total"] == group["new_contacts"]


async def test_twelve_years_of_months_are_all_there(portal: StoredPortal, mind: Mind) -> None:
    months = [datetime(2015 + month // 12, month % 12 + 1, 15, tzinfo=UTC) for month in range(143)]
    for number, at in enumerate(months):
        portal.deal(str(number), outcome="won", close_at=at, amount=number, currency="USD", amount_home=number)
        portal.contact(str(number), created_at=at, lifecycle_stage="lead")
    asked = {"group_by": "month", "start": "2015-01-01", "end": "2026-12-01"}
    made = await _ask(portal, mind, "crm_report", **asked)
    assert [group["key"] for group in made["groups"]] == [f"{at:%Y-%m}" for at in months]
    assert sum(Decimal(each["closed_won"]["amounts"][0]["amount"]) for each in made["groups"]) == sum(range(143))
    assert "groups.figures" in {each["part"] for each in made["audit"]["left_out"]}
    assert len((await _ask(portal, mind, "lead_report", **asked))["groups"]) == len(months)


async def test_a_cursor_is_of_its_question_alone(portal: StoredPortal, mind: Mind, local_customer: UUID) -> None:
    for number in range(3):
        portal.deal(str(number), outcome="won", close_at=NOW)
    asked = {"detail": True, "page_rows": 1}
    cursor = (await _ask(portal, mind, "crm_report", **asked))["deals"]["next_cursor"]
    # How many rows are wanted, and in which dress, is no part of the question.
    assert (await _ask(portal, mind, "crm_report", cursor=cursor, detail=True))["deals"]["rows"]
    for other in ({"period": "last_year"}, {"group_by": "owner"}, {"outcome": "won"}):
        with pytest.raises(ToolArgumentError, match="another question"):
            await _ask(portal, mind, "crm_report", cursor=cursor, **asked, **other)
    with pytest.raises(ToolArgumentError, match="another question"):
        await _ask(portal, mind, "lead_report", cursor=cursor)
    for wrong in ("x", "deals:2", cursor[:-6], "W10", "ö"):
        with pytest.raises(ToolArgumentError, match="cursor takes the next_cursor"):
            await _ask(portal, mind, "crm_report", cursor=wrong, **asked)


@pytest.mark.parametrize(
    "asked",
    [
        {"group_by": "month", "start": "2022-01-01", "end": "2027-01-01", "compare_to": "previous_year"},
        {"group_by": "owner", "compare_to": "previous_year", **_YEAR},
        {"group_by": "company", "audience": "client", "outcome": "lost", **_YEAR},
        {"group_by": "loss_theme", **_YEAR},
        {"outcome": "won,open", "compare_to": "previous_period", **_YEAR},
    ],
)
async def test_a_spreadsheet_tells_what_data_tells(
    portal_of_everything: StoredPortal, mind: Mind, asked: dict[str, str]
) -> None:
    """Its cells are the figures that JSON has: none that it withholds, and none that it had no room for."""
    for year in range(2022, 2026):
        for month in range(1, 13):
            at = datetime(year, month, 15, tzinfo=UTC)
            portal_of_everything.deal(f"of {year}-{month}", outcome="won", close_at=at, amount=month, currency="USD")
    request = ReportRequest.from_arguments(asked)
    whole = crm_report(portal_of_everything.database, mind=mind, request=request, now=NOW)
    question = Question.of("crm_report", mind.id, request.model_dump())
    cut_report = fitting_crm_report(whole, question, None, made=lambda each: each, fits=fits)
    told = cut_report.model_dump(mode="json")
    untold = {name for group in cut_report.groups for name in group.untold} - {"top_deals"}
    assert bool(untold) == (asked.get("group_by") == "month"), "the fixture is to be larger than an answer"
    table = csv.DictReader(io.StringIO(render(cut_report, ReportFormat.CSV)[1:]))
    rows = [row for row in table if row["part"] in {"groups", "summary"}]
    withheld = {name.removeprefix("groups.") if told["groups"] else name for name in told["audit"]["withheld"]}
    for row, group in zip(rows, told["groups"] or [told["summary"]], strict=True):
        counted = _figures(row)
        assert {name: cell for name, cell in row.items() if cell and name in counted} == dict(_cells(group, withheld))


def _figures(row: dict[str, str]) -> set[str]:
    """The columns that hold what is counted, whoever counts it."""
    columns = list(row)
    return {*columns[columns.index("group") + 1 : columns.index("range_start")]} - {
        name for name in columns if name.startswith("loss_")
    }


def _cells(figures: dict[str, Any], withheld: set[str]) -> Iterator[tuple[str, str]]:
    """Yield the columns that JSON has a value for."""
    for name, value in figures.items():
        if name in withheld or name in {"label", "top_deals"} or value is None:
            continue
        if name == "compared_with":
            yield from ((f"earlier_{column}", cell) for column, cell in _cells(value, withheld))
        elif isinstance(value, dict):
            yield from ((f"{name}_{part}", str(value[part])) for part in ("deals", "without_amount") if part in value)
            yield from _money(name, value["amounts"])
            yield from _money(f"{name}_home", [value["amount_home"]] if value.get("amount_home") else [])
        elif isinstance(value, list):
            yield from _money(name, value)
        elif not (name == "closed_before_created" and "median_days_to_close" in withheld):
            yield name, str(value)


def _money(name: str, amounts: list[dict[str, str]]) -> Iterator[tuple[str, str]]:
    return ((f"{name}_{each['currency']}", each["amount"]) for each in amounts)


@pytest.mark.parametrize(
    ("action", "years", "first", "last"),
    [
        ("crm_report", 7, "closed_won_deals", "median_days_to_close"),
        ("lead_report", 9, "new_contacts", "median_days_to_customer"),
    ],
)
async def test_what_a_spreadsheet_has_no_room_for_has_no_column_and_a_text_has_all(
    portal: StoredPortal, mind: Mind, action: str, years: int, first: str, last: str
) -> None:
    months = [datetime(year, month, 15, tzinfo=UTC) for year in range(2026 - years, 2026) for month in range(1, 13)]
    for number, at in enumerate(months):
        portal.deal(str(number), outcome="won", close_at=at, amount=number, currency="USD", amount_home=number)
        portal.contact(str(number), created_at=at, lifecycle_stage="lead")
    asked = {"group_by": "month", "start": f"{2026 - years}-01-01", "end": "2026-01-01"}
    answer = await _ask(portal, mind, action, format="csv", **asked)
    rows = list(csv.DictReader(io.StringIO(answer["content"][1:])))
    assert [row["group"] for row in rows] == [f"{at:%B %Y}" for at in months]
    assert (first in rows[0], last in rows[0]) == (True, False)
    assert [each["part"] for each in answer["left_out"]] == ["groups.figures"]
    text = await _ask(portal, mind, action, format="markdown", **asked)
    assert "groups.figures" not in {each["part"] for each in text["left_out"]}

"""A lead report as the memory tool answers it: what it warns of, that it stays small, and in every format."""

import csv
import io
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import orjson
import pytest

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.reports import ReportArgumentError, memory_tool
from coppermind_pipeline.tool_calls import ToolArgumentError
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

_OCTOBER = datetime(2026, 10, 15, tzinfo=UTC)


async def _ask(portal: StoredPortal, mind: Mind, **arguments: Any) -> dict[str, Any]:
    made = await memory_tool(portal.database, mind=mind, action="lead_report", now=NOW, **arguments)
    answer = made.model_dump(mode="json")
    assert len(orjson.dumps(answer)) < 20_000
    return answer


async def test_an_answer_opens_with_what_to_know(portal: StoredPortal, mind: Mind) -> None:
    portal.contact("1", created_at=_OCTOBER, source="OFFLINE", lifecycle_stage="lead", stages_seen=["lead"],
                   stages_seen_at=[None])  # fmt: skip
    portal.contact("2", created_at=_OCTOBER, source="PAID_SEARCH", lifecycle_stage="customer",
                   stages_entered=["lead", "customer"], stages_entered_at=[_OCTOBER, _OCTOBER + timedelta(days=4)],
                   stages_seen=["marketingqualifiedlead"], stages_seen_at=[_OCTOBER])  # fmt: skip
    portal.contact("3", created_at=None, lifecycle_stage=None)
    answer = await _ask(portal, mind, group_by="source")
    assert list(answer) == ["trust", "period", "audit", "headline", "summary", "groups"]
    assert next(iter(answer["audit"])) == "caveats"
    first_words = [" ".join(caveat.split()[:8]) for caveat in answer["audit"]["caveats"]]
    assert first_words == [
        "1 of 2 new contacts has the source",
        "The cohort is still maturing: its youngest contact",
        "Of some contacts it is not known when",
        "1 entry into a stage has no date",
        "1 contact has no create date and is",
    ]
    assert answer["summary"]["new_contacts"] == 2
    assert answer["summary"]["entered_unknown"] == {"lead": 1}
    assert answer["summary"]["cohort"]["reached"]["customer"] == {"contacts": 1, "rate": "0.5000"}
    assert [(group["key"], group["label"]) for group in answer["groups"]] == [
        ("PAID_SEARCH", "Paid Search"),
        ("OFFLINE", "Offline Sources"),
    ]
    assert answer["headline"][0].startswith(
        "2 new contacts, 1 of them from offline sources (by create date, 1 October 2026 to 31 December 2026 so far"
    )


async def test_no_portal_is_no_answer_and_no_fault(portal: StoredPortal, mind: Mind) -> None:
    answer = await _ask(portal, mind)
    assert answer["summary"]["new_contacts"] == 0
    assert answer["summary"]["cohort"]["age_days"] is None
    assert answer["groups"] == []


async def test_ten_groups_and_the_rest_together(portal: StoredPortal, mind: Mind) -> None:
    for number in range(40):
        name = f"{number:02} " + "Ünïcödé " * 60
        portal.contact(str(number), created_at=_OCTOBER, region=name, country_code="US", lifecycle_stage="lead")
    for number in range(100, 112):
        portal.contact(str(number), created_at=_OCTOBER, owner_id=str(number), lifecycle_stage="lead")
    by_owner = (await _ask(portal, mind, group_by="owner"))["groups"]
    assert [group["key"] for group in by_owner][-1] == "other"
    assert len(by_owner) == 11
    assert sum(group["new_contacts"] for group in by_owner) == 52
    by_region = (await _ask(portal, mind, group_by="region"))["groups"]
    assert sum(group["new_contacts"] for group in by_region) == 52


async def test_drill_downs_that_read_alike_are_one_group(portal: StoredPortal, mind: Mind) -> None:
    for number, detail in enumerate(("CRM_UI", "CONTACTS", "7312345", "7312346", "IMPORT")):
        portal.contact(str(number), created_at=_OCTOBER, source="OFFLINE", source_detail_1=detail)
    answer = await _ask(portal, mind, group_by="source_detail")
    assert [(group["label"], group["new_contacts"]) for group in answer["groups"]] == [
        ("Offline Sources: added by hand in HubSpot", 2),
        ("Offline Sources: no known detail", 2),
        ("Offline Sources: imported from a file", 1),
    ]
    assert (
        "Offline Sources: added by hand in HubSpot and Offline Sources: no known detail, 2 each"
        in (answer["headline"][-1])
    )


async def test_groups_that_are_level_with_others_out_of_sight_lead_nothing(portal: StoredPortal, mind: Mind) -> None:
    for number in range(12):
        portal.contact(str(number), created_at=_OCTOBER, owner_id=str(100 + number), lifecycle_stage=f"unknown{number}")
    answer = await _ask(portal, mind, group_by="owner")
    assert not [sentence for sentence in answer["headline"] if sentence.startswith("Most")]
    assert "12 new contacts have an owner that HubSpot has no name for." in answer["audit"]["caveats"]
    assert "12 new contacts have a lifecycle stage that HubSpot has no name for." in answer["audit"]["caveats"]
    by_source = (await _ask(portal, mind, group_by="source"))["audit"]["caveats"]
    assert [each for each in by_source if "no name for" in each] == [
        "12 new contacts have a lifecycle stage that HubSpot has no name for."
    ]
    portal.contact("13", created_at=_OCTOBER, owner_id="101", lifecycle_stage="lead")
    assert "Most new contacts by owner" in (await _ask(portal, mind, group_by="owner"))["headline"][-1]
    (unknown,) = [each for each in answer["audit"]["caveats"] if "it is not known when" in each]
    assert unknown.endswith("A lifecycle stage no longer in HubSpot 12.")


async def test_months_are_never_left_out(portal: StoredPortal, mind: Mind) -> None:
    months = [datetime(2022 + month // 12, month % 12 + 1, 15, tzinfo=UTC) for month in range(55)]
    for number, at in enumerate(months):
        portal.contact(str(number), created_at=at, lifecycle_stage="lead", stages_entered=["lead"],
                       stages_entered_at=[at])  # fmt: skip
    answer = await _ask(portal, mind, group_by="month", start="2022-01-01", end="2026-12-01")
    assert [group["key"] for group in answer["groups"]] == [f"{at:%Y-%m}" for at in months]
    assert {group["new_contacts"] for group in answer["groups"]} == {1}


@pytest.mark.parametrize("format_", ["markdown", "csv", "html"])
async def test_every_format_holds_the_figures(portal: StoredPortal, mind: Mind, format_: str) -> None:
    portal.contact("1", created_at=_OCTOBER, source="PAID_SEARCH", lifecycle_stage="lead", region="<b>=1|2")
    portal.contact("2", created_at=_OCTOBER, source="REFERRALS", lifecycle_stage="customer", country_code="US",
                   region="=SUM(A1)")  # fmt: skip
    answer = await _ask(portal, mind, group_by="region", format=format_, compare_to="previous_period")
    content = answer["content"]
    assert list(answer) == ["trust", "caveats", "left_out", "format", "content"]
    match format_:
        case "csv":
            rows = list(csv.DictReader(io.StringIO(content.removeprefix("\ufeff"))))
            customers = {row["group"].partition(",")[0]: row["reached_customer"] for row in rows}
            assert customers == {"'=SUM(A1)": "1", "<b>=1|2": "0"}
            assert {row["mind"] for row in rows} == {"acme"}
            assert {row["key"] for row in rows} == {"US/=sum(a1)", "unknown/<b>=1|2"}
            assert {row["connector_id"] for row in rows} == {portal.connector_id}
        case "html":
            assert "<b>" not in content
            page = _Balanced()
            page.feed(content)
            assert page.open_tags == []
        case _:
            assert content.startswith("# Leads of acme, 1 October 2026 to 31 December 2026, so far\n")
            assert r"| =SUM(A1), United States | 1 |" in content
            assert r"\<b\>=1\|2" in content


async def test_what_it_does_not_take_is_refused_by_name(portal: StoredPortal, mind: Mind) -> None:
    with pytest.raises(ReportArgumentError, match="group_by"):
        await _ask(portal, mind, group_by="pipeline")
    with pytest.raises(ToolArgumentError, match="date_basis"):
        await _ask(portal, mind, date_basis="closedate")
    with pytest.raises(ToolArgumentError, match="format"):
        await _ask(portal, mind, format="pdf")


class _Balanced(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open_tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag != "meta":
            self.open_tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open_tags.pop() == tag

"""The memory tool: every answer opens with its trust block and stays small."""

from typing import Any
from uuid import UUID

import orjson
import pytest

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.errors import UsageError
from coppermind_pipeline.memories import (
    MemoryType,
    QueueEntry,
    Sensitivity,
    UnknownMemory,
    drain,
    enqueue,
    get,
    record_ref,
)
from coppermind_pipeline.metrics import METRICS, UnknownMetric
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.reports import CrmReport, memory_tool
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

_LONG = "Ünïcödé " * 100


async def _ask(portal: StoredPortal, mind: Mind, action: str, **arguments: Any) -> dict[str, Any]:
    made = await memory_tool(portal.database, mind=mind, action=action, now=NOW, **arguments)
    answer = made.model_dump(mode="json")
    assert next(iter(answer)) == "trust"
    assert len(orjson.dumps(answer)) < 20_000
    return answer


def _remember(
    portal: StoredPortal, content: str, *, sensitivity: Sensitivity = Sensitivity.OPEN, number: int = 1
) -> int:
    """Publish a memory of a company, as the queue's drain does; return its id."""
    ref = record_ref(portal.connector_id, ObjectType.COMPANIES, str(number))
    entry = QueueEntry(source_ref=ref, connector_id=portal.connector_id, operation="publish", type=MemoryType.FACT,
                       sensitivity=sensitivity, content=content, object_type=ObjectType.COMPANIES,
                       hubspot_id=str(number))  # fmt: skip
    with portal.database.mind(portal.mind_id) as connection:
        enqueue(connection, [entry])
    drain(portal.database, connector_id=portal.connector_id, mind_id=portal.mind_id)
    return get(portal.database, mind_id=portal.mind_id, source_ref=ref).id


async def test_memories_come_behind_the_trust_block_of_their_connectors(
    portal: StoredPortal, mind: Mind, database: Database, local_customer: UUID
) -> None:
    StoredPortal.create(database, local_customer, hub_id=8)
    memory_id = _remember(portal, "Globex makes rockets.")
    found = await _ask(portal, mind, "search", query="rockets")
    assert [memory["content"] for memory in found["memories"]] == ["Globex makes rockets."]
    assert found["trust"]["portal_ids"] == [7]
    assert (await _ask(portal, mind, "get", memory_id=memory_id))["memory"]["id"] == memory_id
    assert len((await _ask(portal, mind, "list"))["memories"]) == 1


async def test_nothing_found_is_trusted_by_all_connectors(portal: StoredPortal, mind: Mind) -> None:
    found = await _ask(portal, mind, "search", query="rockets")
    assert found["memories"] == []
    assert found["trust"]["portal_ids"] == [7]


async def test_sensitive_memories_are_not_for_clients(portal: StoredPortal, mind: Mind) -> None:
    memory_id = _remember(portal, "Globex lost the tender.", sensitivity=Sensitivity.SENSITIVE)
    assert (await _ask(portal, mind, "search", query="tender", audience="client"))["memories"] == []
    with pytest.raises(UnknownMemory):
        await _ask(portal, mind, "get", memory_id=memory_id, audience="client")
    assert (await _ask(portal, mind, "get", memory_id=memory_id))["memory"]["sensitivity"] == "sensitive"


async def test_a_long_list_is_continued_without_a_gap(portal: StoredPortal, mind: Mind) -> None:
    for number in range(20):
        _remember(portal, f"{number} {_LONG * 2}", number=number)
    seen: list[str] = []
    before: int | None = None
    while True:
        page = await _ask(portal, mind, "list", before=before)
        seen += [memory["content"].split()[0] for memory in page["memories"]]
        before = page["next_before"]
        if before is None:
            break
    assert seen == [str(number) for number in reversed(range(20))]


async def test_a_report_has_ten_groups_and_the_rest_as_other(portal: StoredPortal, mind: Mind) -> None:
    for number in range(25):
        portal.deal(str(number), outcome="won", close_at=NOW, amount=number, currency="USD", amount_home=number,
                    owner_id=str(number))  # fmt: skip
    made = await _ask(portal, mind, "crm_report", group_by="owner")
    assert len(made["groups"]) == 11
    other = made["groups"][-1]
    assert (other["key"], other["label"], other["closed_won"]["deals"]) == ("other", "Other (15)", 15)
    assert other["closed_won"]["amounts"] == [{"currency": "USD", "amount": f"{sum(range(15))}.00"}]


@pytest.mark.parametrize("format_", ["markdown", "csv", "html"])
async def test_other_formats_are_text_behind_the_trust_block(portal: StoredPortal, mind: Mind, format_: str) -> None:
    portal.deal("1", name="Rocket fuel", outcome="won", close_at=NOW, amount=10, currency="USD")
    made = await _ask(portal, mind, "crm_report", format=format_, detail=True)
    assert list(made) == ["trust", "caveats", "left_out", "format", "content"]
    assert "Rocket fuel" in made["content"]


@pytest.mark.parametrize(
    ("action", "arguments", "said"),
    [
        ("serch", {}, "no action 'serch'"),
        ("search", {}, "needs a query"),
        ("get", {"id": 1}, "takes no 'id'"),
        ("crm_report", {"format": "pdf"}, "format takes json"),
        ("search", {"query": "x", "types": "objections"}, "types takes .*not 'objections'"),
        ("search", {"query": "x", "since": "2026-12", "until": "2026-11"}, "since, 2026-12-01, lies after until"),
        ("list", {"period_key": "2026-49"}, "'2026-49' is not the key"),
        ("search", {"query": "x", "connector_id": "elsewhere"}, "no connector 'elsewhere'"),
        ("list", {"connector_id": "elsewhere"}, "no connector 'elsewhere'"),
    ],
)
async def test_a_wrong_call_is_named(
    portal: StoredPortal, mind: Mind, action: str, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        await _ask(portal, mind, action, **arguments)


async def test_a_live_pull_goes_through_the_tool(portal: StoredPortal, mind: Mind) -> None:
    async def refresh(connector_id: str, within_s: float) -> None:
        portal.execute("UPDATE hubspot_polls SET last_succeeded_at = :at WHERE connector_id = :connector", at=NOW)

    portal.execute("UPDATE hubspot_polls SET last_succeeded_at = NULL WHERE connector_id = :connector")
    made = await memory_tool(
        portal.database, mind=mind, action="crm_report", now=NOW, refresh=refresh, live_fallback=True
    )
    assert isinstance(made, CrmReport)
    assert made.trust.live_fallback_used is True


async def test_the_catalogue_is_paged_without_a_gap(portal: StoredPortal, mind: Mind) -> None:
    seen: list[str] = []
    after: str | None = None
    while True:
        page = await _ask(portal, mind, "metrics", after=after)
        seen += [metric["id"] for metric in page["metrics"]]
        assert [*seen, *page["left_out"]] == list(METRICS)
        after = page["next_after"]
        if after is None:
            break
    assert seen == list(METRICS)


async def test_one_figure_is_explained_by_its_id(portal: StoredPortal, mind: Mind) -> None:
    (metric,) = (await _ask(portal, mind, "metrics", metric="win_rate"))["metrics"]
    assert metric["unit"] == "rate"
    assert metric["denominator"] == "won and lost deals"
    with pytest.raises(UnknownMetric) as unknown:
        await _ask(portal, mind, "metrics", metric="winrate")
    assert unknown.value.hint == "Did you mean win_rate?"

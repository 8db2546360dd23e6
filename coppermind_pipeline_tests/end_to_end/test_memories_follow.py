"""Whatever happens to a portal, each record has the memory that it should have, in the words of now, and no other.

The machine changes a portal as people, workflows and administrators do, syncs it now and then by the real path, and
asks after each sync: is at most one memory live per source ref, would mapping everything anew change anything, and
does a further sync queue nothing? After a reconciliation, which finds what HubSpot does not announce, also: is there a
memory of each record that makes one, of the right type, naming what the record is linked to now?
"""

import asyncio
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import text

from coppermind_pipeline.accounts import local_caller
from coppermind_pipeline.connectors import configure
from coppermind_pipeline.memories import Drained, Mapped, drain, map_records
from coppermind_pipeline.sandbox import ExportedRecord, RunningSandbox, SandboxConfig
from coppermind_pipeline.sandbox import ObjectType as Kind
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.end_to_end.named_portal import (
    DOMAINS,
    KINDS,
    NAME,
    OPTIONS,
    OWNERS,
    REASONS,
    Expectations,
    NamedPortal,
)
from coppermind_pipeline_tests.sync.reconciled import AT_ONCE, Reconciling

DAY_MS = 86_400_000
BEFORE_THE_WINDOW = timedelta(days=900)

# Each with what it says of a record: whether it leaves it out.
FILTERS: Mapping[str, tuple[Mapping[str, Any], Callable[[ExportedRecord], bool]]] = {
    "none": ({}, lambda _: False),
    "domain": (
        {"hubspot_excluded_domains": [DOMAINS[0]]},
        lambda record: record.properties.get("email", "").endswith(DOMAINS[0]),
    ),
    "new contacts": (
        {"hubspot_property_filters": {"contacts": {"hs_lead_status": "NEW"}}},
        lambda record: record.object_type == "contacts" and record.properties["hs_lead_status"] != "NEW",
    ),
    "retailers": (
        {"hubspot_filters": {"companies": {"industry": ["RETAIL"]}}},
        lambda record: record.object_type == "companies" and record.properties["industry"] != "RETAIL",
    ),
    "new business": (
        {"hubspot_property_filters": {"deals": {"dealtype": "newbusiness"}}},
        lambda record: record.object_type == "deals" and record.properties["dealtype"] != "newbusiness",
    ),
    # Nothing of a type may be queued while its filter can't be applied.
    "unknown": ({"hubspot_property_filters": {"deals": {"no_such_property": "x"}}}, lambda _: False),
}
FILTER_KEYS = ("hubspot_excluded_domains", "hubspot_property_filters", "hubspot_filters")

_minds = count(1)
kinds, picks = st.sampled_from(KINDS), st.integers(0, 7)


class Memories(RuleBasedStateMachine):
    """A portal that changes, and a connector that follows it."""

    def __init__(self, database: Database, home: Path) -> None:
        super().__init__()
        self.database = database
        config = SandboxConfig(contacts=0, companies=0, deals=0, definitions_per_type=50, limits=False)
        self.sandbox = RunningSandbox(config)
        self.sandbox.__enter__()
        self.portal = NamedPortal(self.sandbox.control)
        self.portal.fill()
        self.connected = asyncio.run(
            Connected.create(database, settings_for(self.sandbox, home), mind=f"Mind {next(_minds)}")
        )
        self.sync_of = Reconciling(self.connected, self.sandbox)
        self.filter, self.now = "none", datetime.now(UTC)
        self.steps = 0
        self.sync()

    def teardown(self) -> None:
        try:
            if sys.exception() is None:
                self.reconcile()
        finally:
            self.sandbox.__exit__(None, None, None)

    @rule(kind=kinds, pick=picks)
    def rename(self, kind: Kind, pick: int) -> None:
        self.with_one(kind, pick, lambda record: self.portal.rename(kind, record))

    @rule(pick=picks, stage=st.integers(0, 20), reason=st.sampled_from([None, *REASONS]))
    def move_deal(self, pick: int, stage: int, reason: str | None) -> None:
        stages = self.portal.stages()
        pipeline_id, moved_to = stages[stage % len(stages)]
        values = {"pipeline": pipeline_id, "dealstage": moved_to["id"]}
        given = {} if reason is None else {"closed_lost_reason": reason or None}
        self.with_one("deals", pick, lambda deal: self.control.edit("deals", [deal], values | given))

    @rule(pick=picks, days=st.sampled_from([-3, 0, 1, 2, None]))
    def set_close_date(self, pick: int, days: int | None) -> None:
        at = None if days is None else (self.now + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.with_one("deals", pick, lambda deal: self.control.edit("deals", [deal], {"closedate": at}))

    @rule(days=st.sampled_from([1, 3]))
    def let_days_pass(self, days: int) -> None:
        self.now += timedelta(days=days)

    @rule(kind=kinds, pick=picks, option=st.integers(0, 1), owner=st.sampled_from([*OWNERS, None]))
    def edit(self, kind: Kind, pick: int, option: int, owner: str | None) -> None:
        name, values = OPTIONS[kind]
        edited = {name: values[option], "hubspot_owner_id": owner}
        self.with_one(kind, pick, lambda record: self.control.edit(kind, [record], edited))

    @rule(pick=picks, domain=st.sampled_from(DOMAINS))
    def change_mail(self, pick: int, domain: str) -> None:
        self.with_one("contacts", pick, lambda contact: self.control.edit(
            "contacts", [contact], {"email": f"{contact}@{domain}"}))  # fmt: skip

    @rule(pick=picks, company=picks)
    def employ(self, pick: int, company: int) -> None:
        employer = self.one("companies", company)
        self.with_one("contacts", pick, lambda contact: self.control.edit(
            "contacts", [contact], {"associatedcompanyid": employer}))  # fmt: skip

    @rule(kind=kinds, old=st.booleans())
    def add(self, kind: Kind, old: bool) -> None:
        if len(self.portal.live(kind)) >= 5:
            return
        before = self.control.now_ms() - BEFORE_THE_WINDOW // timedelta(milliseconds=1)
        added = self.portal.add(kind, at_ms=before if old and kind != "deals" else None)
        deal = self.one("deals", 0)
        if kind != "deals" and deal is not None:
            self.control.associate(("deals", deal), (kind, added))

    @rule(kind=kinds, pick=picks)
    def archive(self, kind: Kind, pick: int) -> None:
        self.with_one(kind, pick, lambda record: self.control.archive(kind, [record]))

    @rule(kind=kinds, pick=picks)
    def restore(self, kind: Kind, pick: int) -> None:
        archived = self.portal.archived(kind)
        if archived:
            self.control.restore(kind, [archived[pick % len(archived)]])

    @rule(pick=picks)
    def erase(self, pick: int) -> None:
        self.with_one("contacts", pick, self.portal.erase)

    @rule(kind=kinds, pick=picks, other=picks, keeps_id=st.booleans())
    def merge(self, kind: Kind, pick: int, other: int, keeps_id: bool) -> None:
        primary, loser = self.one(kind, pick), self.one(kind, other)
        if primary is not None and loser is not None and primary != loser:
            self.control.set_switches(merge_keeps_id=keeps_id)
            self.portal.merge(kind, primary, loser)

    @rule(pick=picks, kind=st.sampled_from(["contacts", "companies"]), end=picks, apart=st.booleans())
    def link(self, pick: int, kind: Kind, end: int, apart: bool) -> None:
        deal, linked = self.one("deals", pick), self.one(kind, end)
        if deal is None or linked is None:
            return
        if apart:
            self.control.disassociate(("deals", deal), (kind, linked), all_types=True)
        else:
            self.control.associate(("deals", deal), (kind, linked))

    @rule(owner=st.sampled_from(OWNERS), archived=st.booleans())
    def rename_owner(self, owner: str, archived: bool) -> None:
        self.portal.name_owner(owner, archived=archived)

    @rule(kind=kinds)
    def rename_options(self, kind: Kind) -> None:
        self.portal.name_options(kind)

    @rule(pick=st.integers(0, 20), changes=st.sampled_from([
        {}, {"probability": 0.9, "closed": False}, {"probability": 0.1, "closed": False},
        {"probability": 1.0, "closed": True}, {"probability": 0.0, "closed": True},
    ]))  # fmt: skip
    def change_stage(self, pick: int, changes: dict[str, Any]) -> None:
        stages = self.portal.stages()
        self.portal.name_stage(*stages[pick % len(stages)], **changes)

    @rule(name=st.sampled_from([*FILTERS]))
    def change_filters(self, name: str) -> None:
        self.filter = name
        config = dict.fromkeys(FILTER_KEYS) | dict(FILTERS[name][0])
        configure(self.database, local_caller(self.database), self.connected.connector_id, config)

    @rule(zone=st.sampled_from(["US/Eastern", "Asia/Tokyo"]), currency=st.sampled_from(["USD", "EUR"]))
    def change_account(self, zone: str, currency: str) -> None:
        self.control.set_account(time_zone=zone, company_currency=currency)

    @invariant()
    def has_gone_on(self) -> None:
        self.steps += 1

    @precondition(lambda self: self.steps > 1)
    @rule()
    def map_alone(self) -> None:
        """Leave the queue as it is: what happens next finds entries that wait."""
        self.steps = 0
        asyncio.run(self.sync_of.sync())
        self.mapped()

    @precondition(lambda self: self.steps > 1)
    @rule()
    def sync(self) -> None:
        self.steps = 0
        asyncio.run(self.sync_of.sync())
        self.follow()

    @precondition(lambda self: self.steps > 1)
    @rule()
    def reconcile(self) -> None:
        self.steps = 0
        asyncio.run(self._reconcile())
        self.follow()
        self.check_against_portal()
        asyncio.run(self.sync_of.sync())
        assert self.queued() == (0, 0), "nothing has changed since"

    async def _reconcile(self) -> None:
        await self.sync_of.sync()
        await self.sync_of.reconcile(every=AT_ONCE, index_delay=timedelta(0))
        await self.sync_of.reread(every=AT_ONCE)

    def follow(self) -> None:
        """Map and drain, and check what holds after each sync."""
        self.mapped()
        self.drained()
        assert self.queued() == (0, 0), "mapped a second time"
        self.check_fresh_mapping()
        doubled = self.rows("SELECT source_ref FROM memories WHERE superseded_at IS NULL AND retired_at IS NULL "
                            "GROUP BY source_ref HAVING count(*) > 1")  # fmt: skip
        assert not doubled
        assert not self.rows("SELECT source_ref FROM memory_queue")
        repeated = self.rows(
            """SELECT source_ref FROM (SELECT source_ref, content, retired_at, type, superseded_at,
                      lag((type, content)) OVER (PARTITION BY source_ref ORDER BY id) AS before,
                      lag(retired_at) OVER (PARTITION BY source_ref ORDER BY id) AS left_at FROM memories) AS version
                WHERE before = (type, content) AND left_at IS NULL AND content <> ''"""
        )
        assert not repeated, "the same again"

    def check_fresh_mapping(self) -> None:
        """Map everything as if for the first time: nothing may be left to queue. What was known stays as it was.

        While a deal filter can't be applied, texts of deals are old on purpose; mapped afresh are those that may name
        who was erased.
        """
        if self.filter == "unknown":
            return
        stages, gaps = self.rows(_STAGES), self.rows(_GAPS)
        self.execute("UPDATE pipeline_stages SET rules = '' WHERE connector_id = :connector AND stage LIKE 'map%'")
        assert self.queued() == (0, 0), "mapped afresh"
        assert self.rows(_GAPS) == gaps
        self.execute(_FORGET_STAGES)
        self.execute(_RESTORE_STAGES, rows=orjson.dumps([row.stage for row in stages]).decode())

    def check_against_portal(self) -> None:
        state = self.control.export()
        ((since,),) = self.rows("SELECT since FROM hubspot_backfills WHERE connector_id = :connector")
        expectations = Expectations(state, FILTERS[self.filter][1], int(since.timestamp() * 1000))
        unfinished = "deals:" if self.filter == "unknown" else "none"
        expected = {ref: each for ref, each in expectations.memories().items() if not ref.startswith(unfinished)}
        live = {ref: each for ref, each in self.live().items() if not ref.startswith(unfinished)}
        assert {ref: each[0] for ref, each in live.items()} == {ref: each.type for ref, each in expected.items()}
        for ref, (_, content) in live.items():
            said = frozenset(NAME.findall(content))
            assert expected[ref].says <= said <= expected[ref].may_say, (ref, content, expected[ref])
        found = [row for row in self.rows(_TEXTS) if self.portal.erased.intersection(NAME.findall(row.content or ""))]
        assert not found, f"erased, and still there: {found}"

    @property
    def control(self) -> Any:
        return self.sandbox.control

    def one(self, kind: Kind, pick: int) -> str | None:
        records = self.portal.live(kind)
        return records[pick % len(records)] if records else None

    def with_one(self, kind: Kind, pick: int, change: Callable[[str], Any]) -> None:
        record = self.one(kind, pick)
        if record is not None:
            change(record)

    def mapped(self) -> Mapped:
        return map_records(self.database, **self.scope, now=self.now)

    def queued(self) -> tuple[int, int]:
        mapped = self.mapped()
        return mapped.queued, mapped.retired

    def drained(self) -> Drained:
        return drain(self.database, **self.scope)

    @property
    def scope(self) -> dict[str, Any]:
        return {"connector_id": self.connected.connector_id, "mind_id": self.connected.connector.mind_id}

    def live(self) -> dict[str, tuple[str, str]]:
        rows = self.rows(
            "SELECT source_ref, type, content FROM memories WHERE superseded_at IS NULL AND retired_at IS NULL"
        )
        return {row.source_ref.split(":", 2)[2]: (row.type, row.content) for row in rows}

    def rows(self, statement: str) -> list[Any]:
        return self.connected.rows(statement)

    def execute(self, statement: str, **values: Any) -> None:
        with self.database.mind(self.connected.connector.mind_id) as connection:
            connection.execute(text(statement), {"connector": self.connected.connector_id, **values})


_STAGES = "SELECT to_jsonb(kept) AS stage FROM pipeline_stages AS kept WHERE connector_id = :connector"
_FORGET_STAGES = "DELETE FROM pipeline_stages WHERE connector_id = :connector"
_RESTORE_STAGES = """INSERT INTO pipeline_stages
                     SELECT kept.* FROM jsonb_populate_recordset(NULL::pipeline_stages, CAST(:rows AS jsonb)) AS kept"""
_TEXTS = "SELECT source_ref, content FROM memories UNION ALL SELECT source_ref, content FROM memory_queue"
_GAPS = "SELECT source_ref, missing, internal FROM memory_label_gaps ORDER BY source_ref"


def live_through(database: Database, home: Path, *, histories: int, steps: int) -> None:
    run_state_machine_as_test(
        lambda: Memories(database, home),  # pyright: ignore[reportArgumentType] - whatever makes one
        settings=settings(
            max_examples=histories,
            stateful_step_count=steps,
            derandomize=True,
            database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
            phases=[Phase.generate, Phase.shrink],
        ),
    )


@pytest.mark.slow
def test_memories_follow_many_histories(database: Database, tmp_path: Path):
    live_through(database, tmp_path, histories=5, steps=16)


@pytest.mark.soak
def test_memories_follow_any_of_hundreds_of_histories(database: Database, tmp_path: Path):
    live_through(database, tmp_path, histories=300, steps=40)

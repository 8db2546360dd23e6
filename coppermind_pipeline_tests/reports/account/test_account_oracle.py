"""Accounts equal what the portals hold, whatever became of them; and tell a client nothing of people."""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from coppermind_pipeline.accounts import Mind, create_mind, local_caller, resolve_mind
from coppermind_pipeline.connectors import complete_authorization, configure, connect
from coppermind_pipeline.reports import memory_tool
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import Connected, approve, settings_for
from coppermind_pipeline_tests.reports.account.made_portals import CONFIG, OWNERS, MadePortal
from coppermind_pipeline_tests.reports.account.recount import Key, Recounted
from coppermind_pipeline_tests.sync.reconciled import AT_ONCE, Reconciling

ZONES = ("US/Eastern", "Pacific/Auckland")
LABELS_OF_STAGES = {"lead": "Lead", "customer": "Customer", None: "no lifecycle stage"}
ASKED = ("Acme Inc.", "acme inc.", "globex", "Initech Ltd", "acme.example", "https://www.ACME.example/x",
         "WWW.globex.example", "n/a", "Test", "Nobody Corp", "localhost")  # fmt: skip
PORTALS_PER_TEST = 10


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 4))
async def test_accounts_are_what_the_portals_hold(database: Database, tmp_path: Path, seed: int):
    await compare(database, tmp_path, seed, asked_max=5)


@pytest.mark.soak
@pytest.mark.parametrize("first_seed", range(1_000, 1_200, PORTALS_PER_TEST))
async def test_accounts_are_what_any_of_many_portals_hold(database: Database, tmp_path: Path, first_seed: int):
    for seed in range(first_seed, first_seed + PORTALS_PER_TEST):
        await compare(database, tmp_path, seed)


@dataclass
class Hub:
    """One portal of the mind: made, connected, and what was ever read of it."""

    made: MadePortal
    connected: Connected
    filtered: bool
    zone: str
    ever_read: set[Key]

    async def sync(self, sandbox: RunningSandbox) -> None:
        reading = Reconciling(self.connected, sandbox)
        await reading.sync()
        self._note_read()
        await reading.reconcile(every=AT_ONCE)
        await reading.reread(every=AT_ONCE)
        self._note_read()

    def recounted(self) -> Recounted:
        self._note_read()
        state = self.made.control.export(hub_id=self.made.hub_id)
        read, in_window = frozenset(self.ever_read), frozenset(self._window(state))
        return Recounted(state, self.made.meant, read, in_window, self.filtered, ZoneInfo(self.zone))

    def _window(self, state: Any) -> set[Key]:
        ((since,),) = self.connected.rows("SELECT since FROM hubspot_backfills WHERE connector_id = :connector")
        return {(r.object_type, r.id) for r in state.records if r.live and r.modified_ms >= since.timestamp() * 1000}

    def _note_read(self) -> None:
        state = self.made.control.export(hub_id=self.made.hub_id)
        window = self._window(state)
        live = {(r.object_type, r.id) for r in state.records if r.live}
        referenced = {(link.to_type, link.to_id) for link in state.links
                      if link.from_type == "deals" and ("deals", link.from_id) in window}  # fmt: skip
        self.ever_read |= window | (referenced & live)


async def compare(database: Database, home: Path, seed: int, *, asked_max: int = 1_000) -> None:
    random = Random(seed)
    config = SandboxConfig(seed=seed, contacts=0, companies=0, deals=0, definitions_per_type=50, limits=False)
    with RunningSandbox(config) as sandbox:
        settings, name = settings_for(sandbox, home), f"Seed {seed}"
        create_mind(database, local_caller(database), name, kind="client")
        hubs = [await _hub(database, settings, sandbox, random, name, place) for place in range(random.choice((1, 2)))]
        for hub in hubs:
            for _ in range(random.randrange(3)):
                hub.made.happen()
            await hub.sync(sandbox)
            for _ in range(random.randrange(4)):
                hub.made.happen()
            await hub.sync(sandbox)
        mind = resolve_mind(database, local_caller(database), name)
        portals = {hub.connected.connector_id: hub.recounted() for hub in hubs}
        ids = sorted(
            {key[1] for told in portals.values() for key in (*told.live, *told.merged) if key[0] == "companies"}
        )
        every = (*ASKED, *ids)
        for asked in random.sample(every, min(asked_max, len(every))):
            await _assert_equal(database, mind, portals, asked, include_filtered=random.random() < 0.4)


async def _hub(
    database: Database, settings: Settings, sandbox: RunningSandbox, random: Random, mind: str, place: int
) -> Hub:
    caller, control = local_caller(database), sandbox.control
    hub_id = control.portals()[0]["hub_id"] if place == 0 else control.create_portal(contacts=0, companies=0, deals=0)
    control.set_account(hub_id=hub_id, time_zone=ZONES[place], company_currency="USD")
    control.set_switches(hub_id=hub_id, index_delay_ms=0, merge_keeps_id=random.random() < 0.5)
    made = MadePortal(control, random, hub_id)
    made.fill()
    link = connect(database, settings, caller, mind=mind, callback_listening=True)
    filtered = random.random() < 0.6
    if filtered:
        configure(database, caller, link.connector_id, CONFIG)
    answer = approve(link.auth_url, hub_id=hub_id)
    await complete_authorization(database, settings, state=answer["state"], code=answer["code"])
    return Hub(made, Connected(database, settings, link.connector_id), filtered, ZONES[place], set())


async def _ask(database: Database, mind: Mind, **arguments: Any) -> dict[str, Any]:
    made = await memory_tool(database, mind=mind, action="account", now=datetime.now(UTC), **arguments)
    assert len(made.model_dump_json().encode()) < 20_000
    return made.model_dump(mode="json")


async def _assert_equal(
    database: Database, mind: Mind, portals: dict[str, Recounted], asked: str, *, include_filtered: bool
) -> None:
    called = {(connector, company) for connector, told in portals.items() for company in told.found(asked)}
    meant = {
        (connector, company) for connector, company in called
        if include_filtered or not portals[connector].is_filtered(("companies", company))
    }  # fmt: skip
    answer = await _ask(database, mind, company=asked, include_filtered=include_filtered)
    offered = {(each["connector_id"], each["company_id"]) for each in answer["choices"]}
    if len(meant) != 1:
        assert answer["company"] is None, asked
        assert offered == (meant or called), asked
        return
    ((connector, company),) = meant
    assert (answer["company"]["connector_id"], answer["company"]["company_id"]) == (connector, company), asked
    told = portals[connector].account(company, include_filtered=include_filtered, now=datetime.now(UTC))
    _assert_contacts(await _all_rows(database, mind, answer, "contacts", asked, include_filtered), answer, told)
    _assert_deals(await _all_rows(database, mind, answer, "deals", asked, include_filtered), answer, told)
    await _assert_for_a_client(database, mind, portals, asked, answer, include_filtered=include_filtered)


async def _all_rows(
    database: Database, mind: Mind, answer: dict[str, Any], name: str, asked: str, include_filtered: bool
) -> list[dict[str, Any]]:
    rows, page = list(answer[name]["rows"]), answer[name]
    while page["next_cursor"] is not None:
        following = await _ask(
            database, mind, company=asked, include_filtered=include_filtered, cursor=page["next_cursor"]
        )
        page = following[name]
        rows += page["rows"]
    return rows


def _assert_contacts(rows: list[dict[str, Any]], answer: dict[str, Any], told: dict[str, Any]) -> None:
    expected = told["contacts"]
    assert [row["contact_id"] for row in rows] == sorted(expected, key=lambda each: expected[each]["order"])
    page = answer["contacts"]
    assert (page["total"], page["own_company"], page["writing_its_name"]) == (
        len(expected), len(told["own_people"]), len(told["writing"]),
    )  # fmt: skip
    for row in rows:
        meant = expected[row["contact_id"]]
        for name in ("name", "job_title", "email", "own_company", "referenced_only", "is_filtered"):
            assert row[name] == meant[name], (name, row)
        assert row["owner"] == OWNERS.get(meant["owner"], "no owner")
        assert row["lifecycle_stage"] == LABELS_OF_STAGES[meant["lifecycle"]]
        assert datetime.fromisoformat(row["last_change"]).timestamp() * 1000 == pytest.approx(meant["changed_ms"])
        assert row["deals_total"] == len(meant["ties"])
        assert len(row["deals"]) == min(len(meant["ties"]), 3)
        for deal in row["deals"]:
            tie = (deal["outcome"], set(deal["labels"]), deal["of_other_company"])
            assert tie == meant["ties"][deal["deal_id"]]


def _assert_deals(rows: list[dict[str, Any]], answer: dict[str, Any], told: dict[str, Any]) -> None:
    expected, totals = told["deals"], told["totals"]
    assert len(rows) == len(expected) == answer["deals"]["total"]
    assert answer["deals"]["outside_totals"] == sum(not deal["in_totals"] for deal in expected.values())
    for row in rows:
        meant = expected[row["deal_id"]]
        assert (None if row["amount"] is None else Decimal(row["amount"])) == meant["amount"]
        assert row["owner"] == OWNERS.get(meant["owner"], "no owner")
        for name in ("name", "outcome", "currency", "close_date", "overdue", "loss_reason", "in_totals",
                     "primary_company", "is_filtered"):  # fmt: skip
            assert row[name] == meant[name], (name, row)
    counts: Counter[str] = Counter()
    amounts = {}
    for measure in ("closed_won", "closed_lost", "open", "overdue"):
        found = answer["totals"][measure]
        counts |= {measure: found["deals"], f"{measure} without amount": found["without_amount"]}
        amounts |= {(measure, each["currency"]): Decimal(each["amount"]) for each in found["amounts"]}
    counts["lost without reason"] = answer["totals"]["lost_without_reason"]
    assert (+counts, amounts) == (totals["counts"], totals["amounts"])


async def _assert_for_a_client(
    database: Database, mind: Mind, portals: dict[str, Recounted], asked: str, answer: dict[str, Any], **arguments: Any
) -> None:
    """Assert that totals stay, and that no name of a person, address, id or quoted reason is anywhere."""
    ids = {each for told in portals.values() for _, each in (*told.live, *told.merged)}
    hidden = ["quor", "belphegor", "zebulon", "wombat", "ownersdottir", "besitzer", "@", "hubspot.com/", *OWNERS, *ids,
              *portals, *map(str, answer["trust"]["portal_ids"]), str(mind.id), str(mind.customer_id)]  # fmt: skip
    for rendering in ("json", "markdown"):
        made = await memory_tool(
            database, mind=mind, action="account", now=datetime.now(UTC), company=asked, audience="client",
            format=rendering, **arguments,
        )  # fmt: skip
        shown = made.model_dump_json().lower()
        assert not [each for each in hidden if re.search(re.escape(each.lower()), shown)], shown
        if rendering == "json":
            for_client = made.model_dump(mode="json")
            assert for_client["totals"] == answer["totals"]
            assert for_client["company"]["name"] == answer["company"]["name"]
            assert for_client["contacts"]["total"] == answer["contacts"]["total"]

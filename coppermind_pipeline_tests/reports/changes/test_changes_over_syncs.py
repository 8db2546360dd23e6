"""The changes of a portal that is really synced: both ends are what the portal held then, and the steps lead there."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from coppermind_pipeline.accounts import local_caller, resolve_mind
from coppermind_pipeline.reports import Changes, ChangesRequest, changes
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.end_to_end.histories import History
from coppermind_pipeline_tests.sync.reconciled import AT_ONCE, Reconciling

_CLOSED = {"closedwon", "closedlost"}
_ROUNDS = 4

Open = Mapping[str, tuple[int, Decimal]]  # by currency, and by "home" for all of them


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", range(3))
async def test_both_ends_are_what_the_portal_held(database: Database, tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    config = SandboxConfig(seed=seed, contacts=5, companies=3, deals=60, definitions_per_type=40, limits=False)
    with RunningSandbox(config) as sandbox:
        everything = {"hubspot_backfill_since": "2015-01-01T00:00:00Z"}
        connected = await Connected.create(database, settings_for(sandbox, tmp_path), config=everything)
        portal, history = Reconciling(connected, sandbox), History(sandbox.control, random)
        held: list[tuple[datetime, Open]] = []
        for _ in range(_ROUNDS):
            assert (await portal.sync()).complete
            await portal.reconcile(every=AT_ONCE)
            await portal.reread(every=AT_ONCE)
            held.append((_database_time(connected), _open_in(sandbox)))
            for _ in range(15):
                history.happen()
            _change_rate(sandbox, random)
        _assert_told(database, held)


def _assert_told(database: Database, held: list[tuple[datetime, Open]]) -> None:
    mind = resolve_mind(database, local_caller(database), None)
    steps: defaultdict[Any, Any] = defaultdict(int)
    rates = 0
    for (start, opening), (end, closing) in pairwise(held):
        told = _changes(database, mind, start, end)
        assert (_ends(told, "opening"), _ends(told, "closing")) == (opening, closing)
        for key, value in _steps(told).items():
            steps[key] += value
        rates += sum(step.step == "rate" for step in told.in_company_currency.steps)
    whole = _changes(database, mind, held[0][0], held[-1][0])
    assert {key: value for key, value in steps.items() if value} == {k: v for k, v in _steps(whole).items() if v}
    assert rates, "no exchange rate changed, so that nothing was proved of it"


def _changes(database: Database, mind: Any, start: datetime, end: datetime) -> Changes:
    return changes(database, mind=mind, request=ChangesRequest.from_arguments({"from": start, "to": end}), now=end)


def _ends(told: Changes, end: str) -> Open:
    bridges = {bridge.currency or "": bridge for bridge in told.bridges} | {"home": told.in_company_currency}
    levels = {name: getattr(bridge, end) for name, bridge in bridges.items()}
    return {name: (level.deals, Decimal(level.amount or "NaN")) for name, level in levels.items() if level.deals}


def _steps(told: Changes) -> Mapping[Any, Any]:
    found: defaultdict[Any, Any] = defaultdict(int)
    for bridge, name in ((told.in_company_currency, "home"), *((each, each.currency) for each in told.bridges)):
        for step in bridge.steps:
            found[name, step.step, "deals"] += step.deals
            found[name, step.step, "amount"] += Decimal(step.amount or 0)
    return found


def _open_in(sandbox: RunningSandbox) -> Open:
    """Return what is open in the portal, by its own properties."""
    sums: dict[str, tuple[int, Decimal]] = {}
    for deal in sandbox.control.export().live("deals").values():
        said = deal.properties
        if said.get("dealstage") in _CLOSED or said.get("hs_is_closed") == "true":
            continue
        for name, amount in (
            (said.get("deal_currency_code") or "USD", said.get("amount")),
            ("home", said.get("amount_in_home_currency") if said.get("amount") else None),
        ):
            deals, total = sums.get(name, (0, Decimal(0)))
            sums[name] = deals + 1, total + Decimal(amount or 0)
    return sums


def _change_rate(sandbox: RunningSandbox, random: Random) -> None:
    """Let the worth in company currency change, which HubSpot does without touching a deal."""
    deals = sandbox.control.export().live("deals").values()
    said = {deal.id: deal.properties for deal in deals}
    priced = [deal for deal, each in said.items() if each.get("amount") and each.get("hs_is_closed") != "true"]
    for deal in random.sample(priced, min(3, len(priced))):
        sandbox.control.edit("deals", [deal], {"amount_in_home_currency": str(random.randrange(9_000))}, touch=False)


def _database_time(connected: Connected) -> datetime:
    ((now,),) = connected.rows("SELECT clock_timestamp()")
    return now

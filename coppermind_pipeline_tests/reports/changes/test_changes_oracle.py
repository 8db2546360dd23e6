"""The changes equal a ledger kept over what had been read, on random histories; and ranges add up."""

from collections import Counter, defaultdict
from datetime import datetime
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from coppermind_pipeline.accounts import Mind, MindKind
from coppermind_pipeline.reports import Changes, ChangesRequest, ReportRequest, changes, crm_report
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.reports.changes import oracle
from coppermind_pipeline_tests.reports.changes.oracle import Line, Question
from coppermind_pipeline_tests.reports.changes.source import FOLLOWED_SINCE, PERIOD_ENDS, Source, random_source, store
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

PORTALS_PER_TEST = 25
_LEAVING = {"amount_down", "won", "lost", "removed", "moved_out"}
_NOT_DEALS = {"amount_up", "amount_down", "rate"}
_ZONES = ("UTC", "America/New_York", "Pacific/Auckland")


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 24))])
def test_the_bridge_equals_a_ledger(database: Database, local_customer: UUID, seed: int) -> None:
    _assert_equal(database, local_customer, seed)


@pytest.mark.soak
@pytest.mark.parametrize("first_seed", range(1_000, 1_300, PORTALS_PER_TEST))
def test_the_bridge_equals_a_ledger_on_any_of_many_portals(
    database: Database, local_customer: UUID, first_seed: int
) -> None:
    for seed in range(first_seed, first_seed + PORTALS_PER_TEST):
        _assert_equal(database, local_customer, seed)


def _assert_equal(database: Database, customer: UUID, seed: int) -> None:
    random = Random(seed)
    portal = StoredPortal.create(database, customer, mind=f"mind-{seed}", hub_id=1_000_000 + seed)
    source = random_source(random)
    store(portal, source)
    mind = Mind(id=portal.mind_id, customer_id=customer, name="acme", slug="acme", kind=MindKind.CLIENT,
                company_info={})  # fmt: skip
    for _ in range(3):
        first, second, third = _moments(random, source)
        asked: dict[str, Any] = {
            "pipeline": random.choice((None, "Sales Pipeline", "7001")),
            "timezone": random.choice(_ZONES),
            "period_end": random.choice(PERIOD_ENDS),
            "page_rows": 1_000,
        }
        told = [
            _told(database, mind, source, start, end, asked)
            for start, end in ((first, second), (second, third), (first, third))
        ]
        early, late, whole = (changes.bridges for changes in told)
        for currency in {bridge.currency for bridge in (*early, *late, *whole)}:
            halves, both = (_steps(each, currency) for each in ([*early, *late], whole))
            assert halves == both, f"seed {seed}: ranges do not add up"


def _told(
    database: Database, mind: Mind, source: Source, start: datetime, end: datetime, asked: dict[str, Any]
) -> Changes:
    request = ChangesRequest.from_arguments({**asked, "from": start, "to": end})
    found = changes(database, mind=mind, request=request, now=NOW)
    pipeline = {None: None, "Sales Pipeline": "default", "7001": "7001"}[request.pipeline]
    for currency in ("USD", "EUR"):
        question = Question(start, end, pipeline, currency)
        shown = next((bridge for bridge in found.bridges if bridge.currency == currency), None)
        assert _lines(shown) == _expected(source, question)
    question = Question(start, end, pipeline, None)
    if found.in_company_currency.opening.amount is not None:
        assert _lines(found.in_company_currency) == _expected(source, question)
    assert (found.in_company_currency.opening.amount is not None) == oracle.has_every_home_amount(source, question)
    _assert_listed(found, source, question)
    _assert_won_is_told(database, mind, found, asked)
    return found


def _lines(bridge: Any) -> dict[str, Line]:
    """Return the lines of a bridge that are not empty, after proving that they lead from its opening to its closing."""
    if bridge is None:
        return {}
    each = {"opening": bridge.opening, **{step.step: step for step in bridge.steps}, "closing": bridge.closing}
    lines = {name: (line.deals, Decimal(line.amount), line.without_amount) for name, line in each.items()}
    deals, amount, unpriced = lines["opening"]
    for step, line in lines.items():
        if step in {"opening", "closing"}:
            continue
        sign = -1 if step in _LEAVING else 1
        amount += sign * line[1]
        if step not in _NOT_DEALS:
            deals += sign * line[0]
        if step != "rate":
            unpriced += line[2] * (-sign if step in _NOT_DEALS else sign)
    assert (deals, amount, unpriced) == lines["closing"]
    return {name: line for name, line in lines.items() if line != (0, 0, 0)}


def _expected(source: Source, question: Question) -> dict[str, Line]:
    lines = oracle.bridge(source, question)
    lines["opening"] = oracle.level(source, question, question.start)
    lines["closing"] = oracle.level(source, question, question.end)
    return {name: line for name, line in lines.items() if line != (0, 0, 0)}


def _steps(bridges: Any, currency: str | None) -> dict[tuple[str, str], Any]:
    added: defaultdict[tuple[str, str], Any] = defaultdict(int)
    for step in (step for bridge in bridges if bridge.currency == currency for step in bridge.steps):
        for name, value in (("deals", step.deals), ("amount", Decimal(step.amount)), ("without", step.without_amount)):
            added[step.step, name] += value
    return {key: value for key, value in added.items() if value}


def _assert_listed(found: Changes, source: Source, question: Question) -> None:
    """Each step's rows are its deals and its sum; what stands beside is what a person would name."""
    rows = found.deals.rows
    assert found.deals.total == len(rows)
    for bridge in found.bridges:
        for step in bridge.steps:
            mine = [row for row in rows if row.step == step.step and row.currency == bridge.currency and not _home(row)]
            assert len(mine) == step.deals
            assert sum(Decimal(row.amount or 0) for row in mine) == Decimal(step.amount or 0)
    zone = ZoneInfo(found.period.timezone)
    pushed, arrived = Counter[str](), Counter[str]()
    for deal in source.deals:
        old, new = oracle.known_at(deal, question.start), oracle.known_at(deal, question.end)
        if old is not None and new is not None and oracle.is_open(source, old, question):
            before, after = old.closes_on(zone), new.closes_on(zone)
            if oracle.is_open(source, new, question) and before and after and found.period.period_end:
                edges = before < found.period.period_end, after < found.period.period_end
                pushed[{(True, False): "pushed_out", (False, True): "pulled_in"}.get(edges, "stayed")] += 1
        first = oracle.states(deal)[0]
        if old is None and question.start < first.at <= question.end and not first.gone and first.outcome != "open":
            arrived[first.outcome] += oracle.matters(source, first, question)
    assert found.pushed_out is not None
    assert found.pulled_in is not None
    assert (found.pushed_out.deals, found.pulled_in.deals) == (pushed["pushed_out"], pushed["pulled_in"])
    assert [found.closed_on_arrival[each].deals for each in ("won", "lost")] == [arrived["won"], arrived["lost"]]


def _home(row: Any) -> bool:
    return row.amount is None and row.currency is None and row.amount_home is not None


def _assert_won_is_told(database: Database, mind: Mind, found: Changes, asked: dict[str, Any]) -> None:
    """Won in the bridge and all that differs is the report's won, which the report itself says."""
    won = found.won
    deals = won.in_bridge.deals + sum(each.deals for each in won.differences)
    sums: defaultdict[str | None, Decimal] = defaultdict(Decimal)
    for amounts in (won.in_bridge.amounts, *(each.amounts for each in won.differences)):
        for each in amounts:
            sums[each.currency] += Decimal(each.amount)
    assert deals == won.in_report.deals
    assert {c: a for c, a in sums.items() if a} == {
        each.currency: Decimal(each.amount) for each in won.in_report.amounts if Decimal(each.amount)
    }
    if asked["pipeline"] is None:
        request = ReportRequest.from_arguments(
            {"start": found.period.start, "end": found.period.end, "timezone": asked["timezone"]}
        )
        assert crm_report(database, mind=mind, request=request, now=NOW).summary.closed_won == won.in_report


def _moments(random: Random, source: Source) -> tuple[datetime, datetime, datetime]:
    """Return three times in order, often those at which something was read."""
    read = [state.at for deal in source.deals for state in oracle.states(deal)]
    found: set[datetime] = set()
    while len(found) < 3:
        at = random.choice((*read, FOLLOWED_SINCE + (NOW - FOLLOWED_SINCE) * random.random(), NOW))
        if at >= FOLLOWED_SINCE:
            found.add(at)
    first, second, third = sorted(found)
    return first, second, third

"""Each figure of random reports resolves to deals whose number or sum is that figure: at once, and later."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import orjson
import pytest

from coppermind_pipeline.accounts import Mind, MindKind
from coppermind_pipeline.reports import (
    CompareTo,
    DealSum,
    ExplainRequest,
    Explanation,
    GroupBy,
    ReportRequest,
    crm_report,
    explain,
)
from coppermind_pipeline.reports.models import DealRow
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.reports.changes.source import (
    FOLLOWED_SINCE,
    Source,
    append_version,
    random_source,
    take_up,
)
from coppermind_pipeline_tests.reports.recount import REASONS
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

_MIDDLE = FOLLOWED_SINCE + timedelta(days=25)
_GROUPS = (None, GroupBy.PIPELINE, GroupBy.STAGE, GroupBy.MONTH, GroupBy.MONTH, GroupBy.OWNER, GroupBy.SOURCE,
           GroupBy.LOSS_THEME, GroupBy.LOSS_REASON)  # fmt: skip
_SUMS = ("closed_won", "closed_lost", "open", "overdue", "pipeline_created")
_FIGURES_EACH = 6


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 10))])
def test_each_figure_is_its_deals(database: Database, local_customer: UUID, seed: int) -> None:
    _assert_explained(database, local_customer, seed)


@pytest.mark.soak
@pytest.mark.parametrize("first_seed", range(1_000, 1_050, 10))
def test_each_figure_is_its_deals_in_many_answers(database: Database, local_customer: UUID, first_seed: int) -> None:
    for seed in range(first_seed, first_seed + 10):
        _assert_explained(database, local_customer, seed)


def _assert_explained(database: Database, customer: UUID, seed: int) -> None:
    random = Random(seed)
    portal = StoredPortal.create(database, customer, mind=f"mind-{seed}", hub_id=1_000_000 + seed)
    portal.execute(
        "UPDATE hubspot_backfills SET first_completed_at = :at WHERE connector_id = :connector", at=FOLLOWED_SINCE
    )
    source = _with_reasons(random_source(random), random)
    portal.define("deals", "closed_lost_reason", "Closed Lost Reason",
                  [(value, label) for value, (label, _, _) in REASONS.items() if label is not None])  # fmt: skip
    mind = Mind(id=portal.mind_id, customer_id=customer, name="acme", slug="acme", kind=MindKind.CLIENT,
                company_info={})  # fmt: skip
    if source.filtered:
        _filter(portal, "newbusiness")
    _read(portal, source, FOLLOWED_SINCE - timedelta(days=2), _MIDDLE)
    asked = ReportRequest(
        period=random.choice(("this_quarter", "this_year", "2026-10", "2026-Q4")),
        group_by=random.choice(_GROUPS),
        compare_to=random.choice((None, *CompareTo)),
        groups_max=random.choice((2, 100)),
    )
    report = crm_report(database, mind=mind, request=asked, now=_MIDDLE).model_dump(mode="json")
    figures = list(_figures(report))
    told = dict(random.sample(figures, min(_FIGURES_EACH, len(figures))))

    def assert_told(*, now: datetime) -> list[Explanation]:
        found = []
        for path, value in told.items():
            request = ExplainRequest(figure=f"{report['audit']['answer_id']}#{path}", rows=1_000)
            each = explain(database, mind=mind, request=request, now=now)
            assert each.value == value, f"seed {seed}: {path} of {asked}"
            _assert_made_of(path, value, each)
            found.append(each)
        return found

    at_once = assert_told(now=_MIDDLE)
    assert all(each.same_today and not each.changed for each in at_once)
    _read(portal, source, _MIDDLE, NOW)
    later = assert_told(now=NOW)
    assert [each.hash for each in later] == [each.hash for each in at_once]
    assert all(each.changed == ([] if each.same_today else ["data"]) for each in later)
    _filter(portal, "existingbusiness")
    take_up(portal)
    filtered = assert_told(now=NOW)
    assert [each.hash for each in filtered] == [each.hash for each in at_once]
    assert all(each.same_today or "rules" in each.changed for each in filtered)
    assert all("have changed since" in each.caveats[1] for each in filtered)


def _with_reasons(source: Source, random: Random) -> Source:
    """Return the same deals, of which most say why they would be lost, as somebody may change."""
    said = ({}, *({"closed_lost_reason": reason} for reason in REASONS))
    return replace(source, deals=[
        replace(deal, versions=[replace(each, properties=each.properties | random.choice(said))
                                for each in deal.versions])
        for deal in source.deals
    ])  # fmt: skip


def _filter(portal: StoredPortal, deal_type: str) -> None:
    config = orjson.dumps({"hubspot_filters": {"deals": {"dealtype": deal_type}}}).decode()
    portal.execute("UPDATE connectors SET config = CAST(:config AS jsonb) WHERE id = :connector", config=config)


def _read(portal: StoredPortal, source: Source, start: datetime, end: datetime) -> None:
    """Store what was read in a time, and normalize."""
    read = sorted(
        ((each.read_at, deal.id, each) for deal in source.deals for each in deal.versions), key=lambda e: e[:2]
    )
    for read_at, deal, version in read:
        if start < read_at <= end:
            append_version(portal, deal, version)
    take_up(portal)


def _figures(report: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the figures that are told of by deals, each with its path."""
    ranges = [("summary", report["summary"]), *((f"groups.{n}", group) for n, group in enumerate(report["groups"]))]
    for place, figures in list(ranges):
        if figures.get("compared_with"):
            ranges.append((f"{place}.compared_with", figures["compared_with"]))
    for place, figures in ranges:
        for name in figures:
            if name in _SUMS:
                yield from ((f"{place}.{name}.{part}", value) for part, value in figures[name].items())
            elif name in {"win_rate", "average_deal", "median_days_to_close", "weighted_pipeline"}:
                yield f"{place}.{name}", figures[name]
    if report["losses"] is not None:
        for name in ("deals", "with_reason", "without_reason"):
            yield f"losses.{name}", report["losses"][name]
        for number, theme in enumerate(report["losses"]["themes"]):
            yield from ((f"losses.themes.{number}.{part}", theme[part]) for part in DealSum.model_fields)


def _assert_made_of(path: str, value: Any, told: Explanation) -> None:
    """The rows are what the figure says of them."""
    rows, last = [row for row in told.rows if isinstance(row, DealRow)], path.rsplit(".", maxsplit=1)[-1]
    assert (told.total, told.next_cursor) == (len(rows), None)
    sums: defaultdict[str | None, Decimal] = defaultdict(Decimal)
    for row in rows:
        if row.amount is not None:
            sums[row.currency] += Decimal(row.amount)
    match last:
        case "deals" | "without_amount" | "with_reason" | "without_reason":
            assert len(rows) == value
        case "amounts":
            assert {each["currency"]: Decimal(each["amount"]) for each in value} == sums
        case "amount_home" if value is not None:
            worth = sum(Decimal(row.amount_home or 0) for row in rows if row.amount is not None)
            assert Decimal(value["amount"]) == worth
        case "win_rate" if value is not None:
            won = sum(row.outcome == "won" for row in rows)
            assert abs(Decimal(value) - Decimal(won) / len(rows)) <= Decimal("0.00005")
        case "average_deal" if value is not None:
            priced = [row.currency for row in rows]
            for each in value:
                mean = sums[each["currency"]] / priced.count(each["currency"])
                assert abs(Decimal(each["amount"]) - mean) <= Decimal("0.005")
        case _:
            pass

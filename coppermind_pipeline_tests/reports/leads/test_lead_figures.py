"""A lead report equals a recount of what HubSpot sent, on random portals."""

from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from coppermind_pipeline.accounts import Mind, MindKind
from coppermind_pipeline.reports import CompareTo, LeadGroupBy, LeadReport, LeadRequest, lead_report
from coppermind_pipeline.reports.leads.fitting import fitting_lead_report
from coppermind_pipeline.reports.sizing.cursors import Question
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.reports.leads import oracle
from coppermind_pipeline_tests.reports.leads.source import ZONES, Source, random_source, store
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

PORTALS_PER_TEST = 25
_PERIODS = ("2026-Q4", "2026-Q3", "2026-10", "2026", "2026-03", "2025", "this_month")


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 6))])
def test_figures_equal_a_recount(database: Database, local_customer: UUID, seed: int) -> None:
    _assert_equal(database, local_customer, seed)


@pytest.mark.soak
@pytest.mark.parametrize("first_seed", range(1_000, 1_300, PORTALS_PER_TEST))
def test_figures_equal_a_recount_on_any_of_many_portals(
    database: Database, local_customer: UUID, first_seed: int
) -> None:
    for seed in range(first_seed, first_seed + PORTALS_PER_TEST):
        _assert_equal(database, local_customer, seed)


@pytest.mark.parametrize("seed", range(6, 8))
def test_groups_that_do_not_fit_are_added_up_as_a_recount_does(
    database: Database, local_customer: UUID, seed: int
) -> None:
    random = Random(seed)
    source, mind = _stored(database, local_customer, seed, random)
    for group_by in LeadGroupBy:
        request = LeadRequest(period="2026", group_by=group_by, groups_max=random.choice((3, 100)))
        whole = lead_report(database, mind=mind, request=request, now=NOW)
        most = random.randrange(2, 5)

        def fits(made: LeadReport, most: int = most) -> bool:
            return len(made.groups) <= most

        question = Question.of("lead_report", mind.id, {})
        cut = fitting_lead_report(whole, question, None, made=lambda made: made, fits=fits)
        added_up = "(other)" if group_by is LeadGroupBy.LIFECYCLE_STAGE else "other"
        own = {group.key for group in cut.groups} - {added_up}
        assert len(cut.groups) == min(most, len(whole.groups))
        assert len(own) < len(cut.groups) or len(cut.groups) == len(whole.groups)
        told = cut.model_copy(update={"groups": [g.model_copy(update={"untold": frozenset()}) for g in cut.groups]})
        assert _shown(told) == _expected(source, request, whole, own=own, added_up=added_up), f"seed {seed}: {request}"


def _assert_equal(database: Database, customer: UUID, seed: int) -> None:
    random = Random(seed)
    source, mind = _stored(database, customer, seed, random)
    for group_by in (None, *LeadGroupBy):
        as_of = random.choice((None, None, NOW - timedelta(days=random.randrange(1, 100))))
        request = LeadRequest(
            period=random.choice(_PERIODS),
            timezone=random.choice(ZONES),
            group_by=group_by,
            include_filtered=random.random() < 0.2,
            compare_to=random.choice((None, *CompareTo)),
            as_of=as_of,
        )
        report = lead_report(database, mind=mind, request=request, now=NOW)
        assert _shown(report) == _expected(source, request, report), f"seed {seed}: {request}"


def _stored(database: Database, customer: UUID, seed: int, random: Random) -> tuple[Source, Mind]:
    portal = StoredPortal.create(database, customer, mind=f"mind-{seed}", hub_id=1_000_000 + seed)
    source = random_source(random)
    store(portal, source)
    return source, Mind(id=portal.mind_id, customer_id=customer, name="acme", slug="acme", kind=MindKind.CLIENT,
                        company_info={})  # fmt: skip


def _shown(report: LeadReport) -> dict[str, Any]:
    summary = report.summary.model_dump()
    return {
        "summary": {name: value for name, value in summary.items() if name not in {"stage_labels", "compared_with"}},
        "compared_with": summary["compared_with"],
        "groups": {
            group.key: group.model_dump(exclude={"key", "label", "portal_id", "connector_id"})
            for group in report.groups
        },
    }


def _expected(
    source: Source, request: LeadRequest, report: LeadReport, *, own: set[str] | None = None, added_up: str = "other"
) -> dict[str, Any]:
    """Return what the report shows; `own`: the groups that stand by themselves, where not all do."""
    at, zone = request.as_of, ZoneInfo(report.period.timezone)
    contacts = oracle.contacts_of(source, at=at, include_filtered=request.include_filtered)
    shared: dict[str, Any] = {
        "clock": at or NOW,
        "zone": zone,
        "in_open_deal": oracle.in_open_deals(source, at),
    }
    now: dict[str, Any] = {"start": report.period.start, "end": report.period.end}
    summary = oracle.recount(contacts, **now, **shared, key=oracle.key_of(None, zone)).get(
        ""
    ) or oracle.figures_of_nobody(shared)
    unknown = sorted(stage for contact in contacts for stage, when in contact.entries.items() if when is None)
    called = oracle.key_of(request.group_by, zone)

    def key(contact: oracle.Contact, dated: datetime) -> str:
        name = called(contact, dated)
        return name if own is None or name in own else added_up

    groups = oracle.recount(contacts, **now, **shared, key=key)
    return {
        "summary": summary | {"entered_unknown": {stage: unknown.count(stage) for stage in dict.fromkeys(unknown)}},
        "compared_with": _compared(contacts, report, shared),
        "groups": {} if request.group_by is None else groups,
    }


def _compared(contacts: list[oracle.Contact], report: LeadReport, shared: dict[str, Any]) -> dict[str, Any] | None:
    """Follow the earlier cohort until its youngest contact was as old as that of the later one is."""
    period, compared = report.period, report.period.compared_with
    if compared is None:
        return None
    born = [contact.created for contact in contacts if contact.created]
    later = [at for at in born if period.start <= at < period.end]
    earlier = [at for at in born if compared.start <= at < compared.end]
    age = shared["clock"] - max(later, default=min(period.end, shared["clock"]))
    until = min(max(earlier, default=compared.end) + max(age, timedelta()), shared["clock"])
    ranged: dict[str, Any] = {
        "start": compared.start,
        "end": compared.end,
        "until": until,
        "key": oracle.key_of(None, shared["zone"]),
    }
    found = oracle.recount(contacts, **ranged, **shared).get("") or oracle.figures_of_nobody(shared, until=until)
    return {name: value for name, value in found.items() if name not in {"disqualified", "postponed", "stuck"}}

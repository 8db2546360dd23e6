"""Each figure of random lead reports resolves to its contacts: at once, after later syncs, rules and erasures."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import orjson
import pytest

from coppermind_pipeline.accounts import Mind, MindKind
from coppermind_pipeline.connectors import load_connector
from coppermind_pipeline.memories import Audience
from coppermind_pipeline.reports import (
    CompareTo,
    ExplainRequest,
    Explanation,
    LeadGroupBy,
    LeadRequest,
    ReportArgumentError,
    explain,
    explanation_markdown,
    lead_report,
)
from coppermind_pipeline.reports.explain.models import LeadRow
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import normalize
from coppermind_pipeline_tests.reports.explain.erasing import erase
from coppermind_pipeline_tests.reports.leads.source import Source, random_source, store
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

_FIGURES_EACH = 8
_ASKED_AT = NOW - timedelta(days=20)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [*range(2), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 10))])
def test_each_figure_is_its_contacts(database: Database, local_customer: UUID, seed: int) -> None:
    _assert_explained(database, local_customer, seed)


@pytest.mark.soak
@pytest.mark.parametrize("first_seed", range(1_000, 1_050, 10))
def test_each_figure_is_its_contacts_in_many_answers(database: Database, local_customer: UUID, first_seed: int) -> None:
    for seed in range(first_seed, first_seed + 10):
        _assert_explained(database, local_customer, seed)


def test_what_is_no_figure_of_a_lead_report_is_refused(database: Database, local_customer: UUID) -> None:
    portal, mind = _portal(database, local_customer, 0)
    portal.contact("1", created_at=NOW, lifecycle_stage="lead")
    report = lead_report(database, mind=mind, request=LeadRequest(), now=NOW)
    for path, said in (
        ("summary.win_rate", "No figure of a lead report"),
        ("summary.compared_with.stuck.leads", "No figure of a lead report"),
        ("summary.cohort.reached.nowhere.contacts", "No figure of a lead report"),
        ("summary.compared_with.new_contacts", "no earlier range"),
        ("groups.0.new_contacts", "no group 0"),
    ):
        with pytest.raises(ReportArgumentError, match=said):
            explain(database, mind=mind, request=ExplainRequest(figure=f"{report.audit.answer_id}#{path}"), now=NOW)
    for_client = lead_report(database, mind=mind, request=LeadRequest(audience=Audience.CLIENT), now=NOW)
    assert for_client.audit.answer_id is None


def _assert_explained(database: Database, customer: UUID, seed: int) -> None:
    random = Random(seed)
    portal, mind = _portal(database, customer, seed)
    source = random_source(random)
    store(portal, _read_by(source))
    asked = LeadRequest(
        period=random.choice(("2026-Q4", "2026-Q3", "2026", "2025")),
        group_by=random.choice((None, *LeadGroupBy)),
        compare_to=random.choice((None, CompareTo.PREVIOUS_PERIOD)),
        include_filtered=random.random() < 0.2,
        groups_max=random.choice((2, 100)),
    )
    report = lead_report(database, mind=mind, request=asked, now=_ASKED_AT).model_dump(mode="json")
    figures = list(_figures(report))
    told = dict(random.sample(figures, min(_FIGURES_EACH, len(figures))))

    def explained() -> dict[str, Explanation]:
        asked_about = {path: f"{report['audit']['answer_id']}#{path}" for path in told}
        return {
            path: explain(database, mind=mind, request=ExplainRequest(figure=figure, rows=1_000), now=NOW)
            for path, figure in asked_about.items()
        }

    def assert_told() -> dict[str, Explanation]:
        found = explained()
        for path, each in found.items():
            assert each.value == told[path], f"seed {seed}: {path} of {asked}"
            _assert_made_of(path, each)
        return found

    at_once = assert_told()
    assert all(each.same_today and not each.changed for each in at_once.values())
    _read_again(portal, source, random)
    later = assert_told()
    assert {path: each.hash for path, each in later.items()} == {path: each.hash for path, each in at_once.items()}
    assert all(each.changed == ([] if each.same_today else ["data"]) for each in later.values())
    _configure(portal, {"hubspot_disqualified_statuses": ["BAD_TIMING"], "hubspot_excluded_email_domains": []})
    filtered = assert_told()
    assert all(each.same_today or "rules" in each.changed for each in filtered.values())
    erased = {contact_id for found in at_once.values() for contact_id in _contact_ids(found)[:1]}
    gone = erase(portal, erased, at=NOW)
    for path, each in explained().items():
        shown, before = (set(_contact_ids(found)) for found in (each, at_once[path]))
        assert not shown & gone
        # Who is gone may have said until when an earlier cohort is followed.
        assert shown == before - gone or "compared_with" in path, f"seed {seed}: {path}"
        assert not erased or "erasure" in each.changed
        assert not each.same_today or not erased
        assert "erased for privacy" in explanation_markdown(each) or not erased
        assert ("## Caveats" in explanation_markdown(each)) == bool(each.caveats)
        assert " deal" not in explanation_markdown(each).partition("## Caveats")[2].partition("##")[2]


def _contact_ids(found: Explanation) -> list[str]:
    return [row.contact_id for row in found.rows if isinstance(row, LeadRow)]


def _portal(database: Database, customer: UUID, seed: int) -> tuple[StoredPortal, Mind]:
    portal = StoredPortal.create(database, customer, mind=f"mind-{seed}", hub_id=1_000_000 + seed)
    return portal, Mind(id=portal.mind_id, customer_id=customer, name="acme", slug="acme", kind=MindKind.CLIENT,
                        company_info={})  # fmt: skip


def _read_by(source: Source) -> Source:
    """Return what had been read when the report was asked for; the first versions of all others come later."""
    contacts = {each: [v for v in versions if v.read_at <= _ASKED_AT] for each, versions in source.contacts.items()}
    known = {each: versions for each, versions in contacts.items() if versions}
    deals = [replace(deal, contacts=tuple(tie for tie in deal.contacts if tie[0] in known)) for deal in source.deals]
    return replace(source, contacts=known, archived=frozenset(), deals=deals)


def _read_again(portal: StoredPortal, source: Source, random: Random) -> None:
    """Store later versions, of which some move contacts along and others merely touch them."""
    for contact, versions in sorted(source.contacts.items()):
        if random.random() < 0.4:
            stage = random.choice(("lead", "customer", "opportunity"))
            payload = orjson.dumps(versions[-1].properties | {"lifecyclestage": stage, "jobtitle": "CEO"})
            portal.execute(
                """INSERT INTO hubspot_raw_records (connector_id, mind_id, object_type, hubspot_id, content_hash,
                                                    read_at, modified_at, payload)
                   VALUES (:connector, :mind, 'contacts', :id, :hash, :at, :at, CAST(:payload AS json))""",
                mind=portal.mind_id, id=contact, at=NOW - timedelta(days=1), payload=payload.decode(),
                hash=hashlib.sha256(payload).digest(),
            )  # fmt: skip
    normalize(portal.database, load_connector(portal.database, portal.connector_id))


def _configure(portal: StoredPortal, config: dict[str, Any]) -> None:
    portal.execute(
        "UPDATE connectors SET config = CAST(:config AS jsonb) WHERE id = :connector",
        config=orjson.dumps(config).decode(),
    )
    normalize(portal.database, load_connector(portal.database, portal.connector_id))


def _figures(report: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the figures of a report, each with its path."""
    parts = [("summary", report["summary"]), *((f"groups.{n}", group) for n, group in enumerate(report["groups"]))]
    if report["summary"]["compared_with"] is not None:
        parts.append(("summary.compared_with", report["summary"]["compared_with"]))
    for place, part in parts:
        yield from ((f"{place}.{name}", part[name]) for name in ("new_contacts", "offline"))
        yield from ((f"{place}.entered.{stage}", count) for stage, count in part["entered"].items())
        yield from ((f"{place}.entered_unknown.{stage}", n) for stage, n in part.get("entered_unknown", {}).items())
        yield f"{place}.cohort.n", part["cohort"]["n"]
        for stage, reached in part["cohort"]["reached"].items():
            yield from ((f"{place}.cohort.reached.{stage}.{name}", value) for name, value in reached.items())
        yield from ((f"{place}.cohort.undated.{stage}", n) for stage, n in (part["cohort"]["undated"] or {}).items())
        for number, step in enumerate(part["median_days"]):
            yield from ((f"{place}.median_days.{number}.{name}", step[name])
                        for name in ("median_days", "contacts", "backwards"))  # fmt: skip
        for name in ("disqualified", "postponed", "stuck"):
            yield from ((f"{place}.{name}.{figure}", value) for figure, value in part.get(name, {}).items())


def _assert_made_of(path: str, told: Explanation) -> None:
    """The rows are what the figure says of them."""
    assert (told.total, told.next_cursor) == (len(told.rows), None)
    last = path.rsplit(".", maxsplit=1)[-1]
    if last == "rate" and told.value is not None:
        reached = Decimal(told.value) * told.total
        assert abs(reached - round(reached)) <= Decimal("0.00005") * told.total
    elif last not in {"rate", "median_days"}:
        assert told.total == told.value

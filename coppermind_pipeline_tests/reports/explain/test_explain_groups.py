"""A figure of a group or theme stays one of the same, however these are ordered by now, or says that it is gone."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

import orjson
import pytest

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.reports import (
    ExplainRequest,
    Explanation,
    GroupBy,
    ReportRequest,
    crm_report,
    explain,
)
from coppermind_pipeline.reports.models import DealRow
from coppermind_pipeline.wording import capitalized
from coppermind_pipeline_tests.reports.changes.source import FOLLOWED_SINCE, Version, append_version, take_up
from coppermind_pipeline_tests.reports.explain.erasing import erase
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

_READ = FOLLOWED_SINCE + timedelta(days=2)
_ASKED_AT = NOW - timedelta(days=9)
_SOURCES = ("PAID_SEARCH", "OFFLINE", "REFERRALS", "ORGANIC_SEARCH")
_COUNTRIES = ("USA", "Germany", "France", "Spain")
# Each reason's label, and what that is about, by a person.
_REASONS = {
    "too_dear": ("Too expensive", "price"),
    "dear": ("The price, once more", "price"),
    "rival": ("A rival's offer", "competitor"),
    "chemistry": ("Chemistry", "chemistry"),
}
_RENAMED = {"dear": ("Chose a competitor", "competitor"), "chemistry": ("Alchemy", "alchemy")}


@pytest.fixture(autouse=True)
def followed(portal: StoredPortal) -> None:
    portal.execute(
        "UPDATE hubspot_backfills SET first_completed_at = :at WHERE connector_id = :connector", at=FOLLOWED_SINCE
    )
    portal.define("deals", "closed_lost_reason", "Closed Lost Reason", _labels(_REASONS))


@pytest.mark.parametrize("group_by", [GroupBy.SOURCE, GroupBy.COUNTRY])
@pytest.mark.parametrize("groups_max", [1, 2, 100])
def test_after_an_erasure_that_reorders_the_groups(
    portal: StoredPortal, mind: Mind, groups_max: int, group_by: GroupBy
) -> None:
    random = Random(groups_max)
    contacts = {str(number): random.choice(range(4)) for number in range(12)}
    for contact, kind in contacts.items():
        _contact(portal, contact, hs_analytics_source=_SOURCES[kind], country=_COUNTRIES[kind])
    deals = {f"9{number:02}": random.choice(list(contacts)) for number in range(24)}
    for deal, contact in deals.items():
        _deal(portal, deal, "closedwon", amount=str(random.randrange(1, 1_000)))
        _link(portal, deal, contact)
    take_up(portal)
    report = _report(portal, mind, group_by, groups_max=groups_max)
    largest = [contact for contact, kind in contacts.items() if report["groups"][0]["label"] in _labels_of(kind)]
    assert largest
    erase(portal, largest, at=NOW)
    take_up(portal)

    labels = {group["label"] for group in report["groups"]}
    told: list[str] = []
    for number, group in enumerate(report["groups"]):
        found = _explained(portal, mind, report, f"groups.{number}.closed_won.deals")
        rows = [row for row in found.rows if isinstance(row, DealRow)]
        kinds = {capitalized(row.source if group_by is GroupBy.SOURCE else row.country) for row in rows}
        assert kinds.isdisjoint(labels) if group["key"] == "other" else kinds <= {group["label"]}
        assert (found.value or 0) == found.total == len(rows)
        assert ("is gone" in found.caveats[0]) is (found.value is None)
        assert found.changed == ["erasure"]
        told += [str(row.deal_id) for row in rows]
    assert _explained(portal, mind, report, "groups.0.closed_won.deals").value is None
    # What is in no group that the answer named is in Other, where it had that.
    named = groups_max == 100
    assert sorted(told) == sorted(deal for deal, contact in deals.items() if not named or contact not in largest)


@pytest.mark.parametrize("groups_max", [1, 2, 100])
@pytest.mark.parametrize("group_by", [GroupBy.LOSS_REASON, GroupBy.LOSS_THEME, None])
def test_after_a_loss_reason_is_renamed(
    portal: StoredPortal, mind: Mind, group_by: GroupBy | None, groups_max: int
) -> None:
    random = Random(groups_max)
    reasons = {f"9{number:02}": random.choice((*_REASONS, *_REASONS, None)) for number in range(24)}
    for deal, reason in reasons.items():
        _deal(portal, deal, "closedlost", **({} if reason is None else {"closed_lost_reason": reason}))
    take_up(portal)
    report = _report(portal, mind, group_by, groups_max=groups_max)
    parts = report["groups"] if group_by is not None else report["losses"]["themes"]
    place = "groups" if group_by is not None else "losses.themes"
    name = "key" if group_by is not None else "theme"
    shown = {part[name] for part in parts}

    def assert_told(called: Callable[[str | None], str | None]) -> None:
        for number, part in enumerate(parts):
            found = _explained(portal, mind, report, f"{place}.{number}.{'closed_lost.' if group_by else ''}deals")
            expected = {
                deal
                for deal, reason in reasons.items()
                if (called(reason) not in {*shown, None} if part[name] == "other" else called(reason) == part[name])
            }
            assert {row.deal_id for row in found.rows if isinstance(row, DealRow)} == expected, part[name]
            assert found.value == (len(expected) or None)
            assert ("is gone" in found.caveats[0]) is (not expected)
            assert found.same_today is bool(expected)
            assert found.changed == ([] if expected else ["rules"])

    assert_told(_key(group_by, _REASONS))
    portal.execute(
        """UPDATE hubspot_properties SET options = CAST(:options AS jsonb)
            WHERE connector_id = :connector AND object_type = 'deals' AND name = 'closed_lost_reason'""",
        options=orjson.dumps(
            [{"value": value, "label": label} for value, label in _labels(_REASONS | _RENAMED)]
        ).decode(),
    )
    assert_told(_key(group_by, _REASONS | _RENAMED))


def _key(group_by: GroupBy | None, reasons: Mapping[str, tuple[str, str]]) -> Callable[[str | None], str | None]:
    """Return what a reason's group or theme is called."""

    def called(reason: str | None) -> str | None:
        if reason is None:
            return None if group_by is None else "(none)"
        return reason if group_by is GroupBy.LOSS_REASON else reasons[reason][1]

    return called


def _labels(reasons: Mapping[str, tuple[str, str]]) -> list[tuple[str, str]]:
    return [(value, label) for value, (label, _) in reasons.items()]


def _labels_of(kind: int) -> set[str]:
    """Return what people read of a kind of contacts."""
    sources = ("Paid Search", "Offline Sources", "Referrals", "Organic Search")
    return {sources[kind], ("United States", "Germany", "France", "Spain")[kind]}


def _report(portal: StoredPortal, mind: Mind, group_by: GroupBy | None, *, groups_max: int) -> dict[str, Any]:
    request = ReportRequest(period="2026", group_by=group_by, groups_max=groups_max)
    return crm_report(portal.database, mind=mind, request=request, now=_ASKED_AT).model_dump(mode="json")


def _explained(portal: StoredPortal, mind: Mind, report: dict[str, Any], path: str) -> Explanation:
    request = ExplainRequest(figure=f"{report['audit']['answer_id']}#{path}", rows=100)
    return explain(portal.database, mind=mind, request=request, now=NOW)


def _deal(portal: StoredPortal, deal: str, stage: str, **properties: str) -> None:
    said = {"pipeline": "default", "dealstage": stage, "createdate": "2026-09-01T09:00:00Z",
            "closedate": "2026-10-05T15:00:00Z", "deal_currency_code": "USD"} | properties  # fmt: skip
    append_version(portal, deal, Version(_READ, said))


def _contact(portal: StoredPortal, contact: str, *, read_at: datetime = _READ, **properties: str) -> None:
    said = {"createdate": "2026-08-01T09:00:00Z", "lastmodifieddate": "2026-09-01T09:00:00Z"} | properties
    payload = orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
    portal.execute(
        """INSERT INTO hubspot_raw_records (connector_id, mind_id, object_type, hubspot_id, content_hash, read_at,
                                            payload)
           VALUES (:connector, :mind, 'contacts', :id, :hash, :read_at, CAST(:payload AS json))""",
        mind=portal.mind_id, id=contact, read_at=read_at, payload=payload.decode(),
        hash=hashlib.sha256(payload).digest(),
    )  # fmt: skip


def _link(portal: StoredPortal, deal: str, contact: str) -> None:
    portal.execute(
        """INSERT INTO hubspot_associations (connector_id, mind_id, from_type, from_id, to_type, to_id, type_ids,
                                             valid_from)
           VALUES (:connector, :mind, 'deals', :deal, 'contacts', :contact, '{3}', :since)""",
        mind=portal.mind_id, deal=deal, contact=contact, since=_READ,
    )  # fmt: skip

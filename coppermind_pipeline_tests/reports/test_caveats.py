"""Caveats and trust: what an answer says about itself before its figures."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.reports import RecordCounts, trust_block
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.reports.conftest import MakeReport
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

_SINCE = "records changed since 17 November 2024"
_WON: dict[str, Any] = {"outcome": "won", "stage_id": "closedwon", "close_at": NOW, "amount": 10, "currency": "USD",
                        "attributed_source": "OFFLINE"}  # fmt: skip


def test_a_clean_report_has_no_caveats(portal: StoredPortal, report: MakeReport) -> None:
    portal.deal("1", **_WON)
    made = report()
    assert made.audit.caveats == []
    assert made.trust.freshness == "fresh"
    assert made.trust.backfill_complete
    assert made.trust.hydration == "full"


def test_a_stale_sync_comes_first_with_its_age(portal: StoredPortal, report: MakeReport) -> None:
    portal.execute("UPDATE connectors SET status = 'inactive' WHERE id = :connector")
    made = report(now=NOW + timedelta(hours=5))
    assert made.trust.freshness == "stale"
    assert made.audit.caveats[0] == (
        "Portal 7 was last synced 5 hours ago, on 18 November 2026, 07:00 (America/New_York); later HubSpot activity "
        "is not in these figures."
    )
    assert made.audit.caveats[1] == "Portal 7 is disconnected; its records are no longer updated."


def test_a_running_backfill_comes_before_everything_but_a_stale_sync(portal: StoredPortal, report: MakeReport) -> None:
    portal.execute(
        "UPDATE hubspot_backfills SET completed_at = NULL, first_completed_at = NULL WHERE connector_id = :connector"
    )
    portal.deal("1", **_WON | {"amount": None})
    made = report()
    assert not made.trust.backfill_complete
    assert made.audit.caveats == [
        f"The historical backfill of portal 7 is still running; {_SINCE} are not all read yet, and figures will rise.",
        "1 of 1 won deal in the range has no amount.",
    ]


@pytest.mark.parametrize(
    ("first_completed", "said"),
    [
        (
            None,
            [f"The historical backfill of portal 7 had not ended when it was disconnected; {_SINCE} are not all read."],
        ),
        ("2026-01-01", []),
    ],
)
def test_nothing_runs_for_a_portal_that_is_disconnected(
    portal: StoredPortal, report: MakeReport, first_completed: str | None, said: list[str]
) -> None:
    portal.execute(
        """UPDATE hubspot_backfills
              SET completed_at = NULL, first_completed_at = CAST(:first_completed AS timestamptz)
            WHERE connector_id = :connector""",
        first_completed=first_completed,
    )
    portal.execute("UPDATE connectors SET status = 'inactive' WHERE id = :connector")
    caveats = report().audit.caveats
    assert "Portal 7 is disconnected; its records are no longer updated." in caveats
    assert [each for each in caveats if "backfill" in each or "resync" in each] == said


def test_what_was_imported_tells_no_channel(portal: StoredPortal, report: MakeReport) -> None:
    portal.deal("1", **_WON)
    portal.deal("2", **_WON | {"attributed_source": "PAID_SEARCH"})
    (said,) = report(group_by="source").audit.caveats
    assert said == (
        "1 of 2 won deals has the source Offline Sources, as all have that were imported, added by hand or synced from "
        "another tool: nobody can tell what brought it."
    )
    assert said not in report(group_by="source", outcome="lost").audit.caveats
    assert (
        report(group_by="owner").audit.caveats
        == report(group_by="source", start="2026-01-01", end="2026-02-01").audit.caveats
        == []
    )


@pytest.mark.parametrize(("step", "failed"), [("raw", "sync"), ("reconciliation", "reconciliation")])
def test_what_failed_is_told_by_its_name(portal: StoredPortal, report: MakeReport, step: str, failed: str) -> None:
    error = orjson.dumps({"code": "x", "message": "HubSpot refused the list.", "hint": "", "step": step}).decode()
    portal.execute("UPDATE connectors SET last_error = CAST(:error AS jsonb) WHERE id = :connector", error=error)
    assert report().audit.caveats == [f"The last {failed} of portal 7 failed: HubSpot refused the list."]


def test_a_portal_that_was_never_read_gives_no_headline(portal: StoredPortal, report: MakeReport) -> None:
    portal.execute("DELETE FROM hubspot_polls WHERE connector_id = :connector")
    portal.execute("DELETE FROM hubspot_backfills WHERE connector_id = :connector")
    made = report()
    assert made.trust.freshness == "never_synced"
    assert made.trust.last_successful_sync is None
    assert made.trust.coverage_since is None
    assert made.audit.caveats == ["Portal 7 has not been synced yet."]
    assert made.headline == []


def test_a_mind_without_portal_says_so(portal: StoredPortal, report: MakeReport) -> None:
    portal.execute("UPDATE connectors SET status = 'pending_setup', hub_id = NULL WHERE id = :connector")
    made = report()
    assert made.trust.connector_ids == []
    assert made.trust.freshness == "never_synced"
    assert made.audit.caveats == [
        "No HubSpot portal is connected to this mind yet, so that there is nothing to report."
    ]


def test_a_range_before_the_coverage_is_told(report: MakeReport) -> None:
    assert report(period="2024").audit.caveats == [
        "The range starts before what was read of portal 7: records last changed before 17 November 2024 were not read."
    ]
    # The range that it is compared with counts as well.
    assert len(report(period="2025", compare_to="previous_year").audit.caveats) == 1
    assert report(period="2025").audit.caveats == []


def test_degraded_hydration_drift_and_unfinished_filters_are_told_in_order(
    portal: StoredPortal, report: MakeReport
) -> None:
    portal.execute(
        """INSERT INTO hubspot_drifts (connector_id, mind_id, object_type, portal_total, stored_total, confirmed_at)
           SELECT id, mind_id, 'contacts', 10, 9, now() FROM connectors WHERE id = :connector"""
    )
    portal.execute(
        """INSERT INTO hubspot_hydrations (connector_id, mind_id, object_type, error)
           SELECT id, mind_id, 'deals', 'too many' FROM connectors WHERE id = :connector"""
    )
    portal.execute(
        """INSERT INTO hubspot_skipped_records (connector_id, mind_id, object_type, hubspot_id, part)
           SELECT id, mind_id, 'deals', hubspot_id, part FROM connectors, (VALUES ('1'), ('2')) AS ids (hubspot_id),
                  (VALUES ('record'), ('links')) AS parts (part) WHERE id = :connector"""
    )
    portal.execute(
        """INSERT INTO connector_problems (connector_id, mind_id, kind, code, message)
           SELECT id, mind_id, 'config', 'unknown_filter_property', 'hubspot_filters filters deals by ''foo''.'
             FROM connectors WHERE id = :connector"""
    )
    made = report()
    assert made.trust.hydration == "degraded"
    assert made.audit.caveats == [
        "HubSpot refuses some properties of deals of portal 7; what depends on those properties is missing.",
        ("HubSpot counts other contacts in portal 7 than are stored; the connector's status names those that differ."),
        (
            "HubSpot gives no full answer about 2 deals in portal 7; figures show what was last known of them, "
            "and they are tried again daily."
        ),
        "A setting of portal 7 can't be applied: hubspot_filters filters deals by 'foo'.",
    ]


def test_several_portals_and_currencies_are_never_added_up_silently(
    portal: StoredPortal, report: MakeReport, database: Database, local_customer: UUID
) -> None:
    other = StoredPortal.create(database, local_customer, hub_id=8, time_zone="Europe/Berlin")
    portal.deal("1", **_WON)
    other.deal("1", **_WON | {"currency": None})
    assert report().audit.caveats == [
        "The figures come from 2 portals (portal 7 and portal 8); the same sale may be in both.",
        "Amounts are in 2 currencies (USD and an unknown currency), which are not added up.",
        "The portals have no common time zone, so that days are those of UTC; name one with timezone.",
    ]


def test_a_deal_without_date_is_in_no_period(portal: StoredPortal, report: MakeReport) -> None:
    portal.deal("1", **_WON)
    portal.deal("2", **_WON | {"outcome": "lost", "stage_id": "closedlost", "close_at": None})
    assert report(date_basis="hs_closed_won_date").audit.caveats == [
        "1 won deal and 1 lost deal have no closed-won date (lost deals by close date) and are in no period."
    ]


@pytest.mark.parametrize(
    ("closed", "zone", "doubtful"),
    [
        (datetime(2026, 10, 1, tzinfo=UTC), None, True),  # still 30 September in New York
        (datetime(2026, 10, 1, tzinfo=UTC), "UTC", False),  # the report zone reads it alike
        (datetime(2026, 10, 1, tzinfo=UTC), "Asia/Tokyo", False),
        (datetime(2026, 10, 1, 1, tzinfo=UTC), None, False),  # a time of day was meant
        (datetime(2026, 10, 2, tzinfo=UTC), None, False),  # in the quarter either way
    ],
)
def test_bare_dates_on_the_edge_are_told(
    portal: StoredPortal, report: MakeReport, closed: datetime, zone: str | None, doubtful: bool
) -> None:
    portal.deal("1", **_WON | {"close_at": closed})
    told = [caveat for caveat in report(timezone=zone).audit.caveats if "midnight UTC" in caveat]
    said = (
        "1 deal ($10) is dated with a bare day, at midnight UTC, and counted on that day; HubSpot's own screens may "
        "show it a day earlier, in another range or month."
    )
    assert told == ([said] if doubtful else [])


def test_bare_days_at_the_edges_of_months_are_told_where_months_are_shown(
    portal: StoredPortal, report: MakeReport
) -> None:
    portal.deal("1", **_WON | {"close_at": datetime(2026, 11, 1, tzinfo=UTC)})
    portal.deal("2", **_WON | {"close_at": datetime(2026, 11, 2, tzinfo=UTC)})
    portal.deal("3", close_at=datetime(2026, 12, 1, tzinfo=UTC), amount=5, currency="EUR")
    assert not [caveat for caveat in report().audit.caveats if "bare day" in caveat]
    (told,) = [caveat for caveat in report(group_by="month").audit.caveats if "bare day" in caveat]
    assert told.startswith("2 deals (€5 and $10) are dated with a bare day, at midnight UTC")
    (told,) = [c for c in report(start="2026-11-02", end="2026-11-18", compare_to="previous_period").audit.caveats
               if "bare day" in c]  # fmt: skip
    assert told.startswith("1 deal ($10) is dated")


def test_disagreements_and_lost_labels_are_counted(portal: StoredPortal, report: MakeReport) -> None:
    portal.deal("1", **_WON | {"outcome_disagrees": True, "owner_id": "99", "attributed_source": "NEW_ONE"})
    portal.deal("2", **_WON | {"stage_id": "gone"})
    portal.deal("3", **_WON | {"close_at": NOW - timedelta(days=400), "outcome_disagrees": True, "owner_id": "99"})
    told = [
        "1 deal is marked otherwise by HubSpot's own properties than by the stage, which decides.",
        "1 deal has a pipeline or stage that HubSpot has no name for.",
        "1 deal has a source that HubSpot has no name for.",
    ]
    assert report().audit.caveats == told
    told.insert(1, "1 deal has an owner that HubSpot has no name for.")  # where owners are shown
    assert report(group_by="owner").audit.caveats == report(detail=True).audit.caveats == told


def test_counts_tell_records_in_the_window_from_those_referenced(
    portal: StoredPortal, mind: Mind, database: Database
) -> None:
    portal.contact("1")
    portal.contact("2", filtered_reason="e-mail address is excluded")
    portal.contact("3", referenced_only=True)
    portal.contact("4", archived_at=NOW)
    portal.execute("UPDATE hubspot_backfills SET totals = '{\"contacts\": 2}' WHERE connector_id = :connector")
    with database.mind(mind.id) as connection:
        block = trust_block(connection, mind=mind, now=NOW)
    assert block.record_counts[ObjectType.CONTACTS] == RecordCounts(stored=2, portal_in_window=2, referenced_only=1)
    assert block.record_counts[ObjectType.DEALS] == RecordCounts(stored=0, portal_in_window=None, referenced_only=0)
    assert (block.report_range, block.date_basis) == (None, None)


def test_filters_are_shown_as_applied_and_stay_short(portal: StoredPortal, report: MakeReport) -> None:
    portal.execute('UPDATE connectors SET config = \'{"excluded_emails": ["later@acme.com"]}\' WHERE id = :connector')
    applied = {
        "settings": {},
        "filters": {"hubspot_excluded_domains": [f"d{number}.com" for number in range(40)]},
    }
    portal.execute(
        """INSERT INTO pipeline_stages (connector_id, mind_id, stage, applied)
           SELECT id, mind_id, 'normalize', CAST(:applied AS jsonb) FROM connectors WHERE id = :connector""",
        applied=orjson.dumps(applied).decode(),
    )
    made = report()
    filters = made.trust.configured_filters[portal.connector_id]
    assert list(filters) == ["hubspot_excluded_domains"]
    assert len(filters["hubspot_excluded_domains"]) == 11
    assert filters["hubspot_excluded_domains"][-1] == "and 30 more"
    assert made.audit.caveats == [
        (
            "A change of the filters or settings of portal 7 takes effect with its next poll; until then figures "
            "follow those of before."
        ),
    ]


def test_another_minds_records_are_in_no_figure(
    portal: StoredPortal, report: MakeReport, database: Database, local_customer: UUID
) -> None:
    other = StoredPortal.create(database, local_customer, mind="globex", hub_id=9)
    other.deal("1", **_WON)
    portal.deal("1", **_WON)
    made = report()
    assert made.summary.closed_won.deals == 1
    assert made.trust.portal_ids == [7]
    assert made.trust.record_counts[ObjectType.DEALS].stored == 1


def test_groups_that_brought_as_much_are_level(portal: StoredPortal, report: MakeReport) -> None:
    for number in range(6):
        source = "OFFLINE" if number % 2 else "PAID_SEARCH"
        portal.deal(str(number), **_WON | {"amount_home": 10, "attributed_source": source})
    assert "Most won revenue by source: Offline Sources and Paid Search are level (by close date" in " ".join(
        report(group_by="source").headline
    )


def test_each_headline_sentence_names_basis_range_zone_and_sync(portal: StoredPortal, report: MakeReport) -> None:
    for number in range(5):
        portal.deal(str(number), **_WON | {"amount_home": 10})
    portal.deal("6", outcome="open", amount=100, currency="USD")
    made = report(group_by="source", compare_to="previous_period")
    of_quarter = (
        "(by close date, 1 October 2026 to 31 December 2026 so far, America/New_York; synced 18 November 2026, 07:00)."
    )
    before = of_quarter.replace("October", "July").replace("31 December", "18 August").replace(" so far", "")
    of_now = "(as of now, whatever the range, America/New_York; synced 18 November 2026, 07:00)."
    assert made.headline == [
        f"5 deals won, worth $50 {of_quarter}",
        f"Win rate 100.00 %: 5 won and 0 lost of 5 closed deals {of_quarter}",
        f"Before that: no deal won {before}",
        f"Most won revenue by source: Offline Sources, 5 deals worth $50 {of_quarter}",
        f"1 open deal worth $100, $20 weighted by probability {of_now}",
    ]


def test_a_headline_is_in_whole_units_and_says_how_many_deals_are_in_no_sum(
    portal: StoredPortal, report: MakeReport
) -> None:
    portal.deal("1", **_WON | {"amount": "1234.50"})
    portal.deal("2", **_WON | {"amount": "0.40"})
    portal.deal("3", **_WON | {"amount": None})
    portal.deal("4", outcome="open", amount="0.40", currency="USD")
    won, *_, pipeline = report(period="2026-11").headline
    assert won.startswith("3 deals won, worth $1,235 (1 of them without amount) (by close date")
    assert pipeline.startswith("1 open deal worth $0.40, $0.08 weighted")

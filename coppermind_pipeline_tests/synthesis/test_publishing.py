"""Once per connector and period, whatever is retried; from one connector's rows; with reasons for what is left out."""

import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from coppermind_pipeline.connectors import Cadence, PeriodKeyError
from coppermind_pipeline.memories import drain, search
from coppermind_pipeline.store import Database
from coppermind_pipeline.synthesis import WAITING_FOR_BACKFILL, Aggregate, SynthesisFailed
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal
from coppermind_pipeline_tests.synthesis.portals import days_ago, fill, queued, run, texts


@pytest.fixture
def portal(database: Database, local_customer: UUID) -> StoredPortal:
    portal = StoredPortal.create(database, local_customer)
    fill(portal)
    return portal


def stored(portal: StoredPortal) -> list:
    with portal.database.mind(portal.mind_id) as connection:
        return list(connection.execute(text("SELECT * FROM syntheses ORDER BY period_key")))


def test_five_sensitive_facts_are_queued_under_the_source_refs_of_the_period(portal):
    assert run(portal).queued == 5
    rows = queued(portal)
    assert {row.source_ref for row in rows} == {
        f"hubspot:acme-hubspot-0007:aggregate:2026-W47:{aggregate}"
        for aggregate in ("channel_mix", "geography", "lead_leaks", "loss_themes", "strategy")
    }
    for row in rows:
        assert (row.operation, row.type, row.sensitivity) == ("publish", "fact", "sensitive")
        assert (row.aggregate_period_key, row.as_of) == ("2026-W47", NOW)
        assert row.source_ref.endswith(f":{row.aggregate_scope}")


def test_a_published_period_is_left_as_it_is(portal):
    run(portal)
    before = queued(portal)
    portal.execute("DELETE FROM hubspot_crm_objects WHERE object_type = 'contacts'")
    again = run(portal, now=NOW + timedelta(days=2))
    assert (again.already_published, again.queued) == (True, 0)
    assert queued(portal) == before


def test_a_refresh_publishes_the_period_again_with_the_records_of_today(portal):
    run(portal)
    portal.execute(
        "UPDATE hubspot_crm_objects SET filtered_reason = 'x' WHERE object_type = 'deals' AND outcome = 'lost'"
    )
    again = run(portal, refresh=True)
    assert (again.already_published, again.queued) == (False, 4)
    assert again.skipped == {Aggregate.LOSS_THEMES: "Only 0 lost deals to speak of, and at least 5 are needed."}
    assert "14 won, 0 lost" in texts(portal)["channel_mix"]
    (row,) = stored(portal)
    assert row.skipped == {"loss_themes": "Only 0 lost deals to speak of, and at least 5 are needed."}


def test_two_runs_at_once_publish_once(portal):
    results = []
    threads = [threading.Thread(target=lambda: results.append(run(portal))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result.queued for result in results) == [0, 0, 0, 5]
    assert sum(result.already_published for result in results) == 3


def test_nothing_is_published_before_the_backfill_is_complete(portal):
    portal.execute("UPDATE hubspot_backfills SET completed_at = NULL, first_completed_at = NULL")
    result = run(portal)
    assert (result.skipped, result.queued) == (dict.fromkeys(Aggregate, WAITING_FOR_BACKFILL), 0)
    assert (queued(portal), stored(portal)) == ([], [])
    portal.execute("UPDATE hubspot_backfills SET first_completed_at = :now", now=NOW)  # a resync is under way
    assert run(portal).queued == 5


def test_a_failure_is_stored_and_the_next_run_makes_up_for_it(portal):
    portal.database.dispose()
    with portal.database.owner() as connection:
        connection.execute(text("ALTER TABLE memory_queue ADD CONSTRAINT refused CHECK (aggregate_scope IS NULL)"))
    with pytest.raises(SynthesisFailed, match="2026-W47"):
        run(portal)
    (row,) = stored(portal)
    assert row.error == "IntegrityError (SQLSTATE 23514)"
    assert row.published_at is None
    assert queued(portal) == []
    with portal.database.owner() as connection:
        connection.execute(text("ALTER TABLE memory_queue DROP CONSTRAINT refused"))
    assert run(portal).queued == 5
    (row,) = stored(portal)
    assert (row.error, row.published_at) == (None, NOW)


def test_monthly_and_weekly_periods_stand_beside_each_other_and_search_finds_the_later(portal):
    run(portal, now=NOW - timedelta(days=1))
    assert run(portal, cadence=Cadence.MONTHLY).period_key == "2026-11"
    assert {row.cadence for row in stored(portal)} == {"weekly", "monthly"}
    drain(portal.database, connector_id=portal.connector_id, mind_id=portal.mind_id)
    with portal.database.mind(portal.mind_id) as connection:
        live = connection.execute(
            text("SELECT aggregate_scope, aggregate_period_key FROM memories WHERE superseded_at IS NULL")
        ).all()
    assert sorted(live) == [(aggregate.value, "2026-11") for aggregate in Aggregate]
    first, *_ = search(portal.database, mind_id=portal.mind_id, query="strongest source").memories
    assert first.provenance.aggregate_thresholds == {
        "records_min": 10, "events_min": 5, "false_claims_max": 0.05, "range_confidence": 0.95,
    }  # fmt: skip


def test_the_next_period_says_what_changed_since_the_one_before(portal):
    run(portal)
    portal.deal("5000", outcome="won", attributed_source="PAID_SEARCH", attribution_step="deal", close_at=NOW,
                amount=1_000, currency="USD", primary_company_id="9000", place_country_code="US")  # fmt: skip
    assert run(portal, now=NOW + timedelta(days=7)).period_key == "2026-W48"
    text_of = texts(portal, "2026-W48")
    assert "Since the synthesis through 18 November 2026: deals 34 → 35; won deals 14 → 15;" in text_of["channel_mix"]
    assert "closed-won revenue €11,500 and $160,000 → €11,500 and $161,000" in text_of["geography"]
    assert text_of["loss_themes"].endswith("Nothing here changed since the synthesis through 18 November 2026.")


def test_a_past_period_is_worked_out_as_of_its_end_and_compared_with_the_one_before_it(portal):
    run(portal, now=datetime(2026, 11, 5, 12, tzinfo=UTC))
    run(portal)
    assert run(portal, period_key="2026-W46").period_key == "2026-W46"
    past = texts(portal, "2026-W46")["channel_mix"]
    assert past.startswith("Channel mix: all synced HubSpot CRM history through 15 November 2026")
    assert "Worked out on 18 November 2026" in past
    assert "the synthesis through 5 November 2026" in past
    # The contacts and the lost and open deals were all created on the 18th.
    assert "0 contacts and 14 deals: 14 won" in past
    assert {row.as_of for row in queued(portal) if row.aggregate_period_key == "2026-W46"} == {
        datetime(2026, 11, 16, 5, tzinfo=UTC)
    }


def test_a_deal_that_closed_after_a_past_period_counts_as_open_in_it(portal):
    portal.execute("UPDATE hubspot_crm_objects SET created_at = :then", then=days_ago(300))
    portal.execute("UPDATE hubspot_crm_objects SET close_at = :then WHERE hubspot_id = '1000'", then=days_ago(1))
    run(portal, period_key="2026-W46")
    assert "34 deals: 13 won, 11 lost, 10 open" in texts(portal, "2026-W46")["channel_mix"]


@pytest.mark.parametrize("key", ["2026-W48", "2026-12", "soon"])
def test_a_period_that_has_not_begun_is_refused(portal, key):
    with pytest.raises(PeriodKeyError):
        run(portal, period_key=key)


def test_two_portals_of_one_mind_do_not_mix(portal, database, local_customer):
    other = StoredPortal.create(database, local_customer, hub_id=8, company_currency="EUR")
    assert other.mind_id == portal.mind_id
    for number in range(6):
        other.contact(f"{100 + number}", source="REFERRALS", lifecycle_stage="lead", lead_status="UNQUALIFIED")
        other.deal(f"{1000 + number}", outcome="won", attributed_source="REFERRALS", amount=7, currency="EUR",
                   primary_company_id="9000", place_country_code="FR")  # fmt: skip
    run(portal)
    first = texts(portal)
    assert run(other).skipped.keys() == {Aggregate.LOSS_THEMES}
    assert "6 contacts and 6 deals: 6 won" in texts(other)["channel_mix"]
    assert "France: 1 customer, 6 won deals, €42" in texts(other)["geography"]
    assert all("France" not in each for each in first.values())
    assert len(texts(portal)) == 5
    assert texts(portal) == first


def test_too_few_records_skip_a_scope_with_the_reason(database, local_customer):
    portal = StoredPortal.create(database, local_customer)
    for number in range(4):
        portal.contact(f"{number}", lifecycle_stage="lead")
        portal.deal(f"{number}", outcome="won", primary_company_id="1")
    result = run(portal)
    assert result.skipped == {
        Aggregate.GEOGRAPHY: "Only 4 won deals to speak of, and at least 5 are needed.",
        Aggregate.LEAD_LEAKS: "Only 4 leads to speak of, and at least 5 are needed.",
        Aggregate.LOSS_THEMES: "Only 0 lost deals to speak of, and at least 5 are needed.",
    }
    assert "Geography: Only 4 won deals to speak of" in texts(portal)["strategy"]


def test_a_portal_without_records_publishes_nothing_once(database, local_customer):
    portal = StoredPortal.create(database, local_customer)
    result = run(portal)
    assert (result.queued, set(result.skipped)) == (0, set(Aggregate))
    assert run(portal).already_published
    assert run(portal).skipped == result.skipped


@pytest.mark.parametrize(
    ("filters", "aggregate"),
    [
        ({"contacts": {"hs_lead_status": ["NEW", "OPEN"]}}, Aggregate.LEAD_LEAKS),
        ({"contacts": {"lifecyclestage": "lead"}}, Aggregate.LEAD_LEAKS),
        ({"contacts": {"hs_analytics_source": "PAID_SEARCH"}}, Aggregate.CHANNEL_MIX),
        ({"deals": {"dealstage": "closedwon"}}, Aggregate.CHANNEL_MIX),
        ({"companies": {"country": "USA"}}, Aggregate.GEOGRAPHY),
        ({"deals": {"closed_lost_reason": "price"}}, Aggregate.LOSS_THEMES),
    ],
)
def test_a_filter_on_the_property_that_an_aggregate_measures_skips_it(portal, filters, aggregate):
    for object_type, properties in filters.items():
        portal.execute(
            """INSERT INTO hubspot_properties (connector_id, mind_id, object_type, name, label, type, field_type)
               VALUES (:connector, :mind, :type, :name, 'The Label', 'string', 'text') ON CONFLICT DO NOTHING""",
            mind=portal.mind_id, type=object_type, name=next(iter(properties)),
        )  # fmt: skip
    result = run(portal, hubspot_property_filters=filters)
    assert set(result.skipped) == {aggregate}
    assert "the very property" in result.skipped[aggregate]
    assert aggregate not in texts(portal)
    assert result.skipped[aggregate] in texts(portal)["strategy"]


def test_a_filter_on_another_property_skips_nothing(portal):
    assert run(portal, hubspot_property_filters={"deals": {"dealtype": "newbusiness"}}).skipped == {}


def test_filters_that_can_not_be_applied_skip_what_reads_their_records(portal):
    result = run(portal, hubspot_property_filters={"deals": {"pipelin": "default"}})
    assert set(result.skipped) == {Aggregate.CHANNEL_MIX, Aggregate.GEOGRAPHY, Aggregate.LOSS_THEMES}
    assert "can't be applied" in result.skipped[Aggregate.CHANNEL_MIX]


def test_the_configured_statuses_decide_who_is_disqualified(portal):
    run(portal, hubspot_disqualified_statuses=["NEW"])
    assert "Disqualified (lead status New)" in texts(portal)["lead_leaks"]


def test_a_stale_sync_is_said(portal):
    portal.execute("UPDATE hubspot_polls SET last_succeeded_at = :then", then=days_ago(6))
    run(portal)
    for content in texts(portal).values():
        assert "HubSpot was last read completely on 12 November 2026; later changes are missing." in content


def test_a_backfill_is_no_complete_pull(portal):
    portal.execute("UPDATE hubspot_polls SET last_succeeded_at = NULL")
    run(portal)
    for content in texts(portal).values():
        assert "HubSpot has not been read completely yet" in content


def test_a_past_period_is_stale_by_its_own_end(portal):
    portal.execute("UPDATE hubspot_polls SET last_succeeded_at = :then", then=days_ago(1))
    run(portal, period_key="2026-W46")
    for content in texts(portal, "2026-W46").values():
        assert "last read completely" not in content
    portal.execute("UPDATE hubspot_polls SET last_succeeded_at = :then", then=days_ago(20))
    run(portal, period_key="2026-W46", refresh=True)
    for content in texts(portal, "2026-W46").values():
        assert "HubSpot was last read completely on 29 October 2026; later changes are missing." in content

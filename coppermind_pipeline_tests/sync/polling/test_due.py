"""When a poll is due, and how it begins: by the stored times, which the tests move."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from coppermind_pipeline.accounts import local_caller
from coppermind_pipeline.connectors import load_connector, request_sync
from coppermind_pipeline.errors import CoppermindError
from coppermind_pipeline.hubspot import PortalUnavailable, TokenRejected
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import DuePoll, due_polls, poll_failed, poll_started, poll_succeeded
from coppermind_pipeline.sync.polling.due import EARLY_SHARE_MAX, poll_waits
from coppermind_pipeline.sync.turns import LOST_AFTER_MINUTES
from coppermind_pipeline_tests.stored_portal import StoredPortal

_HALF_A_MINUTE = timedelta(seconds=30)


class Polled:
    """A portal that has been read, whose polls the test makes fail and succeed."""

    def __init__(self, database: Database, portal: StoredPortal) -> None:
        self.database = database
        self.portal = portal
        self.connector = load_connector(database, portal.connector_id)

    def fails(self, error: CoppermindError | None = None) -> None:
        with self.database.mind(self.connector.mind_id) as connection:
            poll_started(connection, self.connector.scope)
            poll_failed(connection, self.connector, error or PortalUnavailable())

    def succeeds(self) -> None:
        with self.database.mind(self.connector.mind_id) as connection:
            poll_started(connection, self.connector.scope)
            poll_succeeded(connection, self.connector)

    def passes(self, time: timedelta) -> None:
        """Let everything that polls hang on have happened so much earlier."""
        with self.database.owner() as connection:
            for column in ("last_started_at", "last_failed_at", "last_succeeded_at", "retry_at"):
                connection.execute(text(f"UPDATE hubspot_polls SET {column} = {column} - :by"), {"by": time})
            connection.execute(text("UPDATE connectors SET sync_requested_at = sync_requested_at - :by"), {"by": time})

    def due(self) -> DuePoll | None:
        with self.database.scheduler() as connection:
            return next(iter(due_polls(connection)), None)

    def waits(self, run_id: str = "a reconciliation") -> bool:
        with self.database.scheduler() as connection:
            return poll_waits(connection, self.connector.id, run_id=run_id)


@pytest.fixture
def polled(database: Database, local_customer) -> Polled:
    portal = StoredPortal.create(database, local_customer)
    polled = Polled(database, portal)
    polled.succeeds()
    return polled


def test_a_portal_that_fails_is_asked_again_ever_more_rarely_and_hourly_after_an_hour(polled: Polled):
    waited = timedelta()
    for minutes in (1, 2, 4, 8, 15, 15, 15, 60, 60):
        polled.fails()
        assert polled.due() is None
        polled.passes(timedelta(minutes=minutes) - _HALF_A_MINUTE)
        assert polled.due() is None, minutes
        polled.passes(_HALF_A_MINUTE)
        due = polled.due()
        assert due is not None, minutes
        assert due.way == "look"
        if waited < timedelta(hours=1):
            waited += timedelta(minutes=minutes)
    assert waited == timedelta(hours=1)
    polled.succeeds()
    polled.fails()
    polled.passes(timedelta(minutes=1))
    assert polled.due() is not None, "an answer in between begins again"


def test_a_backfill_that_fails_rests_likewise(polled: Polled):
    polled.portal.execute("UPDATE hubspot_backfills SET completed_at = NULL WHERE connector_id = :connector")
    due = polled.due()
    assert due is not None
    assert (due.reason, due.way) == ("backfill", "run")
    polled.fails()
    polled.fails()
    polled.passes(timedelta(minutes=2) - _HALF_A_MINUTE)
    assert polled.due() is None
    polled.passes(_HALF_A_MINUTE)
    due = polled.due()
    assert due is not None
    assert (due.reason, due.way) == ("backfill", "look")


def test_who_asks_for_a_sync_has_the_portal_tried_at_once(polled: Polled):
    for _ in range(9):
        polled.fails()
    assert polled.due() is None
    request_sync(polled.database, local_caller(polled.database), polled.connector.id)
    due = polled.due()
    assert due is not None
    assert (due.reason, due.way, due.failing) == ("requested", "run", True)


def test_a_sync_that_is_asked_for_during_a_backfill_has_a_turn_of_its_own(polled: Polled):
    polled.portal.execute("UPDATE hubspot_backfills SET completed_at = NULL WHERE connector_id = :connector")
    polled.passes(timedelta(minutes=1))
    slice_of_backfill = polled.due()
    request_sync(polled.database, local_caller(polled.database), polled.connector.id)
    asked_for = polled.due()
    assert slice_of_backfill is not None
    assert asked_for is not None
    assert (slice_of_backfill.reason, asked_for.reason) == ("backfill", "requested")
    assert slice_of_backfill.turn != asked_for.turn


def test_a_poll_whose_run_was_lost_before_it_began_has_another_turn_some_minutes_later(polled: Polled):
    polled.passes(timedelta(minutes=20))
    due = polled.due()
    assert due is not None
    begun = due.asked_at.replace(minute=due.asked_at.minute // LOST_AFTER_MINUTES * LOST_AFTER_MINUTES)
    turns = [replace(due, asked_at=begun + timedelta(minutes=minutes)).turn for minutes in (0, 4, 5, 9, 10)]
    assert turns[0] == turns[1] == due.turn
    assert turns[2] == turns[3]
    assert len(set(turns)) == 3


def test_a_pause_that_hubspot_asks_for_is_kept(polled: Polled):
    polled.fails(PortalUnavailable(retry_at=datetime.now(UTC) + timedelta(minutes=10)))
    polled.passes(timedelta(minutes=9))
    assert polled.due() is None
    polled.passes(timedelta(minutes=1))
    assert polled.due() is not None


def test_a_failure_of_what_is_no_poll_ends_no_pause(polled: Polled):
    polled.fails(PortalUnavailable(retry_at=datetime.now(UTC) + timedelta(minutes=10)))
    with polled.database.mind(polled.connector.mind_id) as connection:
        for error in (PortalUnavailable(), PortalUnavailable(retry_at=datetime.now(UTC) + timedelta(minutes=1))):
            poll_failed(connection, polled.connector, error, step="reconciliation", run_id="a reconciliation")
    polled.passes(timedelta(minutes=9))
    assert polled.due() is None
    polled.passes(timedelta(minutes=1))
    assert polled.due() is not None


def test_what_needs_a_person_is_looked_at_hourly(polled: Polled):
    for _ in range(3):
        polled.fails(TokenRejected())
        polled.passes(timedelta(minutes=59))
        assert polled.due() is None
        polled.passes(timedelta(minutes=1))
        assert polled.due() is not None


def test_an_interval_ends_early_by_a_share_that_stays_the_same(polled: Polled):
    earliest = timedelta(minutes=15) * (1 - EARLY_SHARE_MAX)
    polled.passes(earliest - timedelta(seconds=1))
    assert polled.due() is None
    polled.passes(timedelta(minutes=15) - earliest + timedelta(seconds=1))
    due = polled.due()
    assert due is not None
    assert due.way == "probe"
    polled.passes(timedelta(seconds=1))
    again = polled.due()
    assert again is not None
    assert due.due_at - again.due_at == timedelta(seconds=1)


def test_connectors_that_began_together_part_ways(database: Database):
    with database.scheduler() as connection:
        phases = connection.scalars(text("SELECT connector_phase('acme-hubspot-' || n) FROM generate_series(1, 300) n"))
        shares = sorted(phases)
    assert shares[0] >= 0
    assert shares[-1] < 1
    for tenth in range(10):
        assert 15 <= sum(tenth / 10 <= share < (tenth + 1) / 10 for share in shares) <= 50


def test_a_poll_that_is_due_waits_for_other_runs_of_the_connector_and_not_for_itself(polled: Polled):
    assert not polled.waits()
    polled.passes(timedelta(minutes=15))
    assert polled.waits()
    polled.portal.execute("UPDATE hubspot_polls SET run_id = 'the poll' WHERE connector_id = :connector")
    assert not polled.waits("the poll")
    polled.portal.execute("UPDATE hubspot_backfills SET completed_at = NULL WHERE connector_id = :connector")
    assert polled.waits("the poll"), "a backfill once more goes on in another slice"
    polled.portal.execute("UPDATE hubspot_backfills SET first_completed_at = NULL WHERE connector_id = :connector")
    assert not polled.waits("the poll"), "a first backfill has no polls beside it"

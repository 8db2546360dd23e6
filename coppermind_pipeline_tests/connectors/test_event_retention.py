"""Entries of a connector's log that are too old go, beside whoever writes it; its newest ones stay."""

from uuid import UUID

import pytest
from sqlalchemy import text

from coppermind_pipeline.connectors import event_retention, remove_old_log_entries
from coppermind_pipeline.store import Database, Removed
from coppermind_pipeline_tests.stored_portal import StoredPortal

DAYS = 400


def _log(portal: StoredPortal, *, days_ago: list[int]) -> None:
    portal.execute("UPDATE connectors SET created_at = now() - interval '900 days' WHERE id = :connector")
    for days in days_ago:
        portal.execute(
            """INSERT INTO connector_events (connector_id, mind_id, at, severity, code, message)
               VALUES (:connector, :mind, now() - make_interval(days => :days), 'info', 'happened', '')""",
            mind=portal.mind_id,
            days=days,
        )


def _left(portal: StoredPortal) -> list[int]:
    with portal.database.mind(portal.mind_id) as connection:
        ages = text("SELECT (now()::date - at::date) FROM connector_events WHERE connector_id = :id ORDER BY at")
        return [int(age) for age in connection.scalars(ages, {"id": portal.connector_id})]


@pytest.mark.parametrize("at_once", [2, 1_000])
def test_old_entries_go_but_for_the_newest_of_each_connector(
    database: Database, local_customer: UUID, monkeypatch: pytest.MonkeyPatch, at_once: int
):
    monkeypatch.setattr(event_retention, "NEWEST_KEPT", 3)
    monkeypatch.setattr(event_retention, "_EVENTS_MAX", at_once)
    busy = StoredPortal.create(database, local_customer, mind="busy", hub_id=1)
    quiet = StoredPortal.create(database, local_customer, mind="quiet", hub_id=2)
    _log(busy, days_ago=[800, 700, 600, 500, 450, 399, 300, 200, 1])
    _log(quiet, days_ago=[800, 700, 600, 500])
    removed = remove_old_log_entries(database, days=DAYS, time_is_up=lambda: False)
    assert removed == Removed(6, complete=True)
    assert _left(busy) == [399, 300, 200, 1]
    assert _left(quiet) == [700, 600, 500]
    assert remove_old_log_entries(database, days=DAYS, time_is_up=lambda: False) == Removed(0, complete=True)

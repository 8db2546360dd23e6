"""The queue and its drain: at least once, with an effect as if once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection

from coppermind_pipeline.memories import (
    Drained,
    MemoryType,
    QueueEntry,
    QueueStatus,
    Sensitivity,
    aggregate_ref,
    drain,
    draining,
    enqueue,
    list_queue,
    queue_status,
    record_ref,
    replay_dead,
)
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.memories.steps import drained, rows
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

TOO_LONG_TO_INDEX = " ".join(f"word{number}" for number in range(200_000))


def _publish(portal: StoredPortal, hubspot_id: str, content: str) -> QueueEntry:
    return QueueEntry(
        source_ref=record_ref(portal.connector_id, ObjectType.CONTACTS, hubspot_id),
        connector_id=portal.connector_id,
        operation="publish",
        type=MemoryType.STAKEHOLDER,
        sensitivity=Sensitivity.OPEN,
        content=content,
        object_type=ObjectType.CONTACTS,
        hubspot_id=hubspot_id,
        as_of=NOW,
    )


def _aggregate(portal: StoredPortal, period_key: str, content: str, as_of: datetime) -> QueueEntry:
    return QueueEntry(
        source_ref=aggregate_ref(portal.connector_id, period_key, "strategy"),
        connector_id=portal.connector_id,
        operation="publish",
        type=MemoryType.FACT,
        sensitivity=Sensitivity.SENSITIVE,
        content=content,
        aggregate_period_key=period_key,
        aggregate_scope="strategy",
        as_of=as_of,
    )


def _queue(portal: StoredPortal, *entries: QueueEntry) -> None:
    with portal.database.mind(portal.mind_id) as connection:
        enqueue(connection, entries)


def _status(portal: StoredPortal) -> QueueStatus:
    with portal.database.mind(portal.mind_id) as connection:
        return queue_status(connection, portal.connector_id)


def _contents(portal: StoredPortal) -> list[str]:
    return [row.content for row in rows(portal, "SELECT content FROM memories ORDER BY id")]


def _live_contents(portal: StoredPortal) -> list[str]:
    found = rows(portal, "SELECT content FROM memories WHERE superseded_at IS NULL AND retired_at IS NULL ORDER BY id")
    return [row.content for row in found]


@contextmanager
def _before_applying(monkeypatch: pytest.MonkeyPatch, act: Any) -> Iterator[None]:
    """Run `act` once, after the first claim and before what was claimed is applied."""
    begin = draining.batch_transaction
    begun = count(1)

    def beginning(database: Database, mind_id: UUID) -> AbstractContextManager[Connection]:
        if next(begun) == 2:
            act()
        return begin(database, mind_id)

    with monkeypatch.context() as patch:
        patch.setattr(draining, "batch_transaction", beginning)
        yield


def test_a_newer_entry_replaces_the_pending_one_of_its_source_ref(portal: StoredPortal):
    _queue(portal, _publish(portal, "1", "first"), _publish(portal, "2", "other"))
    _queue(portal, _publish(portal, "1", "second"))
    assert _status(portal).pending == 2
    assert drained(portal) == Drained(published=2)
    assert sorted(_contents(portal)) == ["other", "second"]


def test_the_same_text_again_publishes_nothing(portal: StoredPortal):
    _queue(portal, _publish(portal, "1", "same"))
    drained(portal)
    _queue(portal, _publish(portal, "1", "same"))
    assert drained(portal) == Drained()
    assert _contents(portal) == ["same"]


def test_an_entry_that_is_replaced_while_it_is_claimed_survives(portal: StoredPortal, monkeypatch: pytest.MonkeyPatch):
    _queue(portal, _publish(portal, "1", "first"))
    batches: list[Drained] = []
    with _before_applying(monkeypatch, lambda: _queue(portal, _publish(portal, "1", "second"))):
        drain(
            portal.database,
            connector_id=portal.connector_id,
            mind_id=portal.mind_id,
            on_progress=batches.append,
        )
    assert batches == [Drained(), Drained(published=1)]  # passed over as claimed, published under a claim of its own
    assert _contents(portal) == ["second"]
    assert _status(portal).pending == 0


def test_a_drain_killed_after_its_claim_loses_nothing_and_doubles_nothing(
    portal: StoredPortal, monkeypatch: pytest.MonkeyPatch
):
    class Killed(BaseException):
        pass

    def kill() -> None:
        raise Killed

    _queue(portal, *(_publish(portal, str(number), f"text {number}") for number in range(20)))
    with _before_applying(monkeypatch, kill), pytest.raises(Killed):
        drained(portal)
    assert _status(portal).in_progress == 20
    assert drained(portal) == Drained()  # the lease still runs
    portal.execute("UPDATE memory_queue SET available_at = now() - interval '1 second' WHERE connector_id = :connector")
    assert drained(portal) == Drained(published=20)
    assert len(_contents(portal)) == 20


def test_drains_at_once_leave_one_live_memory_per_source_ref(portal: StoredPortal, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(draining, "BATCH_ENTRIES", 7)
    with ThreadPoolExecutor(3) as pool:
        for version in range(4):
            _queue(portal, *(_publish(portal, str(number), f"text {number} v{version}") for number in range(60)))
            drains = [pool.submit(drained, portal) for _ in range(3)]
            _queue(portal, *(_publish(portal, str(number), f"text {number} v{version}b") for number in range(0, 60, 2)))
            for each in drains:
                each.result()
    drained(portal)
    expected = {f"text {number} v3{'b' if number % 2 == 0 else ''}" for number in range(60)}
    assert set(_live_contents(portal)) == expected
    assert len(_live_contents(portal)) == 60
    assert _status(portal).pending == 0


@pytest.mark.slow
def test_a_poison_entry_is_isolated_backs_off_dies_and_can_be_replayed(portal: StoredPortal):
    _queue(portal, *(_publish(portal, str(n), TOO_LONG_TO_INDEX if n == 3 else f"text {n}") for n in range(6)))
    assert drained(portal) == Drained(published=5, failed=1)
    (entry,) = list_queue(portal.database, connector_id=portal.connector_id, mind_id=portal.mind_id)
    assert (entry.state, entry.attempts) == ("pending", 1)
    assert entry.available_at > datetime.now(UTC) + timedelta(seconds=20)
    assert "tsvector" in (entry.last_error or "")
    for attempt in range(2, draining.ATTEMPTS_MAX + 1):
        portal.execute("UPDATE memory_queue SET available_at = now() WHERE connector_id = :connector")
        outcome = drained(portal)
        assert outcome == (Drained(dead=1) if attempt == draining.ATTEMPTS_MAX else Drained(failed=1))
    assert (_status(portal).dead, _status(portal).pending) == (1, 0)
    assert drained(portal) == Drained()
    assert replay_dead(portal.database, connector_id=portal.connector_id, mind_id=portal.mind_id) == 1
    _queue(portal, _publish(portal, "3", "short"))
    assert drained(portal) == Drained(published=1)


def test_a_limited_drain_leaves_the_rest(portal: StoredPortal):
    _queue(portal, *(_publish(portal, str(number), f"text {number}") for number in range(10)))
    limited = drain(portal.database, connector_id=portal.connector_id, mind_id=portal.mind_id, limit=4)
    assert (limited, _status(portal).pending) == (Drained(published=4), 6)


def test_the_status_tells_since_when_the_oldest_entry_waits(portal: StoredPortal):
    assert _status(portal) == QueueStatus(
        pending=0, in_progress=0, dead=0, oldest_pending_at=None, last_enqueued_at=None
    )
    _queue(portal, _publish(portal, "1", "first"))
    first = _status(portal).oldest_pending_at
    _queue(portal, _publish(portal, "1", "second"))
    assert _status(portal).oldest_pending_at == first
    drained(portal)
    assert _status(portal).oldest_pending_at is None
    assert (_status(portal).last_enqueued_at or NOW) > (first or NOW)


def test_an_aggregate_supersedes_the_earlier_one_of_its_scope_whatever_its_period(portal: StoredPortal):
    week = timedelta(weeks=1)
    _queue(
        portal, _aggregate(portal, "2026-W46", "week 46", NOW), _aggregate(portal, "2026-W47", "week 47", NOW + week)
    )
    assert drained(portal) == Drained(published=2, superseded=1)
    _queue(portal, _aggregate(portal, "2026-11", "november", NOW + 2 * week))
    assert drained(portal) == Drained(published=1, superseded=1)
    assert _live_contents(portal) == ["november"]
    ids = rows(portal, "SELECT DISTINCT aggregate_connector_id FROM memories")
    assert [row[0] for row in ids] == [portal.connector_id]


def test_a_past_period_that_is_computed_again_does_not_displace_the_current_one(portal: StoredPortal):
    _queue(portal, _aggregate(portal, "2026-W47", "week 47", NOW))
    drained(portal)
    past = _aggregate(portal, "2026-W40", "week 40", NOW - timedelta(weeks=7))
    for expected in (Drained(published=1), Drained()):
        _queue(portal, past)
        assert drained(portal) == expected
    assert _live_contents(portal) == ["week 47"]


def test_two_portals_of_a_mind_do_not_overwrite_each_others_aggregates(portal: StoredPortal, local_customer: Any):
    other = StoredPortal.create(portal.database, local_customer, hub_id=8)
    _queue(portal, _aggregate(portal, "2026-W47", "ours", NOW))
    _queue(other, _aggregate(other, "2026-W47", "theirs", NOW))
    drained(portal)
    drained(other)
    assert _live_contents(portal) == ["ours", "theirs"]

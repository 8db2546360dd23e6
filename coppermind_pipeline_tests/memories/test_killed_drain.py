"""A drain that is killed again and again, wherever it is, ends as one that nobody disturbed: each memory once.

So does one beside a mapping, which is killed with it.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import psutil
import pytest

from coppermind_pipeline.memories import MemoryType, QueueEntry, Sensitivity, aggregate_ref, enqueue, record_ref
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.memories.draining_process import DATABASE_URL
from coppermind_pipeline_tests.memories.filled import fill
from coppermind_pipeline_tests.memories.steps import drained, published, rows
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

REPLACED, RETIRED, NEW = 600, 200, 600
BATCH_ENTRIES, MEMORIES_MAX = 60, 150  # two to three batches
MOMENTS_MAX = 100
KILLS_MIN, STARTS_MAX = 10, 100
NEVER = 0

# Of the drain beside a mapping: 350 records, most of which are remembered.
MAPPED_DEALS, BATCH_RECORDS = 100, 20
BATCH_ENTRIES_BESIDE, MEMORIES_BESIDE_MAX = 10, 20


@pytest.mark.slow
def test_a_drain_killed_at_random_points_leaves_each_memory_once(
    database: Database, local_customer: UUID, database_url: str, server_home: Path
):
    chance = Random(15)
    undisturbed, disturbed = (StoredPortal.create(database, local_customer, mind=mind) for mind in ("still", "killed"))
    for portal in (undisturbed, disturbed):
        _fill(portal)
    drained(undisturbed)
    kills = _kill_until_done(disturbed, chance, _Process(database_url, server_home, BATCH_ENTRIES), MEMORIES_MAX)
    assert kills >= KILLS_MIN
    _assert_each_once(disturbed, undisturbed)


@pytest.mark.parametrize(
    "seed", [pytest.param(0, marks=pytest.mark.slow), *(pytest.param(n, marks=pytest.mark.soak) for n in range(1, 20))]
)
def test_a_drain_beside_a_mapping_killed_with_it_at_random_points_leaves_each_memory_once(
    database: Database, local_customer: UUID, database_url: str, server_home: Path, seed: int
):
    undisturbed, disturbed = (StoredPortal.create(database, local_customer, mind=mind) for mind in ("still", "killed"))
    for portal in (undisturbed, disturbed):
        fill(portal, deals=MAPPED_DEALS)
        portal.execute("UPDATE hubspot_crm_objects SET read_at = :now", now=NOW)
        published(portal)
        portal.execute(_CHANGE_HALF)
        portal.execute(_ARCHIVE_SOME)
    published(undisturbed)
    process = _Process(database_url, server_home, BATCH_ENTRIES_BESIDE, BATCH_RECORDS)
    kills = _kill_until_done(disturbed, Random(seed), process, MEMORIES_BESIDE_MAX)
    assert kills >= KILLS_MIN
    _assert_each_once(disturbed, undisturbed)


_CHANGE_HALF = """
UPDATE hubspot_crm_objects SET name = name || ' II', change_seq = nextval('change_seq')
 WHERE CAST(hubspot_id AS integer) % 2 = 0
"""

_ARCHIVE_SOME = """
UPDATE hubspot_crm_objects SET archived_at = read_at, archived_reason = 'archived', change_seq = nextval('change_seq')
 WHERE CAST(hubspot_id AS integer) % 7 = 0
"""


def _kill_until_done(portal: StoredPortal, chance: Random, process: "_Process", memories_max: int) -> int:
    """Start the work and have it killed until it comes to its end; return how often it was killed."""
    kills = 0
    with process.drains(portal) as drains:
        for _ in range(STARTS_MAX):
            # By its own hand at one of its statements, or by ours as soon as so many more memories can be seen.
            if chance.random() < 0.5:
                child = drains.start(killed_at=chance.randrange(1, MOMENTS_MAX))
            else:
                child = drains.start(killed_at=NEVER)
                _kill_after(child, portal, memories=chance.randrange(memories_max))
            ended = drains.ended()
            if ended == 0:
                break
            assert ended == -signal.SIGKILL
            kills += 1
            assert not rows(portal, _LIVE_TWICE)
            # The lease of what was claimed runs out.
            portal.execute("UPDATE memory_queue SET available_at = now() WHERE connector_id = :connector")
    return kills


def _assert_each_once(disturbed: StoredPortal, undisturbed: StoredPortal) -> None:
    assert rows(disturbed, "SELECT source_ref FROM memory_queue") == []
    assert rows(disturbed, _MEMORIES) == rows(undisturbed, _MEMORIES)
    assert rows(disturbed, _WORDS) == rows(undisturbed, _WORDS)


def _fill(portal: StoredPortal) -> None:
    """Publish memories, and queue others in place of some, the end of some, new ones, and two periods of aggregates."""
    portal.contact("1", archived_at=NOW, archived_reason="erased")
    portal.deal("1")
    portal.link("1", "contacts", "1")
    ids = [str(number) for number in range(1, REPLACED + RETIRED + NEW + 1)]
    with portal.database.mind(portal.mind_id) as connection:
        enqueue(connection, [_publish(portal, each, f"early word{each}") for each in ids[: REPLACED + RETIRED]])
        enqueue(connection, _aggregates(portal, "2026-W46", weeks=0))
    drained(portal)
    with portal.database.mind(portal.mind_id) as connection:
        enqueue(connection, [_publish(portal, each, f"late word{each}") for each in ids[:REPLACED]])
        enqueue(connection, [_retire(portal, each) for each in ids[REPLACED : REPLACED + RETIRED]])
        enqueue(connection, [_publish(portal, each, f"new word{each}") for each in ids[REPLACED + RETIRED :]])
        enqueue(connection, [*_aggregates(portal, "2026-W48", weeks=2), *_aggregates(portal, "2026-W47", weeks=1)])


def _publish(portal: StoredPortal, hubspot_id: str, content: str) -> QueueEntry:
    return _entry(portal, hubspot_id, "publish", type=MemoryType.CAMPAIGN_OUTCOME, sensitivity=Sensitivity.SENSITIVE,
                  content=content, as_of=NOW)  # fmt: skip


def _retire(portal: StoredPortal, hubspot_id: str) -> QueueEntry:
    return _entry(portal, hubspot_id, "retire", retired_reason="archived in HubSpot")


def _entry(portal: StoredPortal, hubspot_id: str, operation: Any, **values: Any) -> QueueEntry:
    ref = record_ref(portal.connector_id, ObjectType.DEALS, hubspot_id)
    return QueueEntry(source_ref=ref, connector_id=portal.connector_id, operation=operation,
                      object_type=ObjectType.DEALS, hubspot_id=hubspot_id, **values)  # fmt: skip


def _aggregates(portal: StoredPortal, period_key: str, *, weeks: int) -> list[QueueEntry]:
    return [
        QueueEntry(
            source_ref=aggregate_ref(portal.connector_id, period_key, scope),
            connector_id=portal.connector_id,
            operation="publish",
            type=MemoryType.FACT,
            sensitivity=Sensitivity.SENSITIVE,
            content=f"{scope} of {period_key}",
            aggregate_period_key=period_key,
            aggregate_scope=scope,
            as_of=NOW + timedelta(weeks=weeks),
        )
        for scope in ("channel_mix", "strategy")
    ]


@dataclass(frozen=True, slots=True)
class _Drains:
    """Children of one process, each draining the same portal."""

    process: subprocess.Popen[str]

    def start(self, *, killed_at: int) -> int:
        """Let a drain begin, and return its process's id."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{killed_at}\n")
        self.process.stdin.flush()
        return self._heard()

    def ended(self) -> int:
        """Wait for its end, and return how it ended."""
        return self._heard()

    def _heard(self) -> int:
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())


@dataclass(frozen=True, slots=True)
class _Process:
    """How to start the process that the drains are children of; without `batch_records` they map nothing."""

    database_url: str
    home: Path
    batch_entries: int
    batch_records: int = 0

    @contextmanager
    def drains(self, portal: StoredPortal) -> Iterator[_Drains]:
        arguments = (self.home, portal.connector_id, portal.mind_id, self.batch_entries, self.batch_records)
        with subprocess.Popen(
            [sys.executable, "-m", "coppermind_pipeline_tests.memories.draining_process", *map(str, arguments)],
            env=os.environ | {DATABASE_URL: self.database_url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            yield _Drains(process)


def _kill_after(child: int, portal: StoredPortal, *, memories: int) -> None:
    """Kill it once this many more memories can be seen, if it is not done before."""
    enough = _count(portal) + memories
    while psutil.pid_exists(child):
        if _count(portal) > enough:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            return


def _count(portal: StoredPortal) -> int:
    ((count,),) = rows(portal, "SELECT count(*) FROM memories")
    return count


_LIVE_TWICE = "SELECT source_ref FROM memory_versions WHERE is_live GROUP BY source_ref HAVING count(*) > 1"

_MEMORIES = """
SELECT replace(source_ref, :connector, '') AS ref, type, sensitivity, content, superseded_at IS NOT NULL AS superseded,
       retired_at IS NOT NULL AS retired, retired_reason, aggregate_period_key, as_of
  FROM memories ORDER BY ref, content, superseded, retired
"""

_WORDS = "SELECT lexeme, stem FROM memory_lexemes ORDER BY lexeme"

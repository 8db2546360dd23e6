"""A drain that is killed again and again, wherever it is, ends as one that nobody disturbed: each memory once."""

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
from coppermind_pipeline_tests.memories.steps import drained, rows
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

REPLACED, RETIRED, NEW = 600, 200, 600
BATCH_ENTRIES = 60
MOMENTS_MAX, MEMORIES_MAX = 100, 150  # two to three batches
KILLS_MIN, STARTS_MAX = 10, 100
NEVER = 0


@pytest.mark.slow
def test_a_drain_killed_at_random_points_leaves_each_memory_once(
    database: Database, local_customer: UUID, database_url: str, server_home: Path
):
    chance = Random(15)
    undisturbed, disturbed = (StoredPortal.create(database, local_customer, mind=mind) for mind in ("still", "killed"))
    for portal in (undisturbed, disturbed):
        _fill(portal)
    drained(undisturbed)
    kills = 0
    with _drains(disturbed, database_url, server_home) as drains:
        for _ in range(STARTS_MAX):
            # By its own hand at one of its statements, or by ours as soon as so many more memories can be seen.
            if chance.random() < 0.5:
                child = drains.start(killed_at=chance.randrange(1, MOMENTS_MAX))
            else:
                child = drains.start(killed_at=NEVER)
                _kill_after(child, disturbed, memories=chance.randrange(MEMORIES_MAX))
            ended = drains.ended()
            if ended == 0:
                break
            assert ended == -signal.SIGKILL
            kills += 1
            assert not rows(disturbed, _LIVE_TWICE)
            # The lease of what was claimed runs out.
            disturbed.execute("UPDATE memory_queue SET available_at = now() WHERE connector_id = :connector")
    assert kills >= KILLS_MIN
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


@contextmanager
def _drains(portal: StoredPortal, database_url: str, home: Path) -> Iterator[_Drains]:
    arguments = (home, portal.connector_id, portal.mind_id, BATCH_ENTRIES)
    with subprocess.Popen(
        [sys.executable, "-m", "coppermind_pipeline_tests.memories.draining_process", *map(str, arguments)],
        env=os.environ | {DATABASE_URL: database_url},
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

"""The queue between mapping or synthesis and the memories: one pending entry per source ref, the newest wins."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, text

from coppermind_pipeline.memories.memory_types import MemoryType, Sensitivity
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database, copy_rows, note_stage_at_work

LIST_ENTRIES_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEntry:
    """What is to become of one source ref: a text to publish, or a memory to retire.

    Attributes:
        as_of: when HubSpot was read for what the text says.
        aggregate_period_key, aggregate_scope: of an aggregate; a record has its `object_type` and `hubspot_id` instead.
        aggregate_thresholds: what the claims of an aggregate had to pass, as JSON text.
        retired_reason: why, for people.
    """

    source_ref: str
    connector_id: str
    operation: Literal["publish", "retire"]
    type: MemoryType | None = None
    sensitivity: Sensitivity | None = None
    content: str | None = None
    object_type: ObjectType | None = None
    hubspot_id: str | None = None
    aggregate_period_key: str | None = None
    aggregate_scope: str | None = None
    aggregate_thresholds: str | None = None
    as_of: datetime | None = None
    retired_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Enqueued:
    """How many entries were queued, by operation."""

    publish: int = 0
    retire: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStatus:
    """A connector's queue at this moment.

    Attributes:
        pending: entries that wait, those backing off included.
        in_progress: entries that a drain holds.
        dead: entries that failed for good, until somebody replays them.
        oldest_pending_at: since when the oldest entry that is not dead has been waiting.
        last_enqueued_at: when something was queued last.
    """

    pending: int
    in_progress: int
    dead: int
    oldest_pending_at: datetime | None
    last_enqueued_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedMemory:
    """One entry of the queue as an operator sees it: never the text itself."""

    source_ref: str
    operation: Literal["publish", "retire"]
    state: Literal["pending", "in_progress", "dead"]
    attempts: int
    enqueued_at: datetime
    available_at: datetime
    last_error: str | None


def enqueue(connection: Connection, entries: Iterable[QueueEntry]) -> Enqueued:
    """Queue the entries of one connector in the open transaction.

    An entry replaces the pending or dead one of its source ref, with a new version and no attempts; a drain that holds
    the replaced one passes over it.
    """
    return _enqueue(connection, entries, condition="true")


def enqueue_changed(connection: Connection, entries: Iterable[QueueEntry]) -> Enqueued:
    """Queue those entries that would change something.

    What an entry is compared with is the pending or dead entry of its source ref, else its live memory: the same text
    again queues nothing, and neither does the retirement of what is not there.
    """
    return _enqueue(connection, entries, condition=_CHANGES_SOMETHING)


def queue_status(connection: Connection, connector_id: str) -> QueueStatus:
    """Return the state of a connector's queue."""
    return QueueStatus(**connection.execute(text(_STATUS), {"connector": connector_id}).mappings().one())


def list_queue(
    database: Database,
    *,
    connector_id: str,
    mind_id: UUID,
    state: Literal["pending", "dead"] | None = None,
    limit: int = LIST_ENTRIES_MAX,
    after: str = "",
) -> tuple[QueuedMemory, ...]:
    """Return a page of entries by source ref, from the one above `after`."""
    values = {"connector": connector_id, "state": state, "limit": min(limit, LIST_ENTRIES_MAX), "after": after}
    with database.mind(mind_id) as connection:
        return tuple(QueuedMemory(**row) for row in connection.execute(text(_LIST), values).mappings())


def replay_dead(
    database: Database, *, connector_id: str, mind_id: UUID, source_refs: Collection[str] | None = None
) -> int:
    """Let dead entries be tried again, all of the connector's or the named ones; return how many there were."""
    values = {"connector": connector_id, "refs": None if source_refs is None else list(source_refs)}
    with database.mind(mind_id) as connection:
        return connection.execute(text(_REPLAY), values).rowcount


_COLUMNS = tuple(field.name for field in fields(QueueEntry))
_values_of = attrgetter(*_COLUMNS)


def _enqueue(connection: Connection, entries: Iterable[QueueEntry], *, condition: str) -> Enqueued:
    newest = {entry.source_ref: entry for entry in entries}
    if not newest:
        return Enqueued()
    copy_rows(connection, like="memory_queue", columns=_COLUMNS, rows=map(_values_of, newest.values()))
    operations = connection.scalars(text(_UPSERT.format(condition=condition))).all()
    if operations:
        note_stage_at_work(connection, next(iter(newest.values())).connector_id, "queue")
    return Enqueued(publish=operations.count("publish"), retire=operations.count("retire"))


_CHANGES_SOMETHING = """
CASE WHEN incoming.operation = 'publish' AND queued.source_ref IS NOT NULL
     THEN (queued.operation, queued.type, queued.sensitivity, queued.content)
          IS DISTINCT FROM (incoming.operation, incoming.type, incoming.sensitivity, incoming.content)
     WHEN incoming.operation = 'publish'
     THEN (memory.type, memory.sensitivity, memory.content)
          IS DISTINCT FROM (incoming.type, incoming.sensitivity, incoming.content)
     WHEN queued.source_ref IS NOT NULL THEN queued.operation = 'publish'
     ELSE memory.source_ref IS NOT NULL END
"""

# In the order of the refs, so that two writers never wait for each other. What waits keeps the time since when it does.
# OFFSET 0 keeps each look-up one by key: what a policy leaves of a table is misjudged, above all in the first minutes.
_UPSERT = f"""
INSERT INTO memory_queue AS waiting (mind_id, {", ".join(_COLUMNS)})
SELECT current_mind(), {", ".join(f"incoming.{column}" for column in _COLUMNS)}
  FROM incoming
  LEFT JOIN LATERAL (SELECT entry.* FROM memory_queue AS entry
                      WHERE entry.source_ref = incoming.source_ref OFFSET 0) AS queued ON true
  LEFT JOIN LATERAL (SELECT version.source_ref, version.type, version.sensitivity, version.content
                       FROM memory_versions AS version
                      WHERE version.source_ref = incoming.source_ref AND version.is_live OFFSET 0) AS memory ON true
 WHERE {{condition}}
 ORDER BY incoming.source_ref
ON CONFLICT (source_ref) DO UPDATE
   SET ({", ".join(_COLUMNS[1:])}) = ROW({", ".join(f"excluded.{column}" for column in _COLUMNS[1:])}),
       version = excluded.version, state = 'pending', attempts = 0, available_at = excluded.available_at,
       claimed_at = NULL, last_error = NULL,
       enqueued_at = CASE waiting.state WHEN 'dead' THEN excluded.enqueued_at ELSE waiting.enqueued_at END
RETURNING operation
"""  # noqa: S608 - our own list of columns

_STATUS = """
SELECT count(*) FILTER (WHERE state = 'pending' AND (claimed_at IS NULL OR available_at <= now())) AS pending,
       count(*) FILTER (WHERE state = 'pending' AND claimed_at IS NOT NULL AND available_at > now()) AS in_progress,
       count(*) FILTER (WHERE state = 'dead') AS dead,
       min(enqueued_at) FILTER (WHERE state = 'pending') AS oldest_pending_at,
       (SELECT at FROM checkpoints WHERE connector_id = :connector AND stage = 'queue') AS last_enqueued_at
  FROM memory_queue WHERE connector_id = :connector
"""

_LIST = """
SELECT source_ref, operation, attempts, enqueued_at, available_at, last_error,
       CASE WHEN state = 'pending' AND claimed_at IS NOT NULL AND available_at > now() THEN 'in_progress'
            ELSE state END AS state
  FROM memory_queue
 WHERE connector_id = :connector AND source_ref > :after AND (CAST(:state AS text) IS NULL OR state = :state)
 ORDER BY source_ref LIMIT :limit
"""

_REPLAY = """
UPDATE memory_queue SET state = 'pending', attempts = 0, available_at = clock_timestamp(), claimed_at = NULL,
       enqueued_at = clock_timestamp()
 WHERE connector_id = :connector AND state = 'dead'
   AND (CAST(:refs AS text[]) IS NULL OR source_ref = ANY(CAST(:refs AS text[])))
"""

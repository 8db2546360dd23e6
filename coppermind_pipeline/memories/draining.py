"""The drain: from the queue to the memories.

At-least-once, with an effect that is the same however often it is had: a claim holds entries for a lease, and what is
applied is the entry as it is then. An entry that was replaced meanwhile is left for the next claim.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, fields
from datetime import timedelta
from threading import Event
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from coppermind_pipeline.garbage_collection import rare_collections
from coppermind_pipeline.memories.erasure import erase_earlier_deal_texts
from coppermind_pipeline.memories.indexing import insert_memories
from coppermind_pipeline.memories.transactions import batch_transaction
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database, share_publishing

BATCH_ENTRIES = 1_000
LEASE = timedelta(minutes=2)
ATTEMPTS_MAX = 5
BACKOFF_FIRST = timedelta(seconds=30)  # doubled with each further attempt
ERROR_CHARS_MAX = 300
LOOK_AGAIN_S = 0.5

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """What a drain did, in memories.

    Attributes:
        published: new memories; an entry that says what its live memory says already publishes nothing.
        superseded: memories that a newer one replaced.
        retired: memories taken out.
        failed: entries that will be tried again later.
        dead: entries that failed for good.
    """

    published: int = 0
    superseded: int = 0
    retired: int = 0
    failed: int = 0
    dead: int = 0

    def __add__(self, other: "Drained") -> "Drained":
        return Drained(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})


@rare_collections()
def drain(
    database: Database,
    *,
    connector_id: str,
    mind_id: UUID,
    limit: int | None = None,
    time_is_up: Callable[[], bool] = lambda: False,
    on_progress: Callable[[Drained], None] | None = None,
) -> Drained:
    """Apply the connector's due entries, in batches, until none is due, `limit` were claimed, or the time is up.

    Several drains of one connector may run at once. An entry that can't be applied is isolated from its batch and tried
    again later, `ATTEMPTS_MAX` times in all; then it is dead until somebody replays it.
    """
    drained = Drained()
    left = limit
    while left is None or left > 0:
        with batch_transaction(database, mind_id) as connection:
            claims = _claim(connection, connector_id, min(BATCH_ENTRIES, left or BATCH_ENTRIES))
        if not claims:
            break
        left = None if left is None else left - len(claims)
        drained += _apply_isolated(database, connector_id, mind_id, claims)
        if on_progress is not None:
            on_progress(drained)
        if time_is_up():
            break
    return drained


@dataclass(slots=True)
class DrainedMeanwhile:
    """What was drained beside other work so far."""

    drained: Drained = Drained()


@contextmanager
def drain_meanwhile(database: Database, *, connector_id: str, mind_id: UUID) -> Iterator[DrainedMeanwhile]:
    """Drain in a thread what is queued inside the block: this process makes texts while the server stores others.

    What waits at the end of the block is left to the next drain; so is all of it where this one fails.
    """
    meanwhile, over = DrainedMeanwhile(), Event()

    def work() -> None:
        while not over.wait(LOOK_AGAIN_S):
            meanwhile.drained += drain(database, connector_id=connector_id, mind_id=mind_id, time_is_up=over.is_set)

    with ThreadPoolExecutor(max_workers=1) as thread:
        draining = thread.submit(copy_context().run, work)
        try:
            yield meanwhile
        finally:
            over.set()
    error = draining.exception()
    if error is not None:
        _log.warning("draining meanwhile failed", connector_id=connector_id, error=type(error).__name__)


@dataclass(frozen=True, slots=True)
class _Claim:
    """An entry that this drain holds for the time of the lease, as it was then."""

    source_ref: str
    version: int


def _claim(connection: Connection, connector_id: str, entries_max: int) -> list[_Claim]:
    values = {"connector": connector_id, "entries_max": entries_max, "lease": LEASE}
    return [_Claim(*row) for row in connection.execute(text(_CLAIM), values)]


def _apply_isolated(database: Database, connector_id: str, mind_id: UUID, claims: Sequence[_Claim]) -> Drained:
    """Apply the batch; where that fails, each entry alone, and note the failure of those that can't be."""
    try:
        with batch_transaction(database, mind_id) as connection:
            return _apply(connection, connector_id, claims)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        if len(claims) > 1:
            parts = (_apply_isolated(database, connector_id, mind_id, [claim]) for claim in claims)
            return sum(parts, start=Drained())
        with batch_transaction(database, mind_id) as connection:
            return _note_failure(connection, connector_id, claims[0], error)


def _note_failure(connection: Connection, connector_id: str, claim: _Claim, error: DBAPIError) -> Drained:
    code = getattr(error.orig, "sqlstate", None)
    # The first line alone: the others quote the row.
    message = str(error.orig).partition("\n")[0][:ERROR_CHARS_MAX]
    state = connection.scalar(
        text(_NOTE_FAILURE),
        {
            "ref": claim.source_ref,
            "version": claim.version,
            "error": f"{code}: {message}",
            "attempts_max": ATTEMPTS_MAX,
            "backoff": BACKOFF_FIRST,
        },
    )
    if state is None:
        return Drained()  # it was replaced meanwhile; the new one is on its own
    _log.warning("memory not published", connector_id=connector_id, sqlstate=code, state=state)
    return Drained(dead=1) if state == "dead" else Drained(failed=1)


def _apply(connection: Connection, connector_id: str, claims: Sequence[_Claim]) -> Drained:
    """Apply those entries that are still as claimed, and acknowledge them, in the open transaction."""
    share_publishing(connection, connector_id)
    ordered = sorted(claims, key=lambda claim: claim.source_ref)
    values = {"refs": [claim.source_ref for claim in ordered], "versions": [claim.version for claim in ordered]}
    entries = connection.execute(text(_LOCK), values).all()
    if not entries:
        return Drained()
    drained = _retire(connection, connector_id, [entry for entry in entries if entry.operation == "retire"])
    publishing = [entry for entry in entries if entry.operation == "publish"]
    drained += _publish_records(
        connection, connector_id, [entry for entry in publishing if entry.aggregate_scope is None]
    )
    # A few per period. One after the other, the older first, since one may supersede the next one of its scope.
    aggregates = [entry for entry in publishing if entry.aggregate_scope is not None]
    for entry in sorted(aggregates, key=lambda entry: (entry.as_of is not None, entry.as_of, entry.version)):
        drained += _publish_aggregate(connection, connector_id, entry)
    deals = [entry.source_ref for entry in entries if entry.object_type == ObjectType.DEALS]
    if deals:
        erase_earlier_deal_texts(connection, connector_id, deals)
    connection.execute(text(_ACKNOWLEDGE), {"refs": [entry.source_ref for entry in entries]})
    return drained


def _retire(connection: Connection, connector_id: str, entries: Sequence[Any]) -> Drained:
    """Retire all versions: of a record that left, nothing is found any more."""
    refs_by_reason: defaultdict[str, list[str]] = defaultdict(list)
    for entry in entries:
        refs_by_reason[entry.retired_reason].append(entry.source_ref)
    live = 0
    for reason, refs in refs_by_reason.items():
        values = {"connector": connector_id, "refs": refs, "reason": reason}
        live += connection.scalars(text(_RETIRE), values).all().count(True)
    return Drained(retired=live)


def _publish_records(connection: Connection, connector_id: str, entries: Sequence[Any]) -> Drained:
    if not entries:
        return Drained()
    refs = [entry.source_ref for entry in entries]
    live = {row.source_ref: row for row in connection.execute(text(_LIVE), {"refs": refs})}
    changed = [entry for entry in entries if (row := live.get(entry.source_ref)) is None or not row.says_the_same]
    superseded = [live[entry.source_ref].id for entry in changed if entry.source_ref in live]
    if superseded:
        connection.execute(text(_SUPERSEDE), {"ids": superseded})
    insert_memories(connection, connector_id, [entry.source_ref for entry in changed])
    return Drained(published=len(changed), superseded=len(superseded))


def _publish_aggregate(connection: Connection, connector_id: str, entry: Any) -> Drained:
    """Publish one aggregate: in place of the one of its scope, unless that one speaks of a later time."""
    scope = connection.execute(text(_SCOPE_STATE), {"ref": entry.source_ref}).one()
    if scope.said_last and (scope.is_live or scope.is_past):
        return Drained()
    if scope.is_past:
        insert_memories(connection, connector_id, [entry.source_ref], superseded=True)
        return Drained(published=1)
    superseded = connection.execute(text(_SUPERSEDE_SCOPE), {"ref": entry.source_ref}).rowcount
    return Drained(superseded=superseded) + _publish_records(connection, connector_id, [entry])


# An array, as a joined sub-select may be run again, and each time lock as many entries more.
_CLAIM = """
UPDATE memory_queue SET claimed_at = clock_timestamp(), available_at = clock_timestamp() + :lease
 WHERE source_ref = ANY(ARRAY(
       SELECT source_ref FROM memory_queue
        WHERE connector_id = :connector AND state = 'pending' AND available_at <= now()
        ORDER BY available_at LIMIT :entries_max FOR UPDATE SKIP LOCKED))
RETURNING source_ref, version
"""

# In the order of the refs, so that two drains never wait for each other.
_LOCK = """
SELECT entry.*
  FROM unnest(CAST(:refs AS text[]), CAST(:versions AS bigint[])) AS claim (source_ref, version)
 CROSS JOIN LATERAL (
       SELECT waiting.source_ref, waiting.version, waiting.operation, waiting.content, waiting.object_type,
              waiting.aggregate_scope, waiting.as_of, waiting.retired_reason
         FROM memory_queue AS waiting
        WHERE waiting.source_ref = claim.source_ref AND waiting.version = claim.version FOR UPDATE) AS entry
"""

# OFFSET 0 keeps each look-up one by key: what a policy leaves of a table is misjudged, above all in the first minutes.

_RETIRE = """
UPDATE memories SET retired_at = clock_timestamp(), retired_reason = :reason
 WHERE id = ANY(ARRAY(
       SELECT memory.id FROM unnest(CAST(:refs AS text[])) AS retired (ref)
        CROSS JOIN LATERAL (SELECT version.id FROM memories AS version
                             WHERE version.connector_id = :connector AND version.source_ref = retired.ref
                               AND version.retired_at IS NULL OFFSET 0) AS memory))
RETURNING superseded_at IS NULL
"""

_LIVE = """
SELECT memory.id, memory.source_ref,
       (memory.type, memory.sensitivity, memory.content)
       IS NOT DISTINCT FROM (entry.type, entry.sensitivity, entry.content) AS says_the_same
  FROM unnest(CAST(:refs AS text[])) AS published (ref)
 CROSS JOIN LATERAL (SELECT waiting.type, waiting.sensitivity, waiting.content FROM memory_queue AS waiting
                      WHERE waiting.source_ref = published.ref OFFSET 0) AS entry
 CROSS JOIN LATERAL (SELECT version.id, version.source_ref, version.type, version.sensitivity, version.content
                       FROM memory_versions AS version
                      WHERE version.source_ref = published.ref AND version.is_live OFFSET 0) AS memory
"""

_SUPERSEDE = "UPDATE memories SET superseded_at = clock_timestamp() WHERE id = ANY(CAST(:ids AS bigint[]))"

_SCOPE_STATE = """
SELECT EXISTS (SELECT FROM memory_versions AS memory
                WHERE memory.aggregate_connector_id = entry.connector_id
                  AND memory.aggregate_scope = entry.aggregate_scope AND memory.is_live
                  AND memory.source_ref <> entry.source_ref AND memory.as_of > entry.as_of) AS is_past,
       coalesce((newest.type, newest.sensitivity, newest.content)
                = (entry.type, entry.sensitivity, entry.content), false) AS said_last,
       coalesce(newest.is_live, false) AS is_live
  FROM memory_queue AS entry
  LEFT JOIN LATERAL (SELECT memory.type, memory.sensitivity, memory.content, memory.is_live
                       FROM memory_versions AS memory
                      WHERE memory.connector_id = entry.connector_id AND memory.source_ref = entry.source_ref
                        AND memory.is_newest) AS newest ON true
 WHERE entry.source_ref = :ref
"""

_SUPERSEDE_SCOPE = """
UPDATE memory_versions AS memory SET superseded_at = clock_timestamp()
  FROM memory_queue AS entry
 WHERE entry.source_ref = :ref AND memory.aggregate_connector_id = entry.connector_id
   AND memory.aggregate_scope = entry.aggregate_scope AND memory.source_ref <> entry.source_ref AND memory.is_live
"""

_ACKNOWLEDGE = "DELETE FROM memory_queue WHERE source_ref = ANY(:refs)"

_NOTE_FAILURE = """
UPDATE memory_queue
   SET attempts = attempts + 1, last_error = :error, claimed_at = NULL,
       state = CASE WHEN attempts + 1 >= :attempts_max THEN 'dead' ELSE 'pending' END,
       available_at = clock_timestamp() + CAST(:backoff AS interval) * power(2, attempts)
 WHERE source_ref = :ref AND version = :version
RETURNING state
"""

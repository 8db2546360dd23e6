"""The book of polls: when HubSpot was last read, with what success, and what stands in the way."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, text

from coppermind_pipeline.connectors import (
    Connector,
    InvalidKeys,
    KeyFileExposed,
    KeyMissing,
    NotConnected,
    ProblemKind,
    clear_problem,
    record_event,
    report_problem,
    set_last_error,
)
from coppermind_pipeline.errors import CoppermindError, HealsByItself, NeedsPerson
from coppermind_pipeline.hubspot import GrantRejected, RateLimited, ScopeMissing, TokenRejected
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database

# How long a portal is left alone that nothing but a person's act will open again.
LOOK_AGAIN_MINUTES = 60

# HubSpot takes no token of ours, or we have none that can be read: after a restore without the keys, for example.
_NO_AUTHORIZATION = (TokenRejected, GrantRejected, NotConnected, KeyMissing, KeyFileExposed, InvalidKeys)


@dataclass(frozen=True, slots=True)
class DuePoll:
    """A connector that is due, since when, and for what."""

    connector_id: str
    due_at: datetime
    reason: Literal["first", "requested", "backfill", "poll"]


def due_polls(connection: Connection) -> list[DuePoll]:
    """Return the active connectors that are due, longest waiting first, in a transaction of the scheduler.

    Due is one that was never polled, whose interval has passed since its last poll began, whose person asked for a sync
    since then, or whose backfill is unfinished; unless the portal asked us to stay away for now.
    """
    rows = connection.execute(
        text(
            """SELECT id, due_at, reason FROM (
                   SELECT connectors.id,
                          CASE WHEN backfill.connector_id IS NULL THEN 'first'
                               WHEN sync_requested_at > last_started_at THEN 'requested'
                               WHEN backfill.completed_at IS NULL THEN 'backfill' ELSE 'poll' END AS reason,
                          CASE WHEN last_started_at IS NULL THEN connected_at
                               WHEN sync_requested_at > last_started_at THEN sync_requested_at
                               WHEN backfill.connector_id IS NULL OR backfill.completed_at IS NULL
                                    THEN last_started_at + interval '1 minute' * least(failures * failures, 15)
                               ELSE last_started_at + interval '1 minute'
                                    * coalesce(CAST(config ->> 'poll_interval_minutes' AS integer), 15)
                          END AS due_at
                     FROM connectors
                     LEFT JOIN hubspot_polls AS poll ON poll.connector_id = connectors.id
                     LEFT JOIN hubspot_backfills AS backfill ON backfill.connector_id = connectors.id
                    WHERE status = 'active' AND (retry_at IS NULL OR retry_at <= clock_timestamp())) AS next
                WHERE due_at <= clock_timestamp() ORDER BY due_at"""
        )
    )
    return [DuePoll(row.id, row.due_at, row.reason) for row in rows]


def poll_started(connection: Connection, ids: dict[str, Any], *, run_id: str | None = None) -> None:
    """Note that a poll begins; a further step of one that began with the same run is no other poll."""
    connection.execute(
        text(
            """INSERT INTO hubspot_polls AS stored (connector_id, mind_id, last_started_at, run_id)
               VALUES (:connector, :mind, clock_timestamp(), :run_id)
               ON CONFLICT (connector_id) DO UPDATE
                  SET last_started_at = CASE WHEN stored.run_id = excluded.run_id THEN stored.last_started_at
                                             ELSE excluded.last_started_at END,
                      run_id = excluded.run_id"""
        ),
        {**ids, "run_id": run_id},
    )


def poll_succeeded(connection: Connection, connector: Connector, counts: dict[ObjectType, int]) -> None:
    """Note that everything asked of HubSpot was answered; `counts` are the records read, by type."""
    connection.execute(
        text(
            """UPDATE hubspot_polls SET last_succeeded_at = clock_timestamp(), failures = 0, retry_at = NULL,
                                        last_counts = CAST(:counts AS jsonb)
                WHERE connector_id = :connector"""
        ),
        {"connector": connector.id, "counts": orjson.dumps({t.value: count for t, count in counts.items()}).decode()},
    )
    connection.execute(
        text("UPDATE connectors SET last_error = NULL WHERE id = :connector"), {"connector": connector.id}
    )
    for kind in ("auth", "scope", "rate_limit"):
        clear_problem(connection, connector, kind)


def poll_failed(connection: Connection, connector: Connector, error: CoppermindError) -> None:
    """Note what stopped the poll, where a person and the next poll will look for it.

    A poll that fails in several of its steps has failed once.
    """
    connection.execute(
        text(
            f"""UPDATE hubspot_polls
                   SET last_failed_at = clock_timestamp(),
                       failures = CASE WHEN last_failed_at >= last_started_at THEN greatest(failures, 1)
                                       ELSE failures + 1 END,
                       retry_at = CASE WHEN :needs_person
                                       THEN clock_timestamp() + interval '{LOOK_AGAIN_MINUTES} minutes'
                                       ELSE CAST(:retry_at AS timestamptz) END
                 WHERE connector_id = :connector"""
        ),
        {
            "connector": connector.id,
            "needs_person": isinstance(error, NeedsPerson),
            "retry_at": error.retry_at if isinstance(error, HealsByItself) else None,
        },
    )
    kind = _problem_kind(error)
    if kind is not None:
        report_problem(connection, connector, kind, error)
        return
    set_last_error(connection, connector.id, error)
    record_event(connection, connector, "error", error.code, error.message)


@contextmanager
def failure_noted(database: Database, connector: Connector) -> Iterator[None]:
    """Note what stops the block, before it goes on to the caller."""
    try:
        yield
    except CoppermindError as error:
        with database.mind(connector.mind_id) as connection:
            poll_failed(connection, connector, error)
        raise


def _problem_kind(error: CoppermindError) -> ProblemKind | None:
    """Return what stays in the way until the same call succeeds; None for what passes with the next poll."""
    if isinstance(error, ScopeMissing):
        return "scope"
    if isinstance(error, RateLimited):
        return "rate_limit"
    return "auth" if isinstance(error, _NO_AUTHORIZATION) else None

"""The book of polls: when HubSpot was last read, with what success, and what stands in the way."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import structlog
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from coppermind_pipeline.connectors import (
    Connector,
    InvalidKeys,
    KeyFileExposed,
    KeyMissing,
    NotConnected,
    ProblemKind,
    clear_problem,
    forget_last_error,
    load_connector,
    record_event,
    report_problem,
    set_last_error,
)
from coppermind_pipeline.errors import CoppermindError, HealsByItself, NeedsPerson, Unexpected
from coppermind_pipeline.hubspot import GrantRejected, PortalUnavailable, RateLimited, ScopeMissing, TokenRejected
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database, Scope

log = structlog.get_logger(__name__)

# Steps that are no assets.
PROBE, LIVE_PULL, LOST_RUN = "probe", "live_pull", "lost_run"

# Errors of these stay when a poll succeeds: it does not do what they do. (A poll's own run drains the queue, but one
# that finds nothing does not.)
_NO_PART_OF_A_POLL = ("reconciliation", "marketing_synthesis", "memories")
_ASKED_BY_EVERY_POLL = (PROBE, "property_definitions", "pipelines", "owners", "raw")

# How long a portal is left alone that nothing but a person's act will open again.
LOOK_AGAIN_MINUTES = 60

# HubSpot takes no token of ours, or we have none that can be read: after a restore without the keys, for example.
_NO_AUTHORIZATION = (TokenRejected, GrantRejected, NotConnected, KeyMissing, KeyFileExposed, InvalidKeys)


class CutOff(HealsByItself):
    """The process that worked on the sync ended before it was done; what it stored is kept."""

    code = "cut_off"
    hint = (
        "Nothing is to be done where the installation was stopped meanwhile: the next poll goes on from there. Else "
        "look for the failed run in Dagster's UI, and at this machine's memory and disk."
    )


def poll_started(connection: Connection, scope: Scope, *, run_id: str | None = None) -> None:
    """Note that a poll begins; a further step of one that began with the same run is no other poll.

    What it reads is counted from the end of the last pull that read everything: one may take several runs.
    """
    connection.execute(_START, scope.values(run_id=run_id))


_START = text(
    """INSERT INTO hubspot_polls AS stored (connector_id, mind_id, last_started_at, run_id)
       VALUES (:connector, :mind, clock_timestamp(), :run_id)
       ON CONFLICT (connector_id) DO UPDATE
          SET last_started_at = CASE WHEN stored.run_id = excluded.run_id THEN stored.last_started_at
                                     ELSE excluded.last_started_at END,
              read_to_end_at = CASE WHEN stored.run_id = excluded.run_id THEN stored.read_to_end_at END,
              pulled_before = CASE WHEN stored.read_to_end_at IS NULL OR stored.run_id = excluded.run_id
                                   THEN stored.pulled_before ELSE stored.pulled_counts END,
              run_id = excluded.run_id"""
)


def count_pulled(connection: Connection, scope: Scope, object_type: ObjectType, versions: int) -> None:
    """Count versions that were appended to the raw log, in the transaction that appended them."""
    connection.execute(_COUNT_PULLED, scope.values(type=object_type.value, count=versions))


_COUNT_PULLED = text(
    """INSERT INTO hubspot_polls AS stored (connector_id, mind_id, pulled_counts)
       VALUES (:connector, :mind, jsonb_build_object(CAST(:type AS text), CAST(:count AS bigint)))
       ON CONFLICT (connector_id) DO UPDATE
          SET pulled_counts = stored.pulled_counts || jsonb_build_object(CAST(:type AS text),
              coalesce(CAST(stored.pulled_counts ->> CAST(:type AS text) AS bigint), 0)
              + CAST(:count AS bigint))"""
)


def pull_ended(connection: Connection, connector: Connector, *, complete: bool) -> None:
    """Note that a poll's pull has ended, and whether it read everything; the poll goes on to its other steps."""
    connection.execute(
        _END_PULL, {"connector": connector.id, "types": [t.value for t in ObjectType], "complete": complete}
    )


_END_PULL = text(
    """UPDATE hubspot_polls
          SET last_counts = (SELECT jsonb_object_agg(type, coalesce(CAST(pulled_counts ->> type AS bigint), 0)
                                                         - coalesce(CAST(pulled_before ->> type AS bigint), 0))
                               FROM unnest(CAST(:types AS text[])) AS type),
              read_to_end_at = CASE WHEN :complete THEN clock_timestamp() END
        WHERE connector_id = :connector"""
)


def poll_ended(connection: Connection, connector: Connector, *, run_id: str | None) -> None:
    """Note that every step of the poll that this run is has succeeded; of a run that is no poll nothing is noted.

    What is stored is as new as the end of its pull, where that read everything; a slice of a backfill does not.
    """
    complete = connection.scalar(_END, {"connector": connector.id, "run_id": run_id})
    if complete is None:
        return
    for kind in ("auth", "rate_limit"):
        clear_problem(connection, connector, kind)
    if complete:
        forget_last_error(connection, connector, but_of=_NO_PART_OF_A_POLL)
        for step in _ASKED_BY_EVERY_POLL:
            clear_problem(connection, connector, "scope", step=step)


_END = text(
    """UPDATE hubspot_polls SET last_succeeded_at = coalesce(read_to_end_at, last_succeeded_at),
                                last_ended_at = clock_timestamp(), failures = 0, retry_at = NULL
        WHERE connector_id = :connector AND run_id IS NOT DISTINCT FROM :run_id
          AND (last_failed_at IS NULL OR last_failed_at < last_started_at)
    RETURNING read_to_end_at IS NOT NULL"""
)


def poll_succeeded(connection: Connection, connector: Connector) -> None:
    """Note a poll that took no run: everything was asked and answered."""
    pull_ended(connection, connector, complete=True)
    poll_ended(connection, connector, run_id=None)


def last_pull_at(connection: Connection, connector_id: str) -> datetime | None:
    """Return the end of the last complete pull; None before the first."""
    return connection.scalar(_LAST_PULL, {"connector": connector_id})


_LAST_PULL = text("SELECT last_succeeded_at FROM hubspot_polls WHERE connector_id = :connector")


def live_pull_succeeded(connection: Connection, connector: Connector) -> None:
    """Note that all records that had changed were read, and no more: what keeps polls from succeeding stays noted."""
    connection.execute(_NOTE_LIVE_PULL, connector.scope.values())
    clear_problem(connection, connector, "auth")
    step_succeeded(connection, connector, LIVE_PULL)


_NOTE_LIVE_PULL = text(
    """INSERT INTO hubspot_polls (connector_id, mind_id, last_succeeded_at)
       VALUES (:connector, :mind, clock_timestamp())
       ON CONFLICT (connector_id) DO UPDATE SET last_succeeded_at = excluded.last_succeeded_at"""
)


def step_succeeded(connection: Connection, connector: Connector, step: str) -> None:
    """Take back the error that the same step raised before."""
    forget_last_error(connection, connector, of=step)
    clear_problem(connection, connector, "scope", step=step)


def poll_failed(
    connection: Connection,
    connector: Connector,
    error: CoppermindError,
    *,
    step: str = PROBE,
    run_id: str | None = None,
) -> None:
    """Note what stopped a step, where a person and the next poll will look for it.

    A poll that fails in several of its steps has failed once; a step of no poll leaves the count of failed polls alone,
    and shortens no pause.
    """
    connection.execute(
        _FAIL,
        {
            "connector": connector.id,
            "run_id": run_id,
            "of_poll": step != LIVE_PULL,
            "needs_person": isinstance(error, NeedsPerson),
            "retry_at": error.retry_at if isinstance(error, HealsByItself) else None,
        },
    )
    kind = _problem_kind(error)
    if kind is not None:
        report_problem(connection, connector, kind, error, step=step, run_id=run_id)
        return
    error = _of_portal(error)
    set_last_error(connection, connector.id, error, step=step)
    details = {"step": step, "hint": error.hint, "run_id": run_id}
    record_event(connection, connector, "error", error.code, error.message, details)


_FAIL = text(
    f"""UPDATE hubspot_polls
           SET last_failed_at = CASE WHEN :of_poll AND run_id IS NOT DISTINCT FROM :run_id
                                     THEN clock_timestamp() ELSE last_failed_at END,
               failures = CASE WHEN NOT :of_poll OR run_id IS DISTINCT FROM :run_id THEN failures
                               WHEN last_failed_at >= last_started_at THEN greatest(failures, 1)
                               ELSE failures + 1 END,
               retry_at = CASE WHEN :needs_person
                               THEN clock_timestamp() + interval '{LOOK_AGAIN_MINUTES} minutes'
                               WHEN :of_poll AND run_id IS NOT DISTINCT FROM :run_id
                               THEN CAST(:retry_at AS timestamptz)
                               ELSE greatest(CAST(:retry_at AS timestamptz), retry_at) END
         WHERE connector_id = :connector"""
)


@contextmanager
def failure_noted(
    database: Database, connector: Connector, *, step: str = LIVE_PULL, run_id: str | None = None
) -> Iterator[None]:
    """Note what stops the block, whatever it is, before it goes on to the caller."""
    try:
        yield
    except Exception as error:
        try:
            with database.mind(connector.mind_id) as connection:
                poll_failed(connection, connector, as_noted(error), step=step, run_id=run_id)
        except SQLAlchemyError as unnoted:
            # Where the store is what fails, as on a full disk, its failure is what the caller has to hear of.
            log.error("failure not noted", connector_id=connector.id, step=step, error=type(unnoted).__name__)  # noqa: TRY400
        raise


def note_failed_run(database: Database, connector_id: str, *, job: str, run_id: str) -> None:
    """Write a failed run into its connector's log, where support looks first."""
    connector = load_connector(database, connector_id)
    with database.mind(connector.mind_id) as connection:
        record_event(connection, connector, "error", "run_failed", f"The run of {job} failed.", {"run_id": run_id})
        note_lost_run(connection, connector, run_id=run_id)


def note_lost_run(connection: Connection, connector: Connector, *, run_id: str) -> None:
    """Note a poll whose run failed without a word, as one does whose process was killed."""
    unnoted = connection.scalar(_UNNOTED, {"connector": connector.id, "run_id": run_id})
    if unnoted:
        poll_failed(connection, connector, CutOff(), step=LOST_RUN, run_id=run_id)


_UNNOTED = text(
    """SELECT true FROM hubspot_polls
        WHERE connector_id = :connector AND run_id = :run_id
          AND (last_failed_at IS NULL OR last_failed_at < last_started_at)"""
)


def as_noted(error: Exception) -> CoppermindError:
    """Return an error as it may be shown: one that nobody foresaw is told by its kind, never by words with data."""
    if isinstance(error, CoppermindError):
        return error
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return Unexpected(type(cause).__name__)


def _of_portal(error: CoppermindError) -> CoppermindError:
    """Return an error that says whom it is about, where nothing but the portal's answers is missing."""
    if not isinstance(error, PortalUnavailable):
        return error
    return PortalUnavailable(f"HubSpot does not answer for this portal: {error.message}")


def _problem_kind(error: CoppermindError) -> ProblemKind | None:
    """Return what stays in the way until the same call succeeds; None for what passes with the next poll."""
    if isinstance(error, ScopeMissing):
        return "scope"
    if isinstance(error, RateLimited):
        return "rate_limit"
    return "auth" if isinstance(error, _NO_AUTHORIZATION) else None

"""Retention: a daily pass over each kind of history, in small transactions, that removes what nobody asks for any more.

What was replaced before `kept_since` may be gone; everything that held at any time since stays, and so does the newest
version of everything. The table `retention` says since when that is, and where a pass that was cut short goes on.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, text

from coppermind_pipeline.store.database import Database
from coppermind_pipeline.store.scope import Scope

# Whoever asks for a moment that is kept may still be reading when the day ends.
GRACE = timedelta(days=1)


class Kind(StrEnum):
    """What is removed from: versions of records and their associations, those of memories, Dagster's runs, logs."""

    RECORDS = "records"
    MEMORIES = "memories"
    RUNS = "runs"
    LOGS = "logs"


@dataclass(frozen=True, slots=True)
class Retained:
    """How one kind of history stands.

    Attributes:
        kept_since: what was replaced before may be gone; None: everything is there.
        rows_removed: ever.
        completed_at: when a pass came to its end last; None: none ever did.
    """

    kind: Kind
    kept_since: datetime | None
    rows_removed: int
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Removed:
    """What one slice of a pass removed, and whether the pass came to its end."""

    rows: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Pass:
    """A pass over one kind of history, begun or gone on with.

    Attributes:
        until: what had been replaced by then goes.
        at_connector: the connector that it goes on at; empty: at the first one.
        at_row: what it looked at last there; None: all of it.
    """

    kind: Kind
    until: datetime
    at_connector: str
    at_row: str | None


# Looks at some of a connector's rows, after the named one: what had been replaced by a time goes. Returns how many rows
# went, and the last row that was looked at; None where there are no more.
RemoveSome = Callable[[Connection, Scope, datetime, str], tuple[int, str | None]]


def retention_is_due(database: Database) -> bool:
    """Say whether a pass over any kind of history is due, or has not come to its end."""
    with database.scheduler() as connection:
        return bool(connection.scalar(_IS_DUE))


_IS_DUE = text("SELECT EXISTS (SELECT FROM retention WHERE due_at <= clock_timestamp())")


def retained(connection: Connection) -> list[Retained]:
    """Return how each kind of history stands."""
    return [
        Retained(Kind(row.kind), row.kept_since, row.rows_removed, row.completed_at)
        for row in connection.execute(_RETAINED)
    ]


_RETAINED = text("SELECT kind, kept_since, rows_removed, completed_at FROM retention ORDER BY kind")


def begin_pass(database: Database, kind: Kind, *, days: int) -> Pass:
    """Begin a pass, or go on with one; from now on, nothing is promised of what was replaced more than `days` ago.

    One that fails is tried again in an hour.
    """
    with database.nobody() as connection:
        row = connection.execute(_BEGIN, {"kind": kind, "days": days}).one()
    return Pass(kind, row.kept_since - GRACE, row.at_connector, row.at_row)


_BEGIN = text(
    """UPDATE retention
          SET kept_since = greatest(kept_since, date_trunc('day', clock_timestamp()) - make_interval(days => :days)),
              due_at = clock_timestamp() + interval '1 hour'
        WHERE kind = :kind
       RETURNING kept_since, at_connector, at_row"""
)


def note_removed(
    connection: Connection, kind: Kind, rows: int, *, at_connector: str = "", at_row: str | None = ""
) -> None:
    """Note in a transaction how many rows it removed, and where the pass goes on."""
    connection.execute(_NOTE, {"kind": kind, "rows": rows, "connector": at_connector, "row": at_row})


_NOTE = text(
    """UPDATE retention SET rows_removed = rows_removed + :rows, at_connector = :connector, at_row = :row
        WHERE kind = :kind"""
)


def end_pass(database: Database, kind: Kind, *, complete: bool) -> None:
    """Note that a pass is at its end, so that the next one is due in a day; or cut short, and due to go on."""
    with database.nobody() as connection:
        connection.execute(_COMPLETE if complete else _GO_ON, {"kind": kind})


_COMPLETE = text(
    """UPDATE retention SET completed_at = clock_timestamp(), due_at = clock_timestamp() + interval '1 day',
              at_connector = '', at_row = ''
        WHERE kind = :kind"""
)
_GO_ON = text("UPDATE retention SET due_at = clock_timestamp() WHERE kind = :kind")


def remove_by_connector(
    database: Database,
    kind: Kind,
    *,
    days: int,
    scopes: Iterable[Scope],
    remove_some: RemoveSome,
    time_is_up: Callable[[], bool],
) -> Removed:
    """Pass over all connectors, a small transaction of one mind at a time, until the end or until time is up.

    Beside whatever runs: what it removes, nobody writes any more.

    Args:
        days: for how long it is kept.
        scopes: the connectors that may have something so old.
    """
    begun = begin_pass(database, kind, days=days)
    removed = 0
    for scope in sorted(scopes, key=lambda scope: scope.connector_id):
        if scope.connector_id < begun.at_connector:
            continue
        after = begun.at_row if scope.connector_id == begun.at_connector else ""
        while after is not None:
            if time_is_up():
                end_pass(database, kind, complete=False)
                return Removed(removed, complete=False)
            with database.mind(scope.mind_id) as connection:
                rows, after = remove_some(connection, scope, begun.until, after)
                note_removed(connection, kind, rows, at_connector=scope.connector_id, at_row=after)
            removed += rows
    end_pass(database, kind, complete=True)
    return Removed(removed, complete=True)

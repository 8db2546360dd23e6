"""How large the database is, by kind, and what retention would remove of it now."""

from dataclasses import dataclass

from coppermind_pipeline.connectors import share_of_old_log_entries
from coppermind_pipeline.memories import share_of_old_texts
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database, Retained, Stored, retained, share_of_old_events, sizes
from coppermind_pipeline.sync import share_of_old_associations, share_of_old_versions


@dataclass(frozen=True, slots=True)
class Grown:
    """One kind of what is stored.

    Attributes:
        rows: about so many.
        bytes: on disk, with indexes.
        old_rows, old_bytes: about so much of it retention would remove now; 0 of what it does not touch.
    """

    kind: Stored
    rows: int
    bytes: int
    old_rows: int
    old_bytes: int


@dataclass(frozen=True, slots=True)
class Growth:
    """All kinds of what is stored, and how the removal of each kind of history stands."""

    kinds: list[Grown]
    retention: list[Retained]


def growth(database: Database, settings: Settings) -> Growth:
    """Return how large everything is: by the server's statistics, and by samples of what may be too old."""
    with database.scheduler() as connection:
        found, standing = sizes(connection), retained(connection)
    old_texts = share_of_old_texts(database, days=settings.history_days)
    old_events = share_of_old_events(database, days=settings.runs_days)
    shares = {
        Stored.VERSIONS: share_of_old_versions(database, days=settings.history_days),
        Stored.ASSOCIATIONS: share_of_old_associations(database, days=settings.history_days),
        Stored.LOGS: share_of_old_log_entries(database, days=settings.history_days),
        Stored.MEMORIES: old_texts,
        Stored.SEARCH_INDEX: old_texts,
        Stored.DAGSTER_EVENTS: old_events,
        Stored.DAGSTER_RUNS: old_events,
    }
    return Growth(
        [
            Grown(size.kind, size.rows, size.bytes, round(size.history_rows * share), round(size.history_bytes * share))
            for size in found
            for share in [shares.get(size.kind, 0.0)]
        ],
        standing,
    )

"""How much there is of what grows, by kind: rows as the server's statistics estimate them, bytes with indexes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, TextClause, text


class Stored(StrEnum):
    """What takes up the database."""

    RECORDS = "records"
    VERSIONS = "versions"
    ASSOCIATIONS = "associations"
    MEMORIES = "memories"
    SEARCH_INDEX = "search_index"
    LOGS = "logs"
    DAGSTER_RUNS = "dagster_runs"
    DAGSTER_EVENTS = "dagster_events"
    DAGSTER_TICKS = "dagster_ticks"
    OTHER = "other"


# All other tables are small.
_KINDS = {
    "hubspot_crm_objects": Stored.RECORDS,
    "hubspot_deals": Stored.RECORDS,
    "hubspot_contacts": Stored.RECORDS,
    "hubspot_raw_records": Stored.VERSIONS,
    "hubspot_associations": Stored.ASSOCIATIONS,
    "hubspot_raw_associations": Stored.ASSOCIATIONS,
    "memories": Stored.MEMORIES,
    "memory_queue": Stored.MEMORIES,
    "memory_lexemes": Stored.SEARCH_INDEX,
    "memories_search": Stored.SEARCH_INDEX,
    "connector_events": Stored.LOGS,
    "runs": Stored.DAGSTER_RUNS,
    "run_tags": Stored.DAGSTER_RUNS,
    "snapshots": Stored.DAGSTER_RUNS,
    "event_logs": Stored.DAGSTER_EVENTS,
    "asset_event_tags": Stored.DAGSTER_EVENTS,
    "asset_check_executions": Stored.DAGSTER_EVENTS,
    "job_ticks": Stored.DAGSTER_TICKS,
}


# Of these, retention removes nothing that has become too old: they have no history.
_WITHOUT_HISTORY = {"hubspot_raw_associations", "memory_queue", "snapshots"}


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is of one kind.

    Attributes:
        rows: about so many, of all its tables.
        bytes: on disk, indexes and space for rows to come among it.
        history_rows, history_bytes: of the tables among them that have a history, of which retention removes.
    """

    kind: Stored
    rows: int = 0
    bytes: int = 0
    history_rows: int = 0
    history_bytes: int = 0

    def with_table(self, name: str, rows: int, taken: int) -> "Size":
        """Return it with one more table."""
        has_history = name not in _WITHOUT_HISTORY
        return replace(
            self,
            rows=self.rows + rows,
            bytes=self.bytes + taken,
            history_rows=self.history_rows + rows * has_history,
            history_bytes=self.history_bytes + taken * has_history,
        )


def sizes(connection: Connection) -> list[Size]:
    """Return how much there is of each kind, the product's tables and Dagster's; in milliseconds, whatever there is."""
    found = {kind: Size(kind) for kind in Stored}
    for relation in connection.execute(_RELATIONS):
        kind = _KINDS.get(relation.name, Stored.OTHER)
        found[kind] = found[kind].with_table(relation.name, relation.rows, relation.bytes)
    return [*found.values()]


def sampled(connection: Connection, statement: TextClause, table: str, values: Mapping[str, Any]) -> float:
    """Return what a statement says of a few hundred pages of a table, of which `:percent` is the share; 0 of none."""
    pages = connection.scalar(_PAGES, {"table": table})
    if not pages:  # there is no such table yet, or nothing in it
        return 0.0
    percent = min(100.0, 100.0 * _SAMPLED_PAGES / pages)
    return float(connection.scalar(statement, {**values, "percent": percent}) or 0)


_SAMPLED_PAGES = 200
_PAGES = text("SELECT pg_relation_size(to_regclass(:table)) / CAST(current_setting('block_size') AS bigint)")

# The text index counts for itself.
_RELATIONS = text(
    """SELECT relname AS name, n_live_tup AS rows,
              pg_total_relation_size(relid)
              - CASE WHEN relname = 'memories' THEN pg_relation_size('coppermind.memories_search') ELSE 0 END AS bytes
         FROM pg_stat_all_tables WHERE schemaname IN ('coppermind', 'dagster')
       UNION ALL
       SELECT 'memories_search', 0, pg_relation_size('coppermind.memories_search')"""
)

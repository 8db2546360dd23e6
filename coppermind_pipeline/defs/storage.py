"""Dagster's storage on the product's PostgreSQL server, with pooled connections."""

from typing import Any

from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage

_STATEMENT_TIMEOUT_MS = 60_000
_RECYCLE_AFTER_S = 1_800
_CONNECTIONS_MAX = 10


class PooledPostgresStorage(DagsterPostgresStorage):
    """As dagster-postgres, which opens a connection per statement everywhere but in its web server.

    Three times the wall time and the processor time of a run go into those connections; so every process gets the pool.
    """

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> "PooledPostgresStorage":
        """Return the storage for a URL that names psycopg2 as its driver."""
        storage = cls(inst_data=inst_data, postgres_url=config_value["postgres_url"])
        for part in (storage.run_storage, storage.event_log_storage, storage.schedule_storage):
            part.optimize_for_webserver(
                statement_timeout=_STATEMENT_TIMEOUT_MS, pool_recycle=_RECYCLE_AFTER_S, max_overflow=_CONNECTIONS_MAX
            )
        return storage

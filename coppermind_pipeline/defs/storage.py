"""Dagster's storage on the product's PostgreSQL server, by one pool of connections, and for one daemon alone."""

import os
from threading import Lock
from typing import Any

import dagster as dg
from dagster._core.storage.event_log import InMemoryEventLogStorage
from dagster._core.storage.runs import InMemoryRunStorage
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from sqlalchemy import Engine, create_engine, make_url

from coppermind_pipeline.defs.one_daemon import OneDaemonRunStorage
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database, upgrade

# Set by whoever has opened the database already, for the processes that it starts.
URL_VARIABLE = "COPPERMIND_DAGSTER_DATABASE_URL"

_STATEMENT_TIMEOUT_MS = 60_000
_RECYCLE_AFTER_S = 1_800
_CONNECTIONS_MAX = 20
_KEPT = 4

# The process's own, by address.
_pools: dict[str, Engine] = {}
_opening = Lock()


class PooledPostgresStorage(DagsterPostgresStorage):
    """As dagster-postgres, which opens a connection per statement everywhere but in its web server.

    Three times the wall time and the processor time of a run go into those connections; so every process gets a pool.
    It is one for the process: a code server makes an instance of Dagster for each evaluation of a sensor, and of what
    these held nothing was closed before the garbage collector came by.
    """

    @classmethod
    def config_type(cls) -> dict[str, dg.Field]:
        """Return what may be configured: a URL that names psycopg2 as its driver; none is this installation's."""
        return {"postgres_url": dg.Field(dg.StringSource, is_required=False)}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> "PooledPostgresStorage":
        """Return the storage, whose tables are made where they are missing."""
        if _definitions_are_validated():
            return cls._forgetful(inst_data)
        url = config_value.get("postgres_url") or os.environ.get(URL_VARIABLE) or _url_of_this_installation()
        with _opening:
            is_first = url not in _pools
            storage = cls(inst_data=inst_data, postgres_url=url, should_autocreate_tables=is_first)
            if is_first:
                _pools[url] = _new_pool(url)
        storage._run_storage = OneDaemonRunStorage(url, should_autocreate_tables=False)
        for part in (storage._run_storage, storage._event_log_storage, storage._schedule_storage):
            part._engine = _pools[url]
        return storage

    @classmethod
    def _forgetful(cls, inst_data: ConfigurableClassData | None) -> "PooledPostgresStorage":
        """Return one without a database: a look at the code starts no server, and upgrades nothing."""
        storage = cls(inst_data=inst_data, postgres_url="postgresql+psycopg2://", should_autocreate_tables=False)
        storage._run_storage, storage._event_log_storage = InMemoryRunStorage(), InMemoryEventLogStorage()
        return storage


def _new_pool(url: str) -> Engine:
    """Return a pool of connections to Dagster's tables, opening none yet."""
    options = " ".join(make_url(url).normalized_query.get("options", ()))
    return create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=_KEPT,
        max_overflow=_CONNECTIONS_MAX - _KEPT,
        pool_recycle=_RECYCLE_AFTER_S,
        connect_args={"options": f"{options} -c statement_timeout={_STATEMENT_TIMEOUT_MS}"},
    )


def _definitions_are_validated() -> bool:
    """Say whether this is `dg check defs` or `dagster definitions validate`, which set this variable for us to see."""
    return bool(os.environ.get("DAGSTER_IS_DEFS_VALIDATION_CLI"))


def _url_of_this_installation() -> str:
    """Open the database that the settings name, so that `dagster dev` needs nothing set; it is brought up to date."""
    database = Database.open(Settings.from_environment())
    upgrade(database)
    return database.dagster_url()

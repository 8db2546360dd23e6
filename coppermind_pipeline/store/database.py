"""The database as each part of the product may see it: one way in per role."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from typing import Self
from uuid import UUID

import psycopg
from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event, make_url, text

from coppermind_pipeline.errors import UsageError
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import embedded, locks

ROLES = (
    "coppermind_owner",
    "coppermind_app",
    "coppermind_scheduler",
    "coppermind_reader",
    "coppermind_mind_reader",
)

# How many connections of a role one process works on at once. More work than that waits, which it must only do in
# threads that hold no other connection of the pool.
CONNECTIONS_MAX = 24
_KEPT = 4

_CONNECT_MAX_S = 10
# A plan that was prepared while the tables were empty has been seen to take a thousand times as long later. So the
# driver prepares nothing; the server keeps the plans of foreign keys' checks, which cost a tenth of the ingest else.
_NOTHING_PREPARED = {"prepare_threshold": None}
_POOL = {
    "pool_size": _KEPT,
    "max_overflow": CONNECTIONS_MAX - _KEPT,
    "pool_recycle": 1800,
    "pool_pre_ping": True,
}


class UnstorableText(UsageError):
    """A text holds a character that can't be stored or looked for."""

    code = "unstorable_text"
    hint = "Leave out NUL characters, and halves of surrogate pairs."


class Database:
    """The product's PostgreSQL database.

    Every connection takes a role as it opens: the application's role obeys row-level security and sees the rows of the
    one mind (or customer) that its transaction names; the scheduler's reads connectors and cursors of all minds; the
    reader's reads across minds, for operators.
    """

    def __init__(self, url: str) -> None:
        """Take a libpq URL of a user who may create roles (or was granted the product's); nothing is opened yet."""
        self._url = make_url(url).set(drivername="postgresql+psycopg")

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Return the configured database; the embedded server is started where none is configured."""
        if settings.database_url is not None:
            return cls(settings.database_url.get_secret_value())
        return cls(embedded.start(settings.home))

    @contextmanager
    def mind(self, mind_id: UUID) -> Iterator[Connection]:
        """Open a transaction of the application that sees the rows of one mind and no others."""
        with self._app.begin() as connection:
            connection.execute(text("SELECT set_config('coppermind.mind_id', :id, true)"), {"id": str(mind_id)})
            yield connection

    @contextmanager
    def customer(self, customer_id: UUID) -> Iterator[Connection]:
        """Open a transaction of the application that sees one customer's account: its minds and access tokens."""
        with self._app.begin() as connection:
            connection.execute(text("SELECT set_config('coppermind.customer_id', :id, true)"), {"id": str(customer_id)})
            yield connection

    @contextmanager
    def nobody(self) -> Iterator[Connection]:
        """Open a transaction of the application that sees no mind's rows: rate limits, and lookups by a proof."""
        with self._app.begin() as connection:
            yield connection

    @contextmanager
    def connector_lock(self, connector_id: str, *, wait_s: float = 0) -> Iterator[bool]:
        """Be the connector's one writer inside the block; yield whether that was granted.

        The lock ends with the process, however it ends. It lives on a connection of its own, from a pool of its own:
        whoever holds locks leaves all the other connections to the work that they are held for. Blocks, hence is no
        thing for an event loop's thread.

        Args:
            connector_id: the connector.
            wait_s: how long to wait for another writer to end.
        """
        with self._locks.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            granted = locks.lock_connector(connection, connector_id, wait_s=wait_s)
            try:
                yield granted
            finally:
                if granted:
                    locks.unlock_connector(connection, connector_id)

    @contextmanager
    def scheduler(self) -> Iterator[Connection]:
        """Open a transaction that reads connectors and cursors of all minds."""
        with self._scheduler.begin() as connection:
            yield connection

    @contextmanager
    def reader(self) -> Iterator[Connection]:
        """Open a transaction that reads everything but secrets, across minds. Never for a tool's answer."""
        with self._reader.begin() as connection:
            yield connection

    @contextmanager
    def owner(self) -> Iterator[Connection]:
        """Open a transaction as the schema's owner: an operator's acts on customers and encryption keys."""
        with self._owner.begin() as connection:
            yield connection

    @contextmanager
    def administrator(self) -> Iterator[Connection]:
        """Open a transaction as the user of the configured URL: migrations and server-wide facts."""
        engine = create_engine(self._url, pool_size=1, hide_parameters=True)
        try:
            with engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()

    def now(self) -> datetime:
        """Return the time by the database's clock, which all stored times are of."""
        with self.nobody() as connection:
            return connection.execute(text("SELECT clock_timestamp()")).scalar_one()

    @property
    def address(self) -> URL:
        """Where the database is, and as whom: for programs that connect by themselves."""
        return self._url

    @property
    def dagster_url(self) -> str:
        """The URL of Dagster's own storage: same server, schema `dagster`, over psycopg2, which Dagster needs."""
        url = self._url.set(drivername="postgresql+psycopg2").update_query_dict({"options": "-csearch_path=dagster"})
        return url.render_as_string(hide_password=False)

    def dispose(self) -> None:
        """Close the pooled connections."""
        for name in ("_app", "_locks", "_scheduler", "_reader", "_owner"):
            if name in self.__dict__:
                self.__dict__.pop(name).dispose()

    @cached_property
    def _app(self) -> Engine:
        return self._engine("coppermind_app")

    @cached_property
    def _locks(self) -> Engine:
        return self._engine("coppermind_app")

    @cached_property
    def _scheduler(self) -> Engine:
        return self._engine("coppermind_scheduler")

    @cached_property
    def _reader(self) -> Engine:
        return self._engine("coppermind_reader")

    @cached_property
    def _owner(self) -> Engine:
        return self._engine("coppermind_owner")

    def _engine(self, role: str) -> Engine:
        connect_args = {"options": _options(role), "connect_timeout": _CONNECT_MAX_S, **_NOTHING_PREPARED}
        # An error's words end up in logs: they name the statement, and none of the values, which are customers' data.
        engine = create_engine(self._url, hide_parameters=True, connect_args=connect_args, **_POOL)
        event.listen(engine, "handle_error", _refuse_unstorable_text)
        return engine


def _refuse_unstorable_text(context: ExceptionContext) -> None:
    """Name what somebody sent us that PostgreSQL has no text for; the driver refuses it before the server sees it."""
    refused = context.original_exception
    # What the server refuses has a class of its own, derived from DataError.
    if type(refused) is psycopg.DataError or isinstance(refused, UnicodeEncodeError):
        raise UnstorableText from refused


def _options(role: str) -> str:
    return f"-c role={role} -c search_path=coppermind -c timezone=UTC"

"""The database as each part of the product may see it: one way in per role."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from typing import Any, Self
from uuid import UUID

import psycopg
from psycopg.errors import ConnectionTimeout
from sqlalchemy import URL, Connection, Dialect, Engine, ExceptionContext, create_engine, event, make_url, text
from sqlalchemy.exc import OperationalError

from coppermind_pipeline.errors import NeedsPerson, UsageError
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import locks
from coppermind_pipeline.store.files import private_home
from coppermind_pipeline.store.roles.passwords import LoginKey, password_of
from coppermind_pipeline.store.roles.role_logins import DAGSTER_ROLE, LoginKeptOut, LoginMissing, login_of, make_login
from coppermind_pipeline.store.server import embedded

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
# How soon the server ends the statement, and lets go of the locks, of a process that has ended however it did: at once
# where its machine says so, and within a minute where that is gone as well.
_END_WITH_CLIENT = (
    "client_connection_check_interval=1000",
    "tcp_keepalives_idle=30",
    "tcp_keepalives_interval=10",
    "tcp_keepalives_count=3",
)
# To compile a statement takes longer than any of ours; servers that can, do it by default.
# https://www.postgresql.org/docs/current/jit-decision.html
_NOTHING_COMPILED = ("jit=off",)
# And how soon a process notices that the server's machine is gone.
_NOTICE_SERVERS_END = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
# A plan that was prepared while the tables were empty has been seen to take a thousand times as long later. So the
# driver prepares nothing; the server keeps the plans of foreign keys' checks, which cost a tenth of the ingest else.
_NOTHING_PREPARED = {"prepare_threshold": None}
_POOL = {
    "pool_size": _KEPT,
    "max_overflow": CONNECTIONS_MAX - _KEPT,
    "pool_recycle": 1800,
    "pool_pre_ping": True,
}


# What one user of a pooled connection leaves on it, settings, locks and the like, is gone before the next one has it.
# This takes the place of the statement that asks whether the connection still works. Plans are kept, see above.
_CLEAR = b"RESET ROLE; RESET ALL; DEALLOCATE ALL; UNLISTEN *; SELECT pg_advisory_unlock_all()"


class UnstorableText(UsageError):
    """A text holds a character that can't be stored or looked for."""

    code = "unstorable_text"
    hint = "Leave out NUL characters, and halves of surrogate pairs."


class NoAdministrator(NeedsPerson):
    """COPPERMIND_DATABASE_URL names no user, and what is asked for needs one who may create roles."""

    code = "no_administrator"
    hint = "Give it a user and a password for this command; everything else does without."


class Database:
    """The product's PostgreSQL database.

    Every connection is the login of one role, and can become no other: the application's role obeys row-level security
    and sees the rows of the one mind (or customer) that its transaction names; the scheduler's reads connectors and
    cursors of all minds; the reader's reads across minds, for operators.
    """

    def __init__(self, url: str, login_key: LoginKey) -> None:
        """Open nothing yet.

        Args:
            url: libpq's, of a user who may create roles: for upgrades, backups, and the making of logins.
            login_key: what the logins' passwords are derived from. Where it is the key itself, which others may have as
                well, a URL without a user is one that none of the above is done with.
        """
        self._url = _with_user_in_front(make_url(url)).set(drivername="postgresql+psycopg")
        self.login_key = login_key
        self.has_administrator = isinstance(login_key, Path) or self._url.username is not None
        self._remade: set[str] = set()
        self._remaking = Lock()

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Return the configured database; the embedded server is started where none is configured."""
        login_key = settings.login_key() or settings.home
        if settings.database_url is not None:
            if settings.home.exists():  # keys lie there; the embedded server closes it by itself
                private_home(settings.home)
            return cls(settings.database_url.get_secret_value(), login_key)
        return cls(embedded.start(settings.home), login_key)

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
    def daemon_lock(self, *, wait_s: float = 0) -> Iterator[Connection | None]:
        """Be the one Dagster daemon on this database inside the block, on whatever machine.

        Yield the connection that the lock lives on and ends with; None where another daemon has it after `wait_s`.
        """
        with self._locks.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            granted = locks.lock_daemon(connection, wait_s=wait_s)
            try:
                yield connection if granted else None
            finally:
                if granted and not connection.invalidated:
                    locks.unlock_daemon(connection)

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
    def dagster(self) -> Iterator[Connection]:
        """Open a transaction on Dagster's own tables, for what Dagster has no function for."""
        with self._dagster.begin() as connection:
            yield connection

    @contextmanager
    def administrator(self) -> Iterator[Connection]:
        """Open a transaction as the user of the configured URL: migrations, logins and server-wide facts.

        Raises:
            NoAdministrator: it names none.
        """
        if not self.has_administrator:
            raise NoAdministrator
        connect_args = {"connect_timeout": _CONNECT_MAX_S}
        engine = create_engine(self._url, pool_size=1, hide_parameters=True, connect_args=connect_args)
        try:
            with engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()

    def make_login(self, connection: Connection, role: str) -> None:
        """Make the login that works as `role`, by an administrator's connection."""
        make_login(connection, self.login_key, role)

    def now(self) -> datetime:
        """Return the time by the database's clock, which all stored times are of."""
        with self.nobody() as connection:
            return connection.execute(text("SELECT clock_timestamp()")).scalar_one()

    @property
    def address(self) -> URL:
        """Where the database is, and as whom an administrator connects: for PostgreSQL's own programs."""
        return self._url

    def dagster_url(self) -> str:
        """Return the URL of Dagster's own storage, whose login works: schema `dagster`, over psycopg2 as it needs."""
        engine = self._engine(DAGSTER_ROLE)
        try:
            engine.connect().close()
        finally:
            engine.dispose()
        url = engine.url.set(drivername="postgresql+psycopg2").update_query_dict({"options": _options(DAGSTER_ROLE)})
        return url.render_as_string(hide_password=False)

    def dispose(self) -> None:
        """Close the pooled connections."""
        for name in ("_app", "_locks", "_scheduler", "_reader", "_owner", "_dagster"):
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

    @cached_property
    def _dagster(self) -> Engine:
        return self._engine(DAGSTER_ROLE)

    def _engine(self, role: str) -> Engine:
        connect_args = {
            "options": _options(role),
            "connect_timeout": _CONNECT_MAX_S,
            **_NOTICE_SERVERS_END,
            **_NOTHING_PREPARED,
        }
        login = login_of(self.login_key, role)
        url = self._url.set(username=login, password=password_of(self.login_key, login))
        # An error's words end up in logs: they name the statement, and none of the values, which are customers' data.
        engine = create_engine(url, hide_parameters=True, connect_args=connect_args, **_POOL)
        event.listen(engine, "handle_error", _refuse_unstorable_text)
        engine.dialect.do_ping = _clear
        event.listen(engine, "do_connect", partial(self._connect, role))
        return engine

    def _connect(self, role: str, dialect: Dialect, _: object, arguments: list[Any], options: dict[str, Any]) -> Any:
        """Connect as the role's login; one that the server does not know, or by another password, is made first."""
        try:
            return dialect.connect(*arguments, **options)
        except ConnectionTimeout:
            raise
        except psycopg.OperationalError as error:
            # It has no code that tells a login which is refused from a server that is down, or full.
            if not self.has_administrator and _is_kept_out(error):
                raise LoginMissing(f"The server does not let the login {options['user']} in: {error}") from error
            if not self._remake_login(role):
                raise
        try:
            return dialect.connect(*arguments, **options)
        except psycopg.OperationalError as error:
            if _is_kept_out(error):
                raise LoginKeptOut(options["user"], str(error)) from error
            raise

    def _remake_login(self, role: str) -> bool:
        """Make the login of a role anew, once in this process's life; return whether an administrator got in."""
        if not self.has_administrator:
            return False
        with self._remaking:
            if role not in self._remade:
                try:
                    with self.administrator() as connection:
                        self.make_login(connection, role)
                except OperationalError:
                    return False
                self._remade.add(role)
            return True


def _with_user_in_front(url: URL) -> URL:
    """Return the URL with its user where the logins' names will stand; libpq takes one from the query as well."""
    user = url.normalized_query.get("user", [url.username])[-1]
    password = url.normalized_query.get("password", [url.password])[-1]
    return url.difference_update_query(["user", "password"]).set(username=user, password=password)


def _is_kept_out(error: psycopg.OperationalError) -> bool:
    # In most languages: it names the file without a rule for this login, or how it asked who we are.
    return any(word in str(error) for word in ("pg_hba.conf", "authentication", "Peer", "Ident"))


def _clear(dbapi_connection: Any) -> bool:
    """Find out whether a pooled connection works, which its next user gets as it was opened."""
    by_itself = dbapi_connection.autocommit
    dbapi_connection.autocommit = True
    try:
        dbapi_connection.execute(_CLEAR)
    finally:
        if not dbapi_connection.closed:
            dbapi_connection.autocommit = by_itself
    return True


def _refuse_unstorable_text(context: ExceptionContext) -> None:
    """Name what somebody sent us that PostgreSQL has no text for; the driver refuses it before the server sees it."""
    refused = context.original_exception
    # What the server refuses has a class of its own, derived from DataError.
    if type(refused) is psycopg.DataError or isinstance(refused, UnicodeEncodeError):
        raise UnstorableText from refused


def _options(role: str) -> str:
    schema = "dagster" if role == DAGSTER_ROLE else "coppermind"
    settings = (f"role={role}", f"search_path={schema}", "timezone=UTC", *_NOTHING_COMPILED, *_END_WITH_CLIENT)
    return " ".join(f"-c {setting}" for setting in settings)

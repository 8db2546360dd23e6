"""Each connection that the product keeps is the login of one role, and becomes no other: the superuser's once did."""

import secrets
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import get_type_hints

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Engine, NullPool, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from coppermind_pipeline.errors import CoppermindError
from coppermind_pipeline.store import ROLES, Database, backup, embedded, login_url, make_logins, restore, upgrade
from coppermind_pipeline.store.files import replace_text
from coppermind_pipeline.store.roles.passwords import KEY_FILE
from coppermind_pipeline.store.roles.role_logins import WORKING_ROLES, login_of
from coppermind_pipeline_tests.left_behind import new_home

_ENGINES = sorted(
    name
    for name, member in vars(Database).items()
    if isinstance(member, cached_property) and get_type_hints(member.func)["return"] is Engine
)


@pytest.fixture(params=[*_ENGINES, "dagster"])
def connection(request: pytest.FixtureRequest, database: Database) -> Iterator[psycopg.Connection]:
    """A connection of each kind that the product keeps, as whoever smuggles in a statement would have it."""
    if request.param == "dagster":
        with _dagsters(database) as driver_connection:
            yield driver_connection
        return
    with getattr(database, request.param).connect() as connection:
        driver_connection: psycopg.Connection = connection.connection.driver_connection
        driver_connection.autocommit = True
        yield driver_connection


def test_there_is_an_engine_for_each_role_and_for_the_locks():
    assert len(_ENGINES) == len(WORKING_ROLES) + 1


def test_a_pooled_connection_becomes_nobody_else(connection: psycopg.Connection):
    (role,) = _one(connection, "SELECT current_user")
    (login,) = _one(connection, "SELECT session_user")
    assert role in WORKING_ROLES
    for other in {*ROLES, *WORKING_ROLES, "postgres", "pg_read_all_data", "pg_monitor"} - {role}:
        for statement in ("SET ROLE", "SET SESSION AUTHORIZATION"):
            with pytest.raises(InsufficientPrivilege):
                connection.execute(f"{statement} {other}".encode())
    for statement in ("SET ROLE NONE", "RESET SESSION AUTHORIZATION", "RESET ROLE", "RESET ALL", "DISCARD ALL"):
        connection.execute(statement.encode())
        assert _one(connection, "SELECT session_user") == (login,)
        assert _one(connection, "SELECT current_user IN (session_user, %s)", role) == (True,)
        assert _one(connection, "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication "
                                "FROM pg_roles WHERE rolname = session_user") == (False,)  # fmt: skip
    others = connection.execute(
        "SELECT rolname FROM pg_roles WHERE pg_has_role(session_user, oid, 'MEMBER')"
    ).fetchall()
    assert sorted(others) == sorted([(role,), (login,)])


def test_no_role_is_given_on(connection: psycopg.Connection):
    for statement in ("CREATE ROLE mine", "GRANT coppermind_owner TO SESSION_USER", "ALTER ROLE SESSION_USER SUPERUSER",
                      "ALTER ROLE postgres PASSWORD 'mine'"):  # fmt: skip
        with pytest.raises(InsufficientPrivilege):
            connection.execute(statement.encode())


@pytest.mark.parametrize("engine", _ENGINES)
def test_no_statement_is_compiled_before_it_runs(database: Database, engine: str):
    pool: Engine = getattr(database, engine)
    with pool.connect() as connection:
        assert connection.scalar(text("SHOW jit")) == "off"


@pytest.mark.parametrize("engine", _ENGINES)
def test_nothing_that_is_left_on_a_pooled_connection_reaches_its_next_user(database: Database, engine: str):
    questions = """SELECT pg_backend_pid(), current_user, current_setting('coppermind.mind_id', true),
                          current_setting('statement_timeout'), current_setting('search_path'),
                          (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
                          (SELECT count(*) FROM pg_listening_channels()),
                          (SELECT count(*) FROM pg_prepared_statements)"""
    pool: Engine = getattr(database, engine)
    with pool.connect() as connection:
        before = connection.execute(text(questions)).one()
    with pool.connect() as connection:
        for statement in ("SET ROLE NONE", "SELECT set_config('coppermind.mind_id', 'of another', false)",
                          "SET statement_timeout = 1000", "SET search_path = public", "LISTEN something",
                          "PREPARE something AS SELECT 1"):  # fmt: skip
            connection.execute(text(statement))
        if engine not in {"_reader", "_dagster"}:  # which may take none
            connection.execute(text("SELECT pg_advisory_lock(1)"))
        connection.commit()
    with pool.connect() as connection:
        after = connection.execute(text(questions)).one()
    assert [value or "" for value in after] == [value or "" for value in before]


def test_dagsters_storage_sees_nothing_of_ours_and_owns_what_it_makes(database: Database):
    with _dagsters(database) as connection:
        with pytest.raises(InsufficientPrivilege):
            connection.execute("SELECT FROM coppermind.minds")
        connection.execute("CREATE TABLE made (id serial)")
        assert _one(connection, "SELECT relowner::regrole::text FROM pg_class WHERE relname = 'made'") == (
            "coppermind_dagster",
        )


def test_dagster_gets_what_earlier_versions_kept_as_the_configured_user(database: Database):
    with database.administrator() as connection:
        connection.execute(text("ALTER SCHEMA dagster OWNER TO CURRENT_USER"))
        connection.execute(text("CREATE TABLE dagster.kept (id serial, what text)"))
        connection.execute(text("INSERT INTO dagster.kept (what) VALUES ('a run')"))
    upgrade(database)
    with _dagsters(database) as connection:
        connection.execute("INSERT INTO kept (what) VALUES ('another')")
        connection.execute("ALTER TABLE kept ADD COLUMN later text")
        assert _one(connection, "SELECT count(*) FROM kept") == (2,)


def test_a_user_whom_the_query_of_the_address_names_gives_way_to_the_logins(database_url: str, tmp_path: Path):
    url = make_url(database_url)
    named = url.set(username=None, password=None).update_query_dict(
        {"user": str(url.username), "password": str(url.password)}
    )
    ours = Database(named.render_as_string(hide_password=False), tmp_path)
    assert _session_user(ours) == login_of(tmp_path, "coppermind_app")
    ours.dispose()


def test_a_login_is_made_again_whatever_became_of_it(database: Database, database_url: str, tmp_path: Path):
    def works() -> bool:
        ours = Database(database_url, tmp_path)
        try:
            with ours.reader() as connection:
                return connection.scalar(text("SELECT session_user")) == login_of(tmp_path, "coppermind_reader")
        finally:
            ours.dispose()

    assert works()
    login = login_of(tmp_path, "coppermind_reader")
    with database.administrator() as connection:
        connection.execute(text(f"ALTER ROLE {login} PASSWORD 'of its own'"))
    assert works()
    with database.administrator() as connection:
        connection.execute(text(f"ALTER ROLE {login} NOLOGIN"))
    assert works()
    with database.administrator() as connection:
        connection.execute(text(f"DROP ROLE {login}"))  # as on a server that a backup was restored into
    assert works()
    (tmp_path / KEY_FILE).unlink()
    assert works()
    assert login_of(tmp_path, "coppermind_reader") != login


@pytest.mark.slow
def test_a_former_key_file_of_the_embedded_server_opens_nothing():
    with _new_server() as (home, url):
        ours = Database(url, home)
        upgrade(ours)
        former = ours.dagster_url()
        ours.dispose()
        (home / KEY_FILE).unlink()
        ours = Database(embedded.start(home), home)
        with pytest.raises(OperationalError, match="coppermind_dagster_"), _server(former).connect():
            pass
        assert _session_user(ours) == login_of(home, "coppermind_app")
        ours.dispose()


def test_many_that_start_at_once_make_one_login(database_url: str, tmp_path: Path):
    databases = [Database(database_url, tmp_path) for _ in range(8)]
    with ThreadPoolExecutor(len(databases)) as pool:
        users = set(pool.map(_session_user, databases))
    assert users == {login_of(tmp_path, "coppermind_app")}
    for database in databases:
        database.dispose()


def test_installations_that_share_a_server_leave_each_other_in(database_url: str, tmp_path: Path):
    first, second = (Database(database_url, tmp_path / name) for name in ("first", "second"))
    for database in (first, second, first):
        assert _session_user(database)
        database.dispose()


@pytest.mark.slow
def test_a_user_who_may_just_make_roles_needs_no_more(tmp_path: Path):
    with _new_server() as (_, server_url):
        with _server(server_url).connect() as connection:
            connection.execute(text("CREATE ROLE creator LOGIN CREATEROLE CREATEDB PASSWORD 'creator'"))
            connection.execute(text("CREATE DATABASE first OWNER creator"))
            connection.execute(text("CREATE DATABASE second OWNER creator"))
        first, second = (_as_creator(server_url, name, tmp_path / name) for name in ("first", "second"))
        upgrade(first)
        assert _session_user(first) == login_of(tmp_path / "first", "coppermind_app")
        with first.reader() as connection:
            assert connection.scalar(text("SELECT name FROM customers")) == "local"
        with _dagsters(first) as connection:
            connection.execute("CREATE TABLE runs (id serial)")
            connection.execute("INSERT INTO runs DEFAULT VALUES")
        file = tmp_path / "backup"
        first.dispose()
        backup(first, file)
        restore(second, file)
        assert _session_user(second) == login_of(tmp_path / "second", "coppermind_app")
        with _dagsters(second) as connection:
            connection.execute("INSERT INTO runs DEFAULT VALUES")
            assert _one(connection, "SELECT count(*) FROM runs") == (2,)
        second.dispose()


def test_a_user_who_may_not_make_logins_is_told_what_to_do(database: Database, database_url: str, tmp_path: Path):
    with database.administrator() as connection:
        connection.execute(text("CREATE ROLE humble LOGIN PASSWORD 'humble'"))
    url = make_url(database_url).set(username="humble", password="humble")
    ours = Database(url.render_as_string(hide_password=False), tmp_path)
    with pytest.raises(CoppermindError) as refused:
        _session_user(ours)
    assert refused.value.code == "login_refused"
    orders = refused.value.hint.partition(": ")[2].rpartition(" (")[0]
    with database.administrator() as connection:
        connection.execute(text(orders))  # the administrator does as it says
    assert _session_user(ours) == login_of(tmp_path, "coppermind_app")
    ours.dispose()


def test_an_address_without_a_user_does_for_everything_but_what_an_administrator_does(
    database: Database, database_url: str
):
    key = secrets.token_bytes(32)
    url = make_url(database_url)._replace(username=None, password=None)
    ours = Database(str(url), key)
    _assert_refused("login_missing", lambda: upgrade(ours))
    make_logins(Database(database_url, key))
    upgrade(ours)
    assert _session_user(ours) == login_of(key, "coppermind_app")
    assert login_of(key, "coppermind_dagster") in ours.dagster_url()
    _assert_refused("no_administrator", lambda: login_url(ours, key))
    for revision, code in (("0047", "not_upgraded"), ("9999", "newer_schema"), ("0046", "older_schema")):
        with database.administrator() as connection:
            connection.execute(text("UPDATE coppermind.alembic_version SET version_num = :it"), {"it": revision})
        _assert_refused(code, lambda: upgrade(ours))
    ours.dispose()


def _assert_refused(code: str, ask: Callable[[], object]) -> None:
    with pytest.raises(CoppermindError) as refused:
        ask()
    assert refused.value.code == code


def test_a_server_that_keeps_the_logins_out_is_named(database_url: str, server_home: Path, tmp_path: Path):
    rules = server_home / "postgres" / "pg_hba.conf"
    before = rules.read_text()
    ours = Database(database_url, tmp_path)
    login = login_of(tmp_path, "coppermind_app")
    try:
        replace_text(rules, f"local all {login} reject\n{before}")
        _reload(ours)
        with pytest.raises(CoppermindError, match=login) as refused:
            _session_user(ours)
        assert refused.value.code == "login_kept_out"
        assert "+coppermind_app" in refused.value.hint
    finally:
        replace_text(rules, before)
        _reload(ours)
    ours.dispose()


def test_a_server_that_is_down_is_no_matter_of_logins(tmp_path: Path):
    with pytest.raises(Exception, match="refused"):
        _session_user(Database("postgresql://somebody:word@127.0.0.1:1/nothing", tmp_path))


def _session_user(database: Database) -> str:
    with database.nobody() as connection:
        return connection.execute(text("SELECT session_user")).scalar_one()


@contextmanager
def _dagsters(database: Database) -> Iterator[psycopg.Connection]:
    """Connect as Dagster's storage does."""
    with _server(database.dagster_url()).connect() as connection:
        driver_connection: psycopg.Connection = connection.connection.driver_connection  # pyright: ignore[reportAssignmentType]
        driver_connection.autocommit = True
        yield driver_connection


@contextmanager
def _new_server() -> Iterator[tuple[Path, str]]:
    home = new_home()
    try:
        yield home, embedded.start(home)
    finally:
        embedded.stop(home)
        shutil.rmtree(home)


def _as_creator(server_url: str, name: str, home: Path) -> Database:
    url = make_url(server_url).set(username="creator", password="creator", database=name)
    return Database(url.render_as_string(hide_password=False), home)


def _one(connection: psycopg.Connection, question: str, *values: str) -> tuple[object, ...]:
    (row,) = connection.execute(question.encode(), values).fetchall()
    return row


def _server(url: str) -> Engine:
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", poolclass=NullPool
    )


def _reload(database: Database) -> None:
    """Let the server read its rules again, and wait until it has."""
    with database.administrator() as connection:
        before = connection.scalar(text("SELECT pg_conf_load_time()"))
        connection.execute(text("SELECT pg_reload_conf()"))
    while True:
        with database.administrator() as connection:
            if connection.scalar(text("SELECT pg_conf_load_time()")) != before:
                return

"""Whoever logs in with an address that was handed out reads what it is for, changes nothing, becomes nobody else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import URL, make_url, text

from coppermind_pipeline.errors import CoppermindError
from coppermind_pipeline.store import ROLES, Database, login_url
from coppermind_pipeline_tests.store.minds import ROWS, Minds

_SECRET_TABLES = {"connector_credentials", "oauth_states"}

Ask = Callable[[str], list[tuple[Any, ...]]]


@contextmanager
def _logged_in(url: str) -> Iterator[Ask]:
    """Whoever holds an address, and knows their way about PostgreSQL."""
    with psycopg.connect(url, autocommit=True) as connection:

        def ask(statement: str) -> list[tuple[Any, ...]]:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

        yield ask


@pytest.fixture
def login(minds: Minds, server_home: Path) -> Iterator[Ask]:
    """A login that is bound to the first mind."""
    with _logged_in(login_url(minds.database, server_home, mind_id=minds.ours)) as ask:
        yield ask


@pytest.mark.parametrize("table", sorted(ROWS.keys() - _SECRET_TABLES))
def test_a_login_of_a_mind_reads_that_mind_alone(login: Ask, minds: Minds, table: str):
    assert login(f"SELECT mind_id FROM {table}") == [(minds.ours,)]


def test_a_login_of_a_mind_reads_no_other_account_and_no_secret(login: Ask, minds: Minds):
    assert login("SELECT id FROM minds") == [(minds.ours,)]
    for table in (*_SECRET_TABLES, "access_tokens", "sign_in_links", "web_sessions", "customers", "rate_limit_states"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            login(f"SELECT FROM {table}")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        login("SELECT FROM dagster.runs")


def test_a_login_of_a_mind_cannot_become_more(login: Ask, minds: Minds):
    other = f"coppermind_mind_{minds.theirs.hex}"
    for role in (*ROLES, "postgres"):
        if role != "coppermind_mind_reader":  # which it is a member of: alone, that shows no row more
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                login(f"SET ROLE {role}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            login(f"SET SESSION AUTHORIZATION {role}")
    ours = login("SELECT session_user")[0][0]
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="cannot be renamed"):
        login(f"ALTER ROLE {ours} RENAME TO {other}")
    for attempt in (f"CREATE ROLE {other}", f"ALTER ROLE {ours} BYPASSRLS", f"GRANT coppermind_reader TO {ours}",
                    f"ALTER ROLE {ours} SET coppermind.mind_id = '{minds.theirs}'"):  # fmt: skip
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            login(attempt)
    for trick in (
        "RESET ROLE",
        "SET ROLE NONE",
        "SET ROLE coppermind_mind_reader",
        "RESET ALL",
        "RESET SESSION AUTHORIZATION",
        f"SET coppermind.mind_id = '{minds.theirs}'",
        "SET search_path = pg_temp, coppermind",
    ):
        login(trick)
        assert login("SELECT DISTINCT mind_id FROM coppermind.memories") == [(minds.ours,)], trick
    login("SET row_security = off")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        login("SELECT FROM coppermind.memories")


@pytest.mark.parametrize("bound", [True, False])
def test_a_login_changes_nothing(database: Database, two_minds: tuple[UUID, UUID], tmp_path: Path, bound: bool):
    url = login_url(database, tmp_path, mind_id=two_minds[0] if bound else None)
    with _logged_in(url) as ask:
        for table in ROWS:
            for attempt in (
                f"INSERT INTO {table} (mind_id) VALUES ('{two_minds[0]}')",
                f"UPDATE {table} SET mind_id = mind_id",
                f"DELETE FROM {table}",
                f"TRUNCATE {table}",
                f"DROP TABLE {table}",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    ask(attempt)
        for attempt in ("CREATE TABLE coppermind.mine ()", "CREATE TABLE public.mine ()", "CREATE SCHEMA mine",
                        "SELECT nextval('change_seq')", "SELECT analyze_grown_tables()"):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                ask(attempt)


def test_a_login_without_a_mind_reads_all_of_them_and_becomes_nobody_else(
    database: Database, two_minds: tuple[UUID, UUID], tmp_path: Path
):
    with _logged_in(login_url(database, tmp_path)) as ask:
        assert ask("SELECT count(*) FROM memories") == [(2,)]
        for role in set(ROLES) - {"coppermind_reader"} | {"postgres"}:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                ask(f"SET ROLE {role}")
        ask("RESET ROLE")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask("SELECT FROM connector_credentials")


def test_a_logins_password_is_asked_for_is_good_for_it_alone_and_is_stored_nowhere(
    database: Database, two_minds: tuple[UUID, UUID], tmp_path: Path
):
    url = make_url(login_url(database, tmp_path, mind_id=two_minds[0]))
    assert make_url(login_url(database, tmp_path, mind_id=two_minds[0])) == url
    other = make_url(login_url(database, tmp_path, mind_id=two_minds[1]))
    login_url(database, tmp_path)
    for wrong in (
        URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query),
        url.set(password="guessed"),
        url.set(username=other.username),
        url.set(username="coppermind_reader"),
        url.set(username="postgres"),
    ):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(wrong.render_as_string(hide_password=False))
    with database.administrator() as connection:
        stored = connection.scalars(text("SELECT rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL")).all()
    assert all(verifier.startswith("SCRAM-SHA-256$") for verifier in stored)
    for file in tmp_path.iterdir():
        assert file.stat().st_mode & 0o077 == 0 or file.stat().st_size == 0
        assert str(url.password).encode() not in file.read_bytes()


def test_a_database_user_who_may_make_no_roles_is_told_so(database: Database, database_url: str, tmp_path: Path):
    with database.administrator() as connection:
        connection.execute(text("DROP ROLE IF EXISTS plain"))
        connection.execute(text("CREATE ROLE plain LOGIN PASSWORD 'plain'"))
    plain = Database(
        make_url(database_url).set(username="plain", password="plain").render_as_string(hide_password=False),
        tmp_path,
    )
    with pytest.raises(CoppermindError) as refused:
        login_url(plain, tmp_path)
    assert refused.value.code == "login_refused"
    assert "CREATEROLE" in refused.value.hint

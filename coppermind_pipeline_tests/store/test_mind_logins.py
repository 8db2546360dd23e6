"""Whoever holds the login of one mind can't disturb another: each attack here once succeeded."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import make_url, text

from coppermind_pipeline.errors import CoppermindError
from coppermind_pipeline.store import Database, copy_rows, login_url


@pytest.fixture
def mind(database: Database, local_customer: UUID) -> UUID:
    with database.customer(local_customer) as connection:
        return connection.execute(
            text("INSERT INTO minds (customer_id, name, slug, kind) VALUES (:c, 'a', 'a', 'client') RETURNING id"),
            {"c": local_customer},
        ).scalar_one()


@pytest.fixture
def url(database: Database, mind: UUID, tmp_path: Path) -> str:
    return login_url(database, tmp_path, mind_id=mind)


@pytest.fixture
def login(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


_LOCK_KEYS = "1131376752, hashtext('globex-hubspot-abcd')"


@pytest.mark.parametrize(
    "function",
    [f"pg_{kind}lock{shared}({keys})" for kind in ("advisory_", "try_advisory_", "advisory_xact_", "try_advisory_xact_")
     for shared in ("", "_shared") for keys in (_LOCK_KEYS, "1")],
)  # fmt: skip
def test_the_login_takes_no_lock_that_a_sync_waits_for(database: Database, login: psycopg.Connection, function: str):
    with pytest.raises(InsufficientPrivilege):
        login.execute(f"SELECT {function}".encode())
    with database.connector_lock("globex-hubspot-abcd") as granted:
        assert granted


@pytest.mark.parametrize(
    "attempt",
    [*(f"LOCK TABLE memories IN {mode} MODE" for mode in ("ROW SHARE", "ROW EXCLUSIVE", "SHARE", "ACCESS EXCLUSIVE")),
     "SELECT FROM memories FOR KEY SHARE", "SELECT FROM connectors FOR UPDATE", "SELECT pg_stat_reset()", "CHECKPOINT",
     "SELECT pg_switch_wal()"],
)  # fmt: skip
def test_the_login_stops_nobody_by_other_locks_and_orders(login: psycopg.Connection, attempt: str):
    with login.transaction(force_rollback=True), pytest.raises(InsufficientPrivilege):
        login.execute(attempt.encode())


def test_the_login_ends_no_session_of_others(database: Database, login: psycopg.Connection):
    with database.nobody() as connection:
        server_process = connection.scalar(text("SELECT pg_backend_pid()"))
        for function in ("pg_terminate_backend", "pg_cancel_backend"):
            with pytest.raises(InsufficientPrivilege):
                login.execute(f"SELECT {function}({server_process})".encode())


def test_the_login_gives_back_locks_as_pools_do(login: psycopg.Connection):
    login.execute("SELECT pg_advisory_unlock_all()")


@pytest.mark.parametrize(
    "attempt",
    ["CREATE TEMPORARY TABLE mine AS SELECT generate_series(1, 9)", "CREATE FUNCTION pg_temp.f() RETURNS int RETURN 1",
     "SELECT lo_create(0)", "SELECT lo_creat(-1)", "SELECT lo_from_bytea(0, 'data')"],
)  # fmt: skip
def test_the_login_stores_nothing(login: psycopg.Connection, attempt: str):
    with pytest.raises(InsufficientPrivilege):
        login.execute(attempt.encode())


def test_the_login_gets_into_no_template_where_it_could(url: str):
    template = make_url(url).set(database="template1").render_as_string(hide_password=False)
    with pytest.raises(psycopg.OperationalError, match='permission denied for database "template1"'):
        psycopg.connect(template)


def test_the_login_has_five_connections(url: str):
    with ExitStack() as opened:
        for _ in range(5):
            opened.enter_context(psycopg.connect(url))
        with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
            psycopg.connect(url)


def test_what_the_login_leaves_running_is_ended(login: psycopg.Connection):
    for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
        assert login.execute(f"SHOW {limit}".encode()).fetchone() == ("1min",)


def test_the_login_fills_no_disk_with_a_sort(login: psycopg.Connection):
    assert login.execute("SHOW temp_file_limit").fetchone() == ("1GB",)
    with pytest.raises(InsufficientPrivilege):
        login.execute("SET temp_file_limit = -1")


def test_an_address_is_good_again_whatever_its_holder_made_of_the_login(
    database: Database, mind: UUID, url: str, login: psycopg.Connection, tmp_path: Path
):
    role = make_url(url).username
    login.execute(f"ALTER ROLE {role} PASSWORD 'mine alone'".encode())
    login.execute(f"ALTER ROLE {role} SET statement_timeout = 0".encode())
    login.execute(f"ALTER ROLE {role} SET default_transaction_read_only = on".encode())
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(url)
    assert login_url(database, tmp_path, mind_id=mind) == url
    with psycopg.connect(url) as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("1min",)
        assert connection.execute("SHOW default_transaction_read_only").fetchone() == ("off",)


def test_the_reader_across_minds_takes_no_lock_either(database: Database, tmp_path: Path):
    with psycopg.connect(login_url(database, tmp_path)) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute("SELECT pg_advisory_lock(1)")


def test_the_products_own_roles_lock_and_copy(database: Database):
    for opened in (database.nobody, database.owner, database.scheduler, database.administrator):
        with opened() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(1)"))
    with database.nobody() as connection:
        assert copy_rows(connection, like="hubspot_crm_objects", columns=["hubspot_id"], rows=[["1"]]) == 1


def test_where_the_server_forbids_to_close_its_doors_no_login_of_a_mind_is_made(
    database: Database, database_url: str, mind: UUID, tmp_path: Path
):
    plain = _who_may_make_roles(database, database_url, tmp_path)
    with database.administrator() as connection:
        connection.execute(text("GRANT EXECUTE ON FUNCTION pg_advisory_lock(bigint) TO PUBLIC"))
        connection.execute(text(f"REVOKE TEMPORARY ON DATABASE {database.address.database} FROM PUBLIC"))
    with pytest.raises(CoppermindError) as refused:
        login_url(plain, tmp_path, mind_id=mind)
    assert refused.value.code == "public_doors_open"
    assert "REVOKE EXECUTE ON FUNCTION pg_advisory_lock(bigint) FROM PUBLIC;" in refused.value.hint
    with database.administrator() as connection:
        assert not connection.scalar(text("SELECT true FROM pg_roles WHERE rolname ~ :id"), {"id": mind.hex})
        connection.execute(text(refused.value.hint.partition(": ")[2]))  # the administrator does as it says
    with psycopg.connect(login_url(plain, tmp_path, mind_id=mind)) as connection:
        assert connection.execute("SELECT name FROM minds").fetchall() == [("a",)]


def _who_may_make_roles(database: Database, database_url: str, home: Path) -> Database:
    """The database as a user who is no superuser, and may just make logins of minds."""
    with database.administrator() as connection:
        if not connection.scalar(text("SELECT true FROM pg_roles WHERE rolname = 'maker'")):
            connection.execute(text("CREATE ROLE maker LOGIN CREATEROLE PASSWORD 'maker'"))
            connection.execute(text("GRANT coppermind_app TO maker"))
            connection.execute(text("GRANT coppermind_mind_reader TO maker WITH ADMIN OPTION"))
    address = make_url(database_url).set(username="maker", password="maker")
    return Database(address.render_as_string(hide_password=False), home)

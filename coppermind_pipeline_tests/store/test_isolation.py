"""A mind sees only its own rows, in every table, whatever the query."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import URL, Connection, make_url, text
from sqlalchemy.exc import ProgrammingError

from coppermind_pipeline.errors import CoppermindError
from coppermind_pipeline.store import ROLES, Database, backup, login_url, restore
from coppermind_pipeline_tests.conftest import NewDatabase

# One row per table that holds a mind's data; the connector's own row comes first, the rest refer to it.
_ROWS = {
    "connectors": "(id, mind_id, customer_id) VALUES (:connector, :mind, :customer)",
    "connector_credentials": "VALUES (:connector, :mind, 'k', 'a', 'r', now(), '{}')",
    "oauth_states": "(state_hash, connector_id, mind_id, customer_id, expires_at) "
    "VALUES (:connector::text::bytea, :connector, :mind, :customer, now())",
    "connector_events": "(connector_id, mind_id, severity, code, message) VALUES (:connector, :mind, 'info', 'c', 'm')",
    "connector_problems": "(connector_id, mind_id, kind, code, message) VALUES (:connector, :mind, 'auth', 'c', 'm')",
    "hubspot_polls": "(connector_id, mind_id) VALUES (:connector, :mind)",
    "hubspot_backfills": "(connector_id, mind_id, since, started_at) VALUES (:connector, :mind, now(), now())",
    "hubspot_cursors": "(connector_id, mind_id, object_type, scan) VALUES (:connector, :mind, 'deals', 'backfill')",
    "hubspot_hydrations": "(connector_id, mind_id, object_type, error) VALUES (:connector, :mind, 'deals', 'e')",
    "hubspot_reference_reads": "(connector_id, mind_id, kind, digest) VALUES (:connector, :mind, 'deals', 'd')",
    "pipeline_stages": "(connector_id, mind_id, stage) VALUES (:connector, :mind, 'map')",
    "hubspot_raw_records": "(connector_id, mind_id, object_type, hubspot_id, content_hash, payload) "
    "VALUES (:connector, :mind, 'deals', '1', '', '{}')",
    "hubspot_raw_associations": "(connector_id, mind_id, from_type, from_id, to_type, links) "
    "VALUES (:connector, :mind, 'deals', '1', 'contacts', '[]')",
    "hubspot_portals": "(connector_id, mind_id, hub_id) VALUES (:connector, :mind, 1)",
    "hubspot_owners": "(connector_id, mind_id, hubspot_id, label) VALUES (:connector, :mind, '1', 'Ann')",
    "hubspot_pipelines": "(connector_id, mind_id, hubspot_id, label) VALUES (:connector, :mind, '1', 'Sales')",
    "hubspot_stages": "(connector_id, mind_id, pipeline_id, hubspot_id, label) "
    "VALUES (:connector, :mind, '1', '1', 'Won')",
    "hubspot_properties": "(connector_id, mind_id, object_type, name, label, type, field_type) "
    "VALUES (:connector, :mind, 'deals', 'a', 'A', 'string', 'text')",
    "hubspot_crm_objects": "(connector_id, mind_id, object_type, hubspot_id, properties, read_at) "
    "VALUES (:connector, :mind, 'deals', '1', '{}', now())",
    "hubspot_associations": "(connector_id, mind_id, from_type, from_id, to_type, to_id, valid_from) "
    "VALUES (:connector, :mind, 'deals', '1', 'contacts', '1', now())",
    "memories": "(mind_id, connector_id, type, sensitivity, content, source_ref, search) "
    "VALUES (:mind, :connector, 'fact', 'open', 'text', :connector, '')",
    "memory_lexemes": "(mind_id, lexeme, stem) VALUES (:mind, 'word', 'word')",
    "memory_queue": "(source_ref, mind_id, connector_id, operation) VALUES (:connector, :mind, :connector, 'publish')",
    "hubspot_merges": "(connector_id, mind_id, object_type, loser_id, survivor_id) "
    "VALUES (:connector, :mind, 'deals', '1', '2')",
    "hubspot_reconciliations": "(connector_id, mind_id, object_type) VALUES (:connector, :mind, 'deals')",
    "hubspot_walked_pages": "(connector_id, mind_id, object_type, page, hubspot_ids) "
    "VALUES (:connector, :mind, 'deals', 0, '{}')",
    "hubspot_rereads": "(connector_id, mind_id, object_type, definitions_hash) "
    "VALUES (:connector, :mind, 'deals', 'd')",
    "hubspot_drifts": "(connector_id, mind_id, object_type, portal_total, stored_total) "
    "VALUES (:connector, :mind, 'deals', 1, 1)",
    "hubspot_skipped_records": "(connector_id, mind_id, object_type, hubspot_id, part) "
    "VALUES (:connector, :mind, 'deals', '1', 'record')",
    "connector_alerts": "(connector_id, mind_id, since) VALUES (:connector, :mind, now())",
    "syntheses": "(connector_id, mind_id, period_key, cadence) VALUES (:connector, :mind, '2026-W01', 'weekly')",
}


def _insert(connection: Connection, table: str, *, connector: str, mind: UUID, customer: UUID) -> None:
    statement = f"INSERT INTO {table} {_ROWS[table]}".replace(
        ":connector::text::bytea", "convert_to(:connector, 'UTF8')"
    )
    connection.execute(text(statement), {"connector": connector, "mind": mind, "customer": customer})


def _two_minds(database: Database, customer: UUID) -> tuple[UUID, UUID]:
    """Make two minds of one customer, each with a row in every table."""
    minds = []
    for name in ("acme", "globex"):
        with database.customer(customer) as connection:
            mind = connection.scalar(
                text("INSERT INTO minds (customer_id, name, slug, kind) VALUES (:c, :n, :n, 'client') RETURNING id"),
                {"c": customer, "n": name},
            )
        with database.mind(mind) as connection:
            for table in _ROWS:
                _insert(connection, table, connector=f"{name}-hubspot-abcd", mind=mind, customer=customer)
        minds.append(mind)
    return minds[0], minds[1]


@pytest.fixture
def two_minds(database: Database, local_customer: UUID) -> tuple[UUID, UUID]:
    return _two_minds(database, local_customer)


class Minds(NamedTuple):
    """Two minds that many tests try in vain to change."""

    database: Database
    customer: UUID
    ours: UUID
    theirs: UUID


@pytest.fixture(scope="module")
def minds(new_database: NewDatabase, server_home: Path) -> Iterator[Minds]:
    with new_database() as url:
        database = Database(url, server_home)
        with database.reader() as connection:
            customer = connection.execute(text("SELECT id FROM customers WHERE name = 'local'")).scalar_one()
        yield Minds(database, customer, *_two_minds(database, customer))
        database.dispose()


def test_every_table_that_names_a_mind_is_covered_here_and_has_a_policy(database: Database):
    with database.reader() as connection:
        tables = connection.execute(
            text("""SELECT c.relname, c.relrowsecurity FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
                     WHERE c.relkind = 'r' AND c.relnamespace = 'coppermind'::regnamespace AND a.attname = 'mind_id'""")
        ).all()
    assert {name for name, _ in tables} == set(_ROWS)
    assert all(secured for _, secured in tables)


def test_tables_without_a_policy_hold_no_minds_data(database: Database):
    with database.reader() as connection:
        unsecured = connection.scalars(
            text("""SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'coppermind'::regnamespace
                      AND NOT relrowsecurity""")
        )
        assert set(unsecured) == {"alembic_version", "installation", "rate_limit_late_calls", "rate_limit_states"}


_VIEWS = ("live_records", "memory_versions", "portals")


def test_every_view_obeys_the_policies_of_whoever_asks(database: Database):
    with database.reader() as connection:
        views = connection.execute(
            text("""SELECT relname, 'security_invoker=true' = ANY(reloptions) FROM pg_class
                     WHERE relkind = 'v' AND relnamespace = 'coppermind'::regnamespace ORDER BY relname""")
        ).all()
    assert views == [(name, True) for name in _VIEWS]


def test_the_newest_version_of_a_record_is_told_to_its_own_mind_only(minds: Minds):
    for mind, connector in ((minds.ours, "acme-hubspot-abcd"), (minds.theirs, "globex-hubspot-abcd")):
        with minds.database.mind(mind) as connection:
            asked = text("SELECT mind_id FROM newest_version(:connector, 'deals', '1')")
            assert connection.scalars(asked, {"connector": connector}).all() == [mind]
            other = {"acme-hubspot-abcd": "globex-hubspot-abcd"}.get(connector, "acme-hubspot-abcd")
            assert connection.scalars(asked, {"connector": other}).all() == []


@pytest.mark.parametrize("table", [*_ROWS, *_VIEWS, "minds"])
def test_a_mind_sees_its_own_row_only(minds: Minds, table: str):
    column = "id" if table == "minds" else "mind_id"
    for mind in (minds.ours, minds.theirs):
        with minds.database.mind(mind) as connection:
            assert connection.scalars(text(f"SELECT {column} FROM {table}")).all() == [mind]


@pytest.mark.parametrize("table", [*_ROWS, "minds", "customers", "access_tokens"])
def test_without_a_mind_there_is_no_row(minds: Minds, table: str):
    with minds.database.nobody() as connection:
        assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0


@pytest.mark.parametrize("table", _ROWS)
def test_a_mind_can_neither_change_nor_remove_nor_plant_another_minds_row(minds: Minds, table: str):
    database, customer, ours, theirs = minds
    with database.mind(ours) as connection:
        connection.execute(text(f"UPDATE {table} SET mind_id = mind_id WHERE mind_id = :theirs"), {"theirs": theirs})
    if table != "connectors":
        with database.mind(ours) as connection:
            connection.execute(text(f"DELETE FROM {table} WHERE mind_id = :theirs"), {"theirs": theirs})
    with database.mind(theirs) as connection:
        assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == 1
    with database.mind(ours) as connection, pytest.raises(ProgrammingError) as refused:
        _insert(connection, table, connector="planted-hubspot-0000", mind=theirs, customer=customer)
    assert isinstance(refused.value.orig, psycopg.errors.InsufficientPrivilege)


@pytest.mark.parametrize("table", _ROWS)
def test_a_mind_can_not_hand_its_row_to_another(minds: Minds, table: str):
    with minds.database.mind(minds.ours) as connection, pytest.raises(ProgrammingError, match="row-level security"):
        connection.execute(text(f"UPDATE {table} SET mind_id = :theirs"), {"theirs": minds.theirs})


def test_nothing_of_the_schema_is_everybodys(database: Database):
    """Whatever runs as the owner, and every table, is granted by name; so a new login begins with nothing."""
    with database.reader() as connection:
        functions = connection.scalars(
            text("""SELECT proname FROM pg_proc WHERE pronamespace = 'coppermind'::regnamespace AND prosecdef
                      AND has_function_privilege('public', oid, 'EXECUTE')""")
        ).all()
        relations = connection.scalars(
            text("""SELECT relname FROM pg_class, aclexplode(relacl) AS granted
                     WHERE relnamespace = 'coppermind'::regnamespace AND granted.grantee = 0""")
        ).all()
        unpinned = connection.scalars(
            text("""SELECT proname FROM pg_proc WHERE pronamespace = 'coppermind'::regnamespace AND prosecdef
                      AND NOT coalesce(array_to_string(proconfig, ',') ~ 'search_path=coppermind, pg_temp', false)""")
        ).all()
    assert (functions, relations, unpinned) == ([], [], [])


def test_facts_about_connectors_are_those_of_the_transactions_customer(
    database: Database, two_minds: tuple[UUID, UUID], local_customer: UUID
):
    asked = "SELECT count(*) FROM connector_facts(:connector, :mind)"
    with database.owner() as connection:
        other = connection.execute(text("INSERT INTO customers (name) VALUES ('other') RETURNING id")).scalar_one()
    values = {"connector": "acme-hubspot-abcd", "mind": two_minds[0]}
    with database.customer(local_customer) as connection:
        assert connection.scalar(text(asked), values) == 1
    for opened in (database.customer(other), database.mind(two_minds[0]), database.nobody()):
        with opened as connection:
            assert connection.scalar(text(asked), values) == 0
            assert connection.scalar(text(asked), {"connector": None, "mind": None}) == 0


def test_skipped_records_are_those_of_the_transactions_customer(
    database: Database, two_minds: tuple[UUID, UUID], local_customer: UUID
):
    asked = text("SELECT connector_skipped_records('acme-hubspot-abcd')")
    with database.customer(local_customer) as connection:
        assert connection.scalar(asked) == {"deals": {"count": 1, "ids": ["1"]}}
    with database.owner() as connection:
        other = connection.execute(text("INSERT INTO customers (name) VALUES ('other') RETURNING id")).scalar_one()
    for opened in (database.customer(other), database.mind(two_minds[0]), database.nobody()):
        with opened as connection:
            assert connection.scalar(asked) is None


def test_the_scheduler_reads_connectors_and_cursors_and_nothing_else(database: Database, two_minds: tuple[UUID, UUID]):
    readable = {
        "connectors",
        "connector_alerts",
        "hubspot_polls",
        "hubspot_backfills",
        "hubspot_cursors",
        "hubspot_reconciliations",
        "hubspot_rereads",
        "hubspot_drifts",
        "hubspot_reference_reads",
    }
    for table in _ROWS:
        if table in readable:
            with database.scheduler() as connection:
                assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == 2
        else:
            with database.scheduler() as connection, pytest.raises(ProgrammingError, match="permission denied"):
                connection.execute(text(f"SELECT FROM {table}"))


@pytest.mark.parametrize("table", ["connector_credentials", "oauth_states", "access_tokens"])
def test_the_reader_sees_no_secret(minds: Minds, table: str):
    with minds.database.reader() as connection, pytest.raises(ProgrammingError, match="permission denied"):
        connection.execute(text(f"SELECT FROM {table}"))


def test_the_application_role_cannot_leave_row_level_security(database: Database, two_minds: tuple[UUID, UUID]):
    with database.nobody() as connection:
        superuser, bypasses = connection.execute(
            text("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        ).one()
    assert not superuser
    assert not bypasses


def test_a_customer_sees_its_own_access_tokens_only(database: Database, local_customer: UUID):
    with database.owner() as connection:
        other = connection.scalar(text("INSERT INTO customers (name) VALUES ('other') RETURNING id"))
    for customer, prefix in ((local_customer, "ours"), (other, "theirs")):
        with database.customer(customer) as connection:
            connection.execute(
                text(
                    """INSERT INTO access_tokens (customer_id, name, prefix, token_hash)
                       VALUES (:customer, 'n', :prefix, convert_to(:prefix, 'UTF8'))"""
                ),
                {"customer": customer, "prefix": prefix},
            )
    with database.customer(local_customer) as connection:
        connection.execute(text("UPDATE access_tokens SET revoked_at = now()"))
        assert connection.scalars(text("SELECT prefix FROM access_tokens")).all() == ["ours"]
    with database.customer(other) as connection:
        assert connection.scalar(text("SELECT revoked_at FROM access_tokens")) is None
    with database.customer(local_customer) as connection, pytest.raises(ProgrammingError):
        connection.execute(
            text("INSERT INTO access_tokens (customer_id, name, prefix, token_hash) VALUES (:c, 'n', 'planted', '')"),
            {"c": other},
        )


def test_a_restored_database_keeps_minds_apart(
    database: Database, empty_database: Database, two_minds: tuple[UUID, UUID], tmp_path: Path
):
    backup(database, tmp_path / "backup")
    restore(empty_database, tmp_path / "backup")
    for table in _ROWS:
        with empty_database.nobody() as connection:
            assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0
        for mind in two_minds:
            with empty_database.mind(mind) as connection:
                assert connection.scalars(text(f"SELECT mind_id FROM {table}")).all() == [mind]
    with empty_database.mind(two_minds[0]) as connection, pytest.raises(ProgrammingError, match="row-level security"):
        connection.execute(text("INSERT INTO hubspot_polls VALUES ('globex-hubspot-abcd', :mind)"),
                           {"mind": two_minds[1]})  # fmt: skip


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


@pytest.mark.parametrize("table", sorted(_ROWS.keys() - _SECRET_TABLES))
def test_a_login_of_a_mind_reads_that_mind_alone(login: Ask, minds: Minds, table: str):
    assert login(f"SELECT mind_id FROM {table}") == [(minds.ours,)]


def test_a_login_of_a_mind_reads_no_other_account_and_no_secret(login: Ask, minds: Minds):
    assert login("SELECT id FROM minds") == [(minds.ours,)]
    for table in (*_SECRET_TABLES, "access_tokens", "customers", "rate_limit_states"):
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
        for table in _ROWS:
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

"""A mind sees only its own rows, in every table, whatever the query."""

from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from coppermind_pipeline.metrics import METRICS
from coppermind_pipeline.store import Database, backup, restore
from coppermind_pipeline_tests.store.minds import ROWS, Minds, insert_row


def test_every_table_that_names_a_mind_is_covered_here_and_has_a_policy(database: Database):
    with database.reader() as connection:
        tables = connection.execute(
            text("""SELECT c.relname, c.relrowsecurity FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
                     WHERE c.relkind = 'r' AND c.relnamespace = 'coppermind'::regnamespace AND a.attname = 'mind_id'""")
        ).all()
    assert {name for name, _ in tables} == set(ROWS)
    assert all(secured for _, secured in tables)


def test_tables_without_a_policy_hold_no_minds_data(database: Database):
    with database.reader() as connection:
        unsecured = connection.scalars(
            text("""SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'coppermind'::regnamespace
                      AND NOT relrowsecurity""")
        )
        assert set(unsecured) == {
            "alembic_version", "installation", "rate_limit_late_calls", "rate_limit_states", "retention",
            "run_heartbeats",
        }  # fmt: skip


_VIEWS = (
    "checkpoints", "counted_by_metrics", "definition_changes", "interpretations", "lead_rules", "leads_by_metrics",
    "live_contacts", "live_deals", "live_records", "memory_versions", "portals", "record_counts", "report_zones",
    "sourced_by_metrics", "sync_facts",
)  # fmt: skip


def test_every_view_obeys_the_policies_of_whoever_asks(database: Database):
    with database.reader() as connection:
        views = connection.execute(
            text("""SELECT relname, 'security_invoker=true' = ANY(reloptions) FROM pg_class
                     WHERE relkind = 'v' AND relnamespace = 'coppermind'::regnamespace ORDER BY relname""")
        ).all()
    # These hold rows of closed deals alone; `metrics/test_one_number.py` looks at what a mind sees of them.
    of_figures = [metric.view for metric in METRICS.values() if metric.view is not None]
    below_figures = ["closed_by_date", "customers_by_metrics", "won_by_metrics"]
    assert views == [(name, True) for name in sorted([*_VIEWS, *below_figures, *of_figures])]


def test_the_newest_version_of_a_record_is_told_to_its_own_mind_only(minds: Minds):
    for mind, connector in ((minds.ours, "acme-hubspot-abcd"), (minds.theirs, "globex-hubspot-abcd")):
        with minds.database.mind(mind) as connection:
            asked = text("SELECT mind_id FROM newest_version(:connector, 'deals', '1')")
            assert connection.scalars(asked, {"connector": connector}).all() == [mind]
            other = {"acme-hubspot-abcd": "globex-hubspot-abcd"}.get(connector, "acme-hubspot-abcd")
            assert connection.scalars(asked, {"connector": other}).all() == []


@pytest.mark.parametrize("table", [*ROWS, *_VIEWS, "minds"])
def test_a_mind_sees_its_own_row_only(minds: Minds, table: str):
    column = "id" if table == "minds" else "mind_id"
    for mind in (minds.ours, minds.theirs):
        with minds.database.mind(mind) as connection:
            assert connection.scalars(text(f"SELECT {column} FROM {table}")).all() == [mind]


@pytest.mark.parametrize("table", [*ROWS, "minds", "customers", "access_tokens", "sign_in_links", "web_sessions"])
def test_without_a_mind_there_is_no_row(minds: Minds, table: str):
    with minds.database.nobody() as connection:
        assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0


@pytest.mark.parametrize("table", ROWS)
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
        insert_row(connection, table, connector="planted-hubspot-0000", mind=theirs, customer=customer)
    assert isinstance(refused.value.orig, psycopg.errors.InsufficientPrivilege)


@pytest.mark.parametrize("table", ROWS)
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
        "connector_check_reports",
        "hubspot_polls",
        "hubspot_backfills",
        "hubspot_cursors",
        "hubspot_reconciliations",
        "hubspot_rereads",
        "hubspot_drifts",
        "hubspot_reference_reads",
    }
    for table in ROWS:
        if table in readable:
            with database.scheduler() as connection:
                assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == 2
        else:
            with database.scheduler() as connection, pytest.raises(ProgrammingError, match="permission denied"):
                connection.execute(text(f"SELECT FROM {table}"))


@pytest.mark.parametrize("asked", ["queues_left_waiting(interval '0')", "synthesized_periods()"])
def test_what_tells_of_all_minds_tells_the_scheduler_alone(minds: Minds, asked: str):
    with minds.database.scheduler() as connection:
        connection.execute(text(f"SELECT * FROM {asked}"))
    for opened in (minds.database.mind(minds.ours), minds.database.nobody(), minds.database.reader()):
        with opened as connection, pytest.raises(ProgrammingError, match="permission denied"):
            connection.execute(text(f"SELECT * FROM {asked}"))


@pytest.mark.parametrize(
    "table", ["connector_credentials", "oauth_states", "access_tokens", "sign_in_links", "web_sessions"]
)
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


@pytest.mark.parametrize(("table", "secret"), [("sign_in_links", "token_hash"), ("web_sessions", "secret_hash")])
def test_a_customer_sees_and_ends_its_own_sessions_and_links_only(
    database: Database, local_customer: UUID, table: str, secret: str
):
    with database.owner() as connection:
        other = connection.scalar(text("INSERT INTO customers (name) VALUES ('other') RETURNING id"))
        for customer in (local_customer, other):
            connection.execute(
                text(
                    f"""INSERT INTO {table} ({secret}, customer_id, expires_at)
                        VALUES (CAST(CAST(:customer AS text) AS bytea), :customer, now() + interval '1 day')"""
                ),
                {"customer": customer},
            )
    with database.customer(local_customer) as connection:
        assert connection.scalars(text(f"DELETE FROM {table} RETURNING customer_id")).all() == [local_customer]
    with database.customer(other) as connection:
        assert connection.scalars(text(f"SELECT customer_id FROM {table}")).all() == [other]
    with database.customer(local_customer) as connection, pytest.raises(ProgrammingError):
        connection.execute(text(f"INSERT INTO {table} VALUES ('', :customer, now())"), {"customer": other})


def test_a_restored_database_keeps_minds_apart(
    database: Database, empty_database: Database, two_minds: tuple[UUID, UUID], tmp_path: Path
):
    backup(database, tmp_path / "backup")
    restore(empty_database, tmp_path / "backup")
    for table in ROWS:
        with empty_database.nobody() as connection:
            assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0
        for mind in two_minds:
            with empty_database.mind(mind) as connection:
                assert connection.scalars(text(f"SELECT mind_id FROM {table}")).all() == [mind]
    with empty_database.mind(two_minds[0]) as connection, pytest.raises(ProgrammingError, match="row-level security"):
        connection.execute(text("INSERT INTO hubspot_polls VALUES ('globex-hubspot-abcd', :mind)"),
                           {"mind": two_minds[1]})  # fmt: skip

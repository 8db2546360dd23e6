"""A backup is whole or absent; a restore is whole or has changed nothing, and leaves the installation paused."""

from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import make_url, text

from coppermind_pipeline.accounts import begin_session, make_sign_in_token
from coppermind_pipeline.errors import CoppermindError
from coppermind_pipeline.store import (
    Database,
    InstallationPaused,
    backup,
    paused_since,
    require_not_paused,
    restore,
    resume,
)
from coppermind_pipeline.store.server.client_programs import (
    ClientProgramsMissing,
    client_programs,
    connection_arguments,
)
from coppermind_pipeline_tests.stored_portal import StoredPortal


@pytest.fixture
def saved(database: Database, local_customer: UUID, tmp_path: Path) -> Path:
    """The backup of an installation with one portal."""
    portal = StoredPortal.create(database, local_customer)
    portal.deal("1", name="Größtes Geschäft\t\\N")
    file = tmp_path / "backup"
    backup(database, file)
    return file


def _minds(database: Database) -> int:
    with database.reader() as connection:
        return connection.execute(text("SELECT count(*) FROM minds")).scalar_one()


def _refusal(database: Database, file: Path) -> str:
    with pytest.raises(CoppermindError) as refused:
        restore(database, file)
    return refused.value.code


def test_only_its_owner_may_read_a_backup(saved: Path):
    assert saved.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_there_is_overwritten_only_on_request(database: Database, saved: Path):
    saved.write_bytes(b"something else")
    with pytest.raises(CoppermindError, match="exists already") as refused:
        backup(database, saved)
    assert refused.value.code == "file_exists"
    assert saved.read_bytes() == b"something else"
    written = backup(database, saved, replace=True)
    assert written.size == saved.stat().st_size > 1000


def test_a_backup_that_fails_leaves_what_was_there(database: Database, saved: Path, tmp_path: Path):
    before = saved.read_bytes()
    with database.administrator() as connection:
        # A catalogue that contradicts itself can't be dumped.
        connection.execute(text("SET LOCAL allow_system_table_mods = on"))
        connection.execute(text("UPDATE pg_attribute SET atttypid = 1 WHERE attname = 'company_info'"))
    with pytest.raises(CoppermindError) as failed:
        backup(database, saved, replace=True)
    assert failed.value.code == "database_program_failed"
    assert saved.read_bytes() == before
    assert list(tmp_path.iterdir()) == [saved]


def test_a_place_that_cannot_be_written_is_named(database: Database, tmp_path: Path):
    with pytest.raises(CoppermindError, match="No such file or directory") as failed:
        backup(database, tmp_path / "nowhere" / "backup")
    assert failed.value.code == "file_unusable"


def test_what_is_restored_is_what_was_saved_and_paused(database: Database, empty_database: Database, saved: Path):
    restore(empty_database, saved)
    for table in ("connectors", "hubspot_crm_objects", "hubspot_stages", "minds", "customers"):
        with database.reader() as ours, empty_database.reader() as theirs:
            rows = text(f"SELECT to_jsonb({table}) FROM {table} ORDER BY 1")
            assert ours.scalars(rows).all() == theirs.scalars(rows).all()
    assert paused_since(empty_database) is not None
    assert paused_since(database) is None
    with pytest.raises(InstallationPaused, match="restored from a backup"):
        require_not_paused(empty_database)
    assert resume(empty_database)
    require_not_paused(empty_database)
    assert not resume(empty_database)


def test_a_restore_signs_nobody_in(database: Database, empty_database: Database, tmp_path: Path):
    begin_session(database, make_sign_in_token(database))
    make_sign_in_token(database)
    backup(database, tmp_path / "backup")
    restore(empty_database, tmp_path / "backup")
    signed_in = text("SELECT (SELECT count(*) FROM web_sessions), (SELECT count(*) FROM sign_in_links)")
    for each, rows in ((database, (1, 1)), (empty_database, (0, 0))):
        with each.owner() as connection:
            assert connection.execute(signed_in).one() == rows


def test_sequences_go_on_where_they_were(database: Database, empty_database: Database, saved: Path):
    restore(empty_database, saved)
    for each in (database, empty_database):
        with each.owner() as connection:
            assert connection.scalar(text("SELECT last_value FROM change_seq")) >= 1
    with database.owner() as ours, empty_database.owner() as theirs:
        following = text("SELECT nextval('change_seq')")
        assert ours.scalar(following) == theirs.scalar(following)


def test_a_restored_schema_belongs_to_its_owner_whose_functions_obey_no_superuser(
    empty_database: Database, saved: Path
):
    restore(empty_database, saved)
    with empty_database.administrator() as connection:
        owners = connection.scalars(
            text(
                """SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class
                    WHERE relnamespace = 'coppermind'::regnamespace
                   UNION SELECT pg_get_userbyid(proowner) FROM pg_proc
                    WHERE pronamespace = 'coppermind'::regnamespace"""
            )
        ).all()
    assert owners == ["coppermind_owner"]


def test_a_restored_schema_of_dagster_is_its_own_whoever_owned_it(
    database: Database, empty_database: Database, tmp_path: Path
):
    with database.administrator() as connection:
        connection.execute(text("CREATE TABLE dagster.kept (id serial)"))  # as earlier versions did
    file = tmp_path / "backup"
    backup(database, file)
    restore(empty_database, file)
    with empty_database.administrator() as connection:
        owners = connection.scalars(
            text(
                """SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace = 'dagster'::regnamespace
                   UNION SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'dagster'"""
            )
        ).all()
    assert owners == ["coppermind_dagster"]


def test_an_installation_that_holds_something_is_replaced_only_on_request(
    empty_database: Database, local_customer: UUID, saved: Path
):
    with empty_database.reader() as connection:
        customer = connection.execute(text("SELECT id FROM customers")).scalar_one()
    StoredPortal.create(empty_database, customer, mind="globex")
    StoredPortal.create(empty_database, customer, mind="initech")
    assert _refusal(empty_database, saved) == "installation_not_empty"
    assert _minds(empty_database) == 2
    restore(empty_database, saved, replace=True)
    assert _minds(empty_database) == 1


def test_a_restore_that_fails_near_its_end_changes_nothing(empty_database: Database, saved: Path):
    with empty_database.administrator() as connection:
        connection.execute(
            text(
                """CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql
                   AS $$ BEGIN RAISE EXCEPTION 'no policies today'; END $$"""
            )
        )
        connection.execute(
            text(
                """CREATE EVENT TRIGGER refuse ON ddl_command_end WHEN TAG IN ('CREATE POLICY')
                   EXECUTE FUNCTION public.refuse()"""
            )
        )
    with pytest.raises(CoppermindError, match="no policies today") as failed:
        restore(empty_database, saved)
    assert failed.value.code == "database_program_failed"
    assert _minds(empty_database) == 0
    assert paused_since(empty_database) is None


def test_a_database_that_others_use_is_left_alone(empty_database: Database, server_home: Path, saved: Path):
    another = Database(empty_database.address.render_as_string(hide_password=False), server_home)
    with another.nobody():
        assert _refusal(empty_database, saved) == "installation_in_use"
    another.dispose()
    restore(empty_database, saved)


def test_a_file_that_is_no_whole_backup_is_refused(empty_database: Database, saved: Path, tmp_path: Path):
    whole = saved.read_bytes()
    for name, content in (("text", b"not a backup"), ("cut", whole[:-1]), ("half", whole[: len(whole) // 2])):
        (tmp_path / name).write_bytes(content)
        assert _refusal(empty_database, tmp_path / name) == "not_a_backup"
    assert _refusal(empty_database, tmp_path / "missing") == "file_unusable"


@pytest.mark.parametrize(
    ("revision", "words"), [("9999", "newer version of the product"), ("0046", "too old for this one")]
)
def test_a_backup_of_another_version_is_refused(
    database: Database, empty_database: Database, saved: Path, tmp_path: Path, revision: str, words: str
):
    with database.owner() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    backup(database, tmp_path / "other")
    with pytest.raises(CoppermindError, match=words):
        restore(empty_database, tmp_path / "other")


def test_a_password_is_on_no_command_line():
    url = make_url("postgresql+psycopg://ann:p%40ss@db.example:5433/crm?sslmode=require")
    address, environment = connection_arguments(url)
    assert address == "postgresql://ann@db.example:5433/crm?sslmode=require"
    assert environment["PGPASSWORD"] == "p@ss"


def test_programs_are_those_of_the_servers_own_version():
    assert client_programs(16).major == 16
    assert client_programs(18).major == 18
    with pytest.raises(ClientProgramsMissing, match=r"PostgreSQL 99,.*\b18\.$") as missing:
        client_programs(99)
    assert "postgresql-client-99" in missing.value.hint

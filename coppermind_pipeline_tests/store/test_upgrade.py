import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine, make_url, text

from coppermind_pipeline.store import CONNECTIONS_MAX, Database, migrations, upgrade
from coppermind_pipeline.store.upgrade import OLDEST_REVISION, SCHEMAS_AND_USAGE, OlderSchema, alembic_configuration
from coppermind_pipeline_tests.portal_comparison import assert_stages_come_down_to


def test_processes_that_upgrade_an_empty_database_at_once_leave_one_schema(postgres_url: str, tmp_path: Path):
    url = make_url(postgres_url).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE empty"))
    empty = url.set(database="empty").render_as_string(hide_password=False)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: upgrade(Database(empty, tmp_path)), range(4)))
    database = Database(empty, tmp_path)
    upgrade(database)
    with database.reader() as connection:
        assert connection.scalars(text("SELECT name FROM customers")).all() == ["local"]
    database.dispose()
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE empty WITH (FORCE)"))
    engine.dispose()


def test_a_database_that_is_too_old_is_told_what_to_do_and_left_alone(database: Database):
    with database.owner() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0046'"))
    with pytest.raises(OlderSchema, match="0046") as refused:
        upgrade(database)
    assert OLDEST_REVISION in refused.value.hint
    with database.owner() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "0046"


def test_an_installation_at_the_oldest_revision_goes_on_with_all_that_is_stored(empty_database: Database):
    _bring_back_to(OLDEST_REVISION, empty_database)
    with empty_database.owner() as connection:
        connection.execute(text("INSERT INTO customers (name) VALUES ('kept')"))
    upgrade(empty_database)
    with empty_database.owner() as connection:
        assert connection.scalars(text("SELECT name FROM customers ORDER BY name")).all() == ["kept", "local"]
        assert connection.scalar(text("SELECT count(*) FROM live_records")) == 0
        assert connection.scalar(text("SELECT obj_description('minds'::regclass)"))


def test_memories_of_before_are_found_by_what_later_ones_are(empty_database: Database):
    _bring_back_to("0061", empty_database)
    with empty_database.owner() as connection:
        mind, connector = connection.execute(text(_A_MIND)).one()
        values = {"mind": mind, "connector": connector}
        connection.execute(text(_ITS_RECORD), values)
        connection.execute(text(_ITS_MEMORIES), values)
    upgrade(empty_database)
    with empty_database.owner() as connection:
        found = connection.execute(text("SELECT content, day::text, search::text FROM memories ORDER BY id")).all()
        words = connection.scalars(text("SELECT lexeme FROM memory_lexemes ORDER BY 1")).all()
        deals = connection.execute(text("SELECT hubspot_id, name FROM live_deals")).all()
        counts = connection.execute(text("SELECT object_type, stored, referenced_only FROM record_counts")).all()
    assert found[0].day == "2026-05-01"
    for word in ("'acme':", "'name:renewal'", "'name=renewal 1200'", f"'mind:{mind}'", "'1200':"):
        assert word in found[0].search
    assert found[1] == ("", None, "")
    assert words == ["acme", "renewal"]
    assert (deals, counts) == ([("1", "Renewal 1,200")], [("deals", 1, 0)])


def test_what_is_stored_of_contacts_is_told_of_their_stages(empty_database: Database):
    _bring_back_to("0083", empty_database)
    with empty_database.owner() as connection:
        mind, connector = connection.execute(text(_A_MIND)).one()
        connection.execute(text(_ITS_CONTACTS), {"mind": mind, "connector": connector})
    upgrade(empty_database)
    with empty_database.owner() as connection:
        contacts = connection.execute(text("SELECT * FROM live_contacts ORDER BY hubspot_id")).all()
    assert [contact.been_in for contact in contacts] == [0b10001, 0b00011, 0]
    assert_stages_come_down_to(contacts)


_A_MIND = """
WITH mind AS (INSERT INTO minds (customer_id, name, slug, kind)
              SELECT id, 'acme', 'acme', 'client' FROM customers RETURNING id, customer_id),
     own AS (INSERT INTO connectors (id, mind_id, customer_id, hub_id, status, config)
             SELECT 'acme-hubspot-abcd', id, customer_id, 7, 'active', '{"report_timezone": "America/New_York"}'
               FROM mind
             RETURNING id, mind_id)
SELECT mind_id, id FROM own
"""

_ITS_CONTACTS = """
INSERT INTO hubspot_crm_objects (connector_id, mind_id, object_type, hubspot_id, properties, read_at, lifecycle_stage,
                                 stages_entered, stages_entered_at, stages_seen, stages_seen_at)
VALUES (:connector, :mind, 'contacts', '1', '{}', now(), 'customer', '{subscriber,lead}', '{2026-03-01,2026-02-01}',
        '{}', '{}'),
       (:connector, :mind, 'contacts', '2', '{}', now(), 'lead', '{}', '{}', '{lead,marketingqualifiedlead,own}',
        '{NULL,2026-02-01,2026-04-01}'),
       (:connector, :mind, 'contacts', '3', '{}', now(), NULL, '{}', '{}', '{}', '{}')
"""

_ITS_RECORD = """
INSERT INTO hubspot_crm_objects (connector_id, mind_id, object_type, hubspot_id, properties, read_at, name, close_at)
VALUES (:connector, :mind, 'deals', '1', '{}', now(), 'Renewal 1,200', '2026-05-02T01:00:00Z')
"""

_ITS_MEMORIES = """
INSERT INTO memories (mind_id, connector_id, type, sensitivity, content, source_ref, object_type, hubspot_id, search)
VALUES (:mind, :connector, 'objection', 'sensitive', 'Renewal €1,200 with the acme.', 'a', 'deals', '1', 'old'),
       (:mind, :connector, 'objection', 'sensitive', '', 'b', 'deals', '2', '')
"""


def _bring_back_to(revision: str, database: Database) -> None:
    configuration = alembic_configuration()
    with database.administrator() as connection:
        connection.execute(text("DROP SCHEMA coppermind CASCADE"))
        connection.connection.cursor().execute(SCHEMAS_AND_USAGE)
        connection.execute(text("SET LOCAL ROLE coppermind_owner"))
        connection.execute(text("SET LOCAL search_path = coppermind"))
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, revision)


def test_every_table_says_whose_it_is_and_what_for():
    """As `COMMENT ON TABLE name IS 'room: purpose'`, in the file that makes it."""
    subjects = (Path(migrations.__file__).parent / "versions" / "0047_the_store").glob("*.sql")
    made = "".join(file.read_text() for file in subjects)
    tables = re.findall(r"^CREATE (?:UNLOGGED )?TABLE (\w+)", made, re.MULTILINE)
    said = re.findall(r"^COMMENT ON TABLE (\w+) IS '\w+: \w.*[^.]';$", made, re.MULTILINE)
    assert said == tables


def test_a_connector_has_one_writer_at_a_time(database: Database):
    with database.connector_lock("acme-hubspot-abcd") as first, database.connector_lock("acme-hubspot-abcd") as second:
        assert first
        assert not second
        with database.connector_lock("globex-hubspot-abcd") as other:
            assert other
    with database.connector_lock("acme-hubspot-abcd") as again:
        assert again


def test_whoever_holds_locks_leaves_the_connections_to_the_work(database: Database):
    with ExitStack() as locks:
        names = [f"acme-hubspot-{n:04}" for n in range(CONNECTIONS_MAX)]
        granted = [locks.enter_context(database.connector_lock(name)) for name in names]
        assert granted == [True] * CONNECTIONS_MAX
        connections = [locks.enter_context(database.nobody()) for _ in names]
        assert [connection.scalar(text("SELECT 1")) for connection in connections] == [1] * CONNECTIONS_MAX

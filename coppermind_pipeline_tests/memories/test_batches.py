"""What a batch costs does not depend on how large the portal is: rows read, by PostgreSQL's own count."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text

from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.memories.filled import fill_published
from coppermind_pipeline_tests.memories.steps import drained, mapped, rows
from coppermind_pipeline_tests.stored_portal import StoredPortal

_ROWS_READ = """
SELECT coalesce(sum(seq_tup_read), 0) + coalesce(sum(idx_tup_fetch), 0) FROM pg_stat_xact_user_tables
 WHERE schemaname = 'coppermind'
"""

# The same number of records of each type, wherever they lie in the portal; one contact is erased.
_CHANGE = """
UPDATE hubspot_crm_objects SET name = name || ' Renamed', change_seq = nextval('change_seq')
 WHERE connector_id = :connector AND CAST(hubspot_id AS integer) % (:deals / 100) = 0
"""
_ERASE = """
UPDATE hubspot_crm_objects SET archived_at = now(), archived_reason = 'erased', name = NULL, properties = '{}',
       change_seq = nextval('change_seq')
 WHERE connector_id = :connector AND object_type = 'contacts' AND hubspot_id IN ('7', '8')
"""


@contextmanager
def _rows_read_by_statement() -> Iterator[Counter[str]]:
    """Collect the most rows that one execution of each statement read, inside the block."""
    most: Counter[str] = Counter()
    read_before: dict[int, int] = {}

    def read(connection: Connection) -> int:
        cursor = connection.connection.cursor()
        row = cursor.execute(_ROWS_READ).fetchone()
        return row[0]

    def before(connection: Connection, *_: Any) -> None:
        read_before[id(connection)] = read(connection)

    def after(connection: Connection, _: Any, statement: str, *__: Any) -> None:
        most[statement] = max(most[statement], int(read(connection) - read_before[id(connection)]))

    event.listen(Engine, "before_cursor_execute", before)
    event.listen(Engine, "after_cursor_execute", after)
    try:
        yield most
    finally:
        event.remove(Engine, "before_cursor_execute", before)
        event.remove(Engine, "after_cursor_execute", after)


def _most_rows_read(database: Database, customer: UUID, *, deals: int) -> Counter[str]:
    portal = StoredPortal.create(database, customer, mind=f"of-{deals}", hub_id=deals)
    fill_published(portal, deals=deals)
    portal.execute(_CHANGE, deals=deals)
    portal.execute(_ERASE)
    with _rows_read_by_statement() as most:
        told = mapped(portal)
        published = drained(portal)
    assert published.superseded >= told.queued * 0.9 > 400
    assert rows(portal, "SELECT 1 FROM memory_queue WHERE connector_id = :connector") == []
    return most


@pytest.fixture
def database_without_autovacuum(database: Database, database_url: str) -> Database:
    """As the statements meet it in a first sync; what autovacuum samples while a portal is being stored is a part."""
    engine = create_engine(make_url(database_url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        tables = connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'coppermind'")).all()
        for table in tables:
            connection.execute(text(f"ALTER TABLE coppermind.{table} SET (autovacuum_enabled = false)"))
    engine.dispose()
    return database


@pytest.mark.slow
def test_no_statement_of_a_batch_reads_more_in_a_portal_four_times_as_large(
    database_without_autovacuum: Database, local_customer: UUID
):
    small = _most_rows_read(database_without_autovacuum, local_customer, deals=1_500)
    large = _most_rows_read(database_without_autovacuum, local_customer, deals=6_000)
    assert len(small) > 20
    assert max(small.values()) > 400, "the counts are there"
    growing = {
        statement: (small[statement], read) for statement, read in large.items() if read > 1.1 * small[statement] + 100
    }
    assert growing == {}

"""Transactions of set-based work on tables that may have doubled since the last one."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from sqlalchemy import Connection

from coppermind_pipeline.store import Database, analyze_grown_tables


@contextmanager
def batch_transaction(database: Database, mind_id: UUID) -> Iterator[Connection]:
    """Open a transaction of one mind whose statements are planned for the tables as they are now."""
    with database.mind(mind_id) as connection:
        analyze_grown_tables(connection)
        yield connection

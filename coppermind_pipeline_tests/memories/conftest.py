from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.conftest import NewDatabase
from coppermind_pipeline_tests.stored_portal import StoredPortal


@pytest.fixture
def portal(database: Database, local_customer: UUID) -> StoredPortal:
    return StoredPortal.create(database, local_customer)


@pytest.fixture(scope="module")
def lasting_portal(new_database: NewDatabase, server_home: Path) -> Iterator[StoredPortal]:
    """A portal for all tests of a module that change nothing of it."""
    with _portal_of_its_own(new_database, server_home) as portal:
        yield portal


@pytest.fixture(scope="module")
def another_lasting_portal(new_database: NewDatabase, server_home: Path) -> Iterator[StoredPortal]:
    with _portal_of_its_own(new_database, server_home) as portal:
        yield portal


@contextmanager
def _portal_of_its_own(new_database: NewDatabase, server_home: Path) -> Iterator[StoredPortal]:
    with new_database() as url:
        database = Database(url, server_home)
        with database.reader() as connection:
            customer: UUID = connection.execute(text("SELECT id FROM customers WHERE name = 'local'")).scalar_one()
        yield StoredPortal.create(database, customer)
        database.dispose()

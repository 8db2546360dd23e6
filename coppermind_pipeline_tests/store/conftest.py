from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.conftest import NewDatabase
from coppermind_pipeline_tests.store.minds import Minds, make_two_minds


@pytest.fixture
def two_minds(database: Database, local_customer: UUID) -> tuple[UUID, UUID]:
    return make_two_minds(database, local_customer)


@pytest.fixture(scope="module")
def minds(new_database: NewDatabase, server_home: Path) -> Iterator[Minds]:
    with new_database() as url:
        database = Database(url, server_home)
        with database.reader() as connection:
            customer = connection.execute(text("SELECT id FROM customers WHERE name = 'local'")).scalar_one()
        yield Minds(database, customer, *make_two_minds(database, customer))
        database.dispose()

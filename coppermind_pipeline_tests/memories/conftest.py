from uuid import UUID

import pytest

from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.stored_portal import StoredPortal


@pytest.fixture
def portal(database: Database, local_customer: UUID) -> StoredPortal:
    return StoredPortal.create(database, local_customer)

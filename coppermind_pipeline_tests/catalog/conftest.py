"""A portal that is already in the store."""

import pytest

from coppermind_pipeline.accounts import Caller, local_caller
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.stored_portal import StoredPortal


@pytest.fixture
def caller(database: Database) -> Caller:
    return local_caller(database)


@pytest.fixture
def portal(database: Database, caller: Caller) -> StoredPortal:
    return StoredPortal.create(database, caller.customer_id)

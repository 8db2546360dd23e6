"""What tests of reports ask for: a stored portal, its mind, and a report in one line."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from coppermind_pipeline.accounts import Mind, MindKind
from coppermind_pipeline.reports import CrmReport, ReportRequest, crm_report
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

MakeReport = Callable[..., CrmReport]


@pytest.fixture
def portal(database: Database, local_customer: UUID) -> StoredPortal:
    return StoredPortal.create(database, local_customer)


@pytest.fixture
def mind(portal: StoredPortal, local_customer: UUID) -> Mind:
    return Mind(id=portal.mind_id, customer_id=local_customer, name="acme", slug="acme", kind=MindKind.CLIENT,
                company_info={})  # fmt: skip


@pytest.fixture
def report(database: Database, mind: Mind) -> MakeReport:
    """Make the mind's report from arguments as they come from outside."""

    def make(*, now: datetime = NOW, **arguments: Any) -> CrmReport:
        return crm_report(database, mind=mind, request=ReportRequest.from_arguments(arguments), now=now)

    return make

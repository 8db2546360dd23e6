"""How long a failing portal is waited for: long after a poll that was fine, briefly after one that failed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import stamina

from coppermind_pipeline.connectors import open_portal
from coppermind_pipeline.hubspot import PortalUnavailable
from coppermind_pipeline.sandbox import Fault, RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import poll_failed, poll_started, poll_succeeded
from coppermind_pipeline_tests.connected import Connected, settings_for


@pytest.fixture(autouse=True)
def no_waits_between_attempts() -> Iterator[None]:
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=1, companies=1, deals=1, limits=False)) as running:
        yield running


async def _ask(connected: Connected) -> PortalUnavailable:
    async with open_portal(connected.database, connected.settings, connected.connector) as client:
        with pytest.raises(PortalUnavailable) as failed:
            await client.owners()
    return failed.value


async def test_a_portal_that_failed_the_last_poll_is_asked_a_few_times(
    database: Database, sandbox: RunningSandbox, tmp_path: Path
):
    connected = await Connected.create(database, settings_for(sandbox, tmp_path))
    connector = connected.connector
    sandbox.control.add_fault(Fault(path="/owners", status=500, count=None))

    def requests() -> int:
        return len(sandbox.control.requests(path="/owners"))

    error = await _ask(connected)
    assert requests() == 10
    with database.mind(connector.mind_id) as connection:
        poll_started(connection, connector.scope)
        poll_failed(connection, connector, error)
    await _ask(connected)
    assert requests() == 10 + 5
    with database.mind(connector.mind_id) as connection:
        poll_started(connection, connector.scope)
        poll_succeeded(connection, connector)
    await _ask(connected)
    assert requests() == 10 + 5 + 10

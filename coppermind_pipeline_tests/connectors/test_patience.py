"""How long a portal that fails is waited for: for seconds, since a later sync goes on from what is stored."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import pytest
import stamina

from coppermind_pipeline.connectors import open_portal
from coppermind_pipeline.hubspot import HubSpotError, PortalUnavailable, RateLimited, RetryLimits, within
from coppermind_pipeline.hubspot.http.retries import retried
from coppermind_pipeline.sandbox import Fault, RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import Connected, settings_for


@pytest.fixture(autouse=True)
def no_waits_between_attempts() -> Iterator[None]:
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


async def test_a_portal_is_asked_as_often_as_whoever_asks_has_patience(database: Database, tmp_path: Path):
    with RunningSandbox(SandboxConfig(contacts=1, companies=1, deals=1, limits=False)) as sandbox:
        connected = await Connected.create(database, settings_for(sandbox, tmp_path))
        sandbox.control.add_fault(Fault(path="/owners", status=500, count=None))
        for limits in (RetryLimits(), RetryLimits(attempts=2)):
            sandbox.control.clear_log()
            async with open_portal(database, connected.settings, connected.connector, retry_limits=limits) as client:
                with pytest.raises(PortalUnavailable):
                    await client.owners()
            assert len(sandbox.control.requests(path="/owners")) == limits.attempts


class Clock:
    """A clock that is two seconds later with each look."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 12, tzinfo=UTC)
        self.began = self.now

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=2)
        return self.now

    @property
    def took(self) -> timedelta:
        return self.now - self.began

    async def ask(self, error: HubSpotError) -> Self:
        async def attempt() -> None:
            raise error

        with pytest.raises(type(error)):
            await retried(attempt, limits=RetryLimits(attempts=1_000), clock=self)
        return self


async def test_a_limit_is_waited_out_for_longer_than_a_portal_that_does_not_answer():
    unanswered, limited = await Clock().ask(PortalUnavailable()), await Clock().ask(RateLimited())
    assert timedelta(seconds=10) < unanswered.took < timedelta(seconds=16)
    assert timedelta(seconds=120) < limited.took < timedelta(seconds=126)


async def test_no_pause_goes_beyond_the_time_of_whoever_asks():
    """Who waits through such a pause never hears what the portal answered, only that the time was up."""
    with within(3.0):
        bounded = await Clock().ask(PortalUnavailable())
    # After pauses of half a second, one and two comes one of four.
    assert bounded.took <= timedelta(seconds=8)

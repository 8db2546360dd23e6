from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import stamina
from pydantic import SecretStr

from coppermind_pipeline.hubspot import Budget, HubSpotClient, SentRequest
from coppermind_pipeline_tests.hubspot.scripted_portal import Reply, ScriptedPortal, scripted_portal

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
FIRST_TOKEN = "CJ-first-token-of-the-portal"
SECOND_TOKEN = "CJ-second-token-of-the-portal"
ACCOUNT = Reply(body={"portalId": 1, "timeZone": "UTC", "companyCurrency": "EUR", "uiDomain": "app.hubspot.com"})


def limited(message="", *, policy=None, **headers):
    body = {"status": "error", "message": message, "errorType": "RATE_LIMIT", "correlationId": "c-1"}
    return Reply(429, body | ({"policyName": policy} if policy else {}), headers)


class Tokens:
    """Access tokens in a row: each rejection brings the next one."""

    def __init__(self, *values: str) -> None:
        self.left = [SecretStr(value) for value in values]
        self.rejections: list[SecretStr] = []

    async def current(self) -> SecretStr:
        return self.left[0]

    async def refreshed(self, rejected: SecretStr) -> SecretStr:
        self.rejections.append(rejected)
        if self.left[0] == rejected and len(self.left) > 1:
            del self.left[0]
        return self.left[0]


class CountedBudgets:
    """Budgets without a limit, which write down what they were told."""

    def __init__(self) -> None:
        self.acquired: list[Budget] = []
        self.sent: list[Budget] = []
        self.answered: list[Budget] = []
        self.pauses: list[tuple[Budget, datetime]] = []
        self.observed: list[tuple[Budget, int | None, int | None, int | None]] = []

    async def acquire(self, budget: Budget) -> "CountedTurn":
        self.acquired.append(budget)
        return CountedTurn(self, budget)

    async def back_off(self, budget: Budget, *, until: datetime) -> None:
        self.pauses.append((budget, until))

    async def observe(
        self, budget: Budget, *, limit_max: int | None, remaining: int | None, interval_ms: int | None
    ) -> None:
        self.observed.append((budget, limit_max, remaining, interval_ms))


@dataclass
class CountedTurn:
    budgets: CountedBudgets
    budget: Budget

    async def sent(self) -> None:
        self.budgets.sent.append(self.budget)

    async def answered(self) -> None:
        self.budgets.answered.append(self.budget)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def no_waits_between_attempts() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture
async def portal() -> AsyncIterator[ScriptedPortal]:
    async with scripted_portal() as portal:
        yield portal


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(FIRST_TOKEN, SECOND_TOKEN)


@pytest.fixture
def budgets() -> CountedBudgets:
    return CountedBudgets()


@pytest.fixture
def sent() -> list[SentRequest]:
    return []


@pytest.fixture
async def make_client(portal, tokens, budgets, sent) -> AsyncIterator[Any]:
    async with AsyncExitStack() as stack:

        async def make(**options: Any) -> HubSpotClient:
            options = {"clock": lambda: NOW, "on_request": sent.append} | options
            return await stack.enter_async_context(HubSpotClient(portal.url, tokens, budgets, **options))

        yield make


@pytest.fixture
async def client(make_client) -> HubSpotClient:
    return await make_client()


@pytest.fixture
def recordings() -> Path:
    """Recorded answers of HubSpot, which are not part of the project."""
    folder = Path(__file__).parents[3] / "shared" / "real-data" / "hubspot-api"
    if not folder.is_dir():
        pytest.skip("the recorded answers of HubSpot are not here")
    return folder

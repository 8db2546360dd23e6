"""A connector whose portal changes in silence, and the reconciliation that finds out.

Its client keeps no pace, because the sandbox that it talks to enforces no limits: pacing has tests of its own.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from coppermind_pipeline.connectors import StoredTokens
from coppermind_pipeline.hubspot import Budget, HubSpotClient, SentRequest
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sandbox import ControlClient, RunningSandbox
from coppermind_pipeline.sync import (
    Pulled,
    Reconciled,
    Reread,
    SyncContext,
    link,
    normalize,
    poll_started,
    poll_succeeded,
    pull,
    read_account,
    read_definitions,
    read_owners,
    read_pipelines,
    reconcile,
    reread,
)
from coppermind_pipeline_tests.connected import Connected
from coppermind_pipeline_tests.portal_comparison import assert_store_equals_portal

AT_ONCE = timedelta(0)
LATER = timedelta(days=3_650)

OnRequest = Callable[[SentRequest], None]


def never() -> bool:
    return False


class Unpaced:
    """Budgets without a limit, and the turn of each call in them."""

    async def acquire(self, budget: Budget) -> "Unpaced":
        return self

    async def sent(self) -> None: ...

    async def answered(self) -> None: ...

    async def back_off(self, budget: Budget, *, until: datetime) -> None: ...

    async def observe(
        self, budget: Budget, *, limit_max: int | None, remaining: int | None, interval_ms: int | None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Reconciling:
    """A connected portal, and the steps after its syncs; each step begins anew although it is not yet its day."""

    connected: Connected
    sandbox: RunningSandbox
    request_timeout_s: float = 60.0

    @property
    def portal(self) -> ControlClient:
        return self.sandbox.control

    @asynccontextmanager
    async def context(self, *, on_request: OnRequest | None = None) -> AsyncIterator[SyncContext]:
        connector = self.connected.connector
        database, settings = self.connected.database, self.connected.settings
        tokens = StoredTokens(database, settings, connector)
        async with HubSpotClient(
            settings.hubspot_api_url,
            tokens,
            Unpaced(),
            on_request=on_request,
            request_timeout_s=self.request_timeout_s,
        ) as client:
            yield SyncContext(database, connector, client)

    async def pull(self, *, time_is_up: Callable[[], bool] = never, on_request: OnRequest | None = None) -> Pulled:
        """Read definitions and whatever is new, as one slice."""
        async with self.context(on_request=on_request) as context:
            await context.write(poll_started, context.scope)
            for object_type in ObjectType:
                await read_definitions(context, object_type)
            await read_pipelines(context)
            await read_owners(context)
            await read_account(context)
            pulled = await pull(context, time_is_up=time_is_up)
            await context.write(poll_succeeded, context.connector)
        return pulled

    async def sync(self) -> Pulled:
        pulled = await self.pull()
        self.derive()
        return pulled

    async def reconcile(
        self,
        *,
        time_is_up: Callable[[], bool] = never,
        every: timedelta = AT_ONCE,
        index_delay: timedelta = timedelta(hours=1),
        on_request: OnRequest | None = None,
    ) -> Reconciled:
        async with self.context(on_request=on_request) as context:
            reconciled = await reconcile(context, time_is_up=time_is_up, every=every, index_delay=index_delay)
        self.derive()
        return reconciled

    async def reread(
        self,
        *,
        time_is_up: Callable[[], bool] = never,
        every: timedelta = AT_ONCE,
        on_request: OnRequest | None = None,
    ) -> Reread:
        async with self.context(on_request=on_request) as context:
            done = await reread(context, time_is_up=time_is_up, every=dict.fromkeys(ObjectType, every))
        self.derive()
        return done

    def derive(self) -> None:
        normalize(self.connected.database, self.connected.connector)
        link(self.connected.database, self.connected.connector)

    def assert_equal(self) -> None:
        assert_store_equals_portal(self.connected, self.sandbox)

    def live(self, object_type: str) -> list[str]:
        rows = self.connected.rows(
            """SELECT hubspot_id FROM hubspot_crm_objects
                WHERE object_type = :type AND archived_at IS NULL AND NOT referenced_only
                ORDER BY length(hubspot_id), hubspot_id""",
            type=object_type,
        )
        return [row.hubspot_id for row in rows]

    def stored(self, object_type: str, hubspot_id: str) -> Any:
        rows = self.connected.rows(
            "SELECT * FROM hubspot_crm_objects WHERE object_type = :type AND hubspot_id = :id",
            type=object_type,
            id=hubspot_id,
        )
        return rows[0] if rows else None

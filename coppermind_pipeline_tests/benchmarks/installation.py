"""An installation to measure: a database of its own, and a connector to a sandbox that runs in another process."""

import asyncio
import logging
import resource
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import text

from coppermind_pipeline.connectors import StoredTokens, open_portal
from coppermind_pipeline.hubspot import HubSpotClient, SentRequest
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database, embedded, upgrade
from coppermind_pipeline.sync import (
    Pulled,
    SyncContext,
    poll_started,
    poll_succeeded,
    pull,
    read_account,
    read_definitions,
    read_owners,
    read_pipelines,
)
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.stored_portal import StoredPortal
from coppermind_pipeline_tests.sync.reconciled import Unpaced

_MIB = 1024


@dataclass(slots=True)
class Installation:
    """What is measured, and how many requests it has sent so far."""

    sandbox: RunningSandbox
    connected: Connected
    requests: int = 0

    async def pull(self, *, limited: bool) -> Pulled:
        """Run a connector's whole pull, definitions included."""
        async with self._portal(limited=limited) as client:
            sync = SyncContext(self.connected.database, self.connected.connector, client)
            await sync.write(poll_started, sync.scope)
            await asyncio.gather(
                *(read_definitions(sync, object_type) for object_type in ObjectType),
                read_pipelines(sync),
                read_owners(sync),
                read_account(sync),
            )
            pulled = await pull(sync, time_is_up=lambda: False)
            await sync.write(poll_succeeded, sync.connector)
        return pulled

    @asynccontextmanager
    async def _portal(self, *, limited: bool) -> AsyncIterator[HubSpotClient]:
        database, settings, connector = self.connected.database, self.connected.settings, self.connected.connector
        if limited:
            async with open_portal(database, settings, connector, on_request=self.count) as client:
                yield client
        else:
            tokens = StoredTokens(database, settings, connector)
            async with HubSpotClient(settings.hubspot_api_url, tokens, Unpaced(), on_request=self.count) as client:
                yield client

    def count(self, _: SentRequest) -> None:
        self.requests += 1


@contextmanager
def installation(**portal: Any) -> Iterator[Installation]:
    """Start database and sandbox, and connect; the window holds every record of the portal."""
    config = {"hubspot_backfill_since": "2000-01-01T00:00:00Z"}
    with _database() as (database, home), RunningSandbox(SandboxConfig(**portal), process=True) as sandbox:
        connected = asyncio.run(Connected.create(database, settings_for(sandbox, home), config=config))
        yield Installation(sandbox, connected)


@contextmanager
def stored_portal() -> Iterator[StoredPortal]:
    """Start a database with a connector whose records are put into the store, without a HubSpot."""
    with _database() as (database, _):
        with database.reader() as connection:
            customer = connection.execute(text("SELECT id FROM customers WHERE name = 'local'")).scalar_one()
        yield StoredPortal.create(database, customer)


@contextmanager
def _database() -> Iterator[tuple[Database, Path]]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    home = Path(tempfile.mkdtemp(prefix="coppermind-bench-"))
    try:
        database = Database(embedded.start(home), home)
        upgrade(database)
        yield database, home
        database.dispose()
    finally:
        embedded.stop(home)
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def stopwatch() -> Iterator[dict[str, float]]:
    """Yield a dict that holds wall and processor seconds of this process once the block has ended."""
    measured: dict[str, float] = {}
    wall, cpu = time.perf_counter(), time.process_time()
    yield measured
    measured |= {"wall_s": round(time.perf_counter() - wall, 3), "cpu_s": round(time.process_time() - cpu, 3)}


def peak_mib() -> int:
    """Return the largest resident size that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // _MIB

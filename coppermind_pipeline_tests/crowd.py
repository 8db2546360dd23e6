"""An installation with many tiny portals, of which most have nothing left to do: they are idle."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, Self

from sqlalchemy import text

from coppermind_pipeline.connectors import open_portal
from coppermind_pipeline.defs.installation import Installation
from coppermind_pipeline.memories import drain, map_records
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import SyncContext, due_polls, link, normalize, reconcile, reread
from coppermind_pipeline.synthesis import synthesize
from coppermind_pipeline_tests.connected import Connected, settings_for

# What a connector's next poll, reconciliation and re-read, and the refresh of its access token hang on.
_TIMES = (
    ("hubspot_polls", "last_started_at"),
    ("hubspot_polls", "last_failed_at"),
    ("connectors", "sync_requested_at"),
    ("connector_credentials", "expires_at"),
    ("hubspot_reconciliations", "started_at"),
    ("hubspot_reconciliations", "completed_at"),
    ("hubspot_rereads", "started_at"),
    ("hubspot_rereads", "completed_at"),
)

_AT_ONCE = 6


class Crowd:
    """Connectors of one installation, each of a mind and a portal of its own."""

    def __init__(self, installation: Installation, sandbox: RunningSandbox) -> None:
        self.installation = installation
        self.sandbox = sandbox
        self.members: list[Connected] = []
        self.idle: set[str] = set()
        self._weeks_begun = 0

    @classmethod
    @contextmanager
    def of_size(
        cls, portals: int, database: Database, home: Path, *, process: bool = False, **settings: Any
    ) -> Iterator[Self]:
        """Run a sandbox with so many portals, none of which is connected yet; `process`: in one of its own."""
        with RunningSandbox(_tiny(portals), process=process) as sandbox:
            yield cls(Installation(settings_for(sandbox, home, **settings), database), sandbox)

    async def connect(self, portals: int, *, idle: int, settled: bool = False) -> None:
        """Connect the portals, and sync the first `idle` ones; `settled`: until no sensor finds work in them."""
        loop = asyncio.get_running_loop()
        joining = [
            self._join(n, hub_id, is_idle=n < idle, settled=settled)
            for n, hub_id in enumerate(_tiny(portals).all_hub_ids())
        ]
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            self.members = await asyncio.gather(
                *(loop.run_in_executor(threads, asyncio.run, member) for member in joining)
            )
        self.idle = {member.connector_id for member in self.members[:idle]}

    async def connect_large(self, portals: int, **sizes: int) -> list[Connected]:
        """Connect so many more portals, of the given sizes and under HubSpot's limits, none of which is synced yet."""
        control, known = self.sandbox.control, len(self.members)
        joined = []
        for n in range(known, known + portals):
            hub_id = control.create_portal(seed=n, **sizes)
            control.set_limits(enforced=True, hub_id=hub_id)
            joined.append(await self._join(n, hub_id, is_idle=False, settled=False))
        self.members += joined
        return joined

    async def _join(self, n: int, hub_id: int, *, is_idle: bool, settled: bool) -> Connected:
        database, settings = self.installation.database, self.installation.settings
        member = await Connected.create(database, settings, mind=f"Client {n}", hub_id=hub_id)
        if is_idle:
            await member.sync()
            _map(member)
            if settled:
                await _settle(member)
        return member

    def sleep(self, interval: str) -> None:
        """Let everything that happened have happened so much earlier, access tokens' issue included."""
        for member in self.members:
            with self.installation.database.mind(member.connector.mind_id) as connection:
                for table, column in _TIMES:
                    connection.execute(
                        text(f"UPDATE {table} SET {column} = {column} - CAST(:by AS interval)"), {"by": interval}
                    )

    def poll_every_minute(self) -> None:
        """Let each portal be polled every minute."""
        self._of_each("UPDATE connectors SET config = config || '{\"poll_interval_minutes\": 1}' WHERE id = :connector")

    def begin_a_day(self) -> None:
        """Let the last lists and re-reads be of a day before: the next ones are due for all."""
        for table in ("hubspot_reconciliations", "hubspot_rereads"):
            self._of_each(
                f"""UPDATE {table} SET started_at = started_at - interval '1 day',
                           completed_at = completed_at - interval '1 day' WHERE connector_id = :connector"""
            )

    def begin_a_week(self) -> None:
        """Let what was published be of an earlier week, another each time: the current one is due for all."""
        self._weeks_begun += 1
        self._of_each(
            f"""UPDATE syntheses SET period_key = '2020-W{self._weeks_begun:02}'
                 WHERE connector_id = :connector AND period_key > '2021'"""
        )

    def ask_for_a_sync(self) -> None:
        """Ask for a sync of each portal, as a person does."""
        self._of_each("UPDATE connectors SET sync_requested_at = clock_timestamp() WHERE id = :connector")

    def change_a_deal(self, member: Connected) -> None:
        """Give a deal of one portal another amount."""
        hub_id = member.connector.hub_id
        assert hub_id is not None
        self.sandbox.control.edit("deals", None, {"amount": f"{int(monotonic() * 10)}"}, first=1, hub_id=hub_id)

    def _of_each(self, statement: str) -> None:
        for member in self.members:
            with self.installation.database.mind(member.connector.mind_id) as connection:
                connection.execute(text(statement), {"connector": member.connector_id})

    def due(self) -> list[str]:
        with self.installation.database.scheduler() as connection:
            return [poll.connector_id for poll in due_polls(connection)]


def _tiny(portals: int) -> SandboxConfig:
    return SandboxConfig(
        contacts=3,
        companies=2,
        deals=2,
        definitions_per_type=60,
        portals=portals,
        limits=False,
        token_lifetime_s=86_400,
    )


def _map(member: Connected) -> None:
    map_records(member.database, connector_id=member.connector_id, mind_id=member.connector.mind_id)


async def _settle(member: Connected) -> None:
    connector = member.connector
    async with open_portal(member.database, member.settings, connector) as client:
        context = SyncContext(member.database, connector, client)
        await reconcile(context, time_is_up=lambda: False)
        await reread(context, time_is_up=lambda: False)
    normalize(member.database, connector)
    link(member.database, connector)
    _map(member)
    synthesize(
        member.database,
        connector_id=connector.id,
        mind_id=connector.mind_id,
        cadence=connector.config.hubspot_synthesis_cadence,
        config=connector.config,
        now=datetime.now(UTC),
    )
    drain(member.database, connector_id=connector.id, mind_id=connector.mind_id)

"""What every step of one connector's sync works with."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from coppermind_pipeline.connectors import Connector
from coppermind_pipeline.hubspot import HubSpotClient
from coppermind_pipeline.store import Database, Scope, lock_writing
from coppermind_pipeline.sync.concurrency import to_its_end

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one stage of a sync is.

    Attributes:
        stage: contacts, companies, deals, associations, referenced, normalize, link, memories, queue, synthesis.
        done: records so far.
        total: records in all; None while nobody knows.
    """

    stage: str
    done: int
    total: int | None = None


def unheard(_: Progress) -> None:
    """Take a progress report that nobody asked for."""


@dataclass(frozen=True, slots=True)
class SyncContext:
    """One connector, its portal and its mind's rows.

    The holder of the connector's lock makes one and hands it to the steps. Database work runs in threads, so that the
    event loop goes on talking to HubSpot meanwhile; writers take turns, so that sequence numbers commit in their order
    and a reader that stops at the highest one has overlooked nothing below it. A write that is cancelled is waited for,
    so that nothing is committed once whoever wrote has failed.
    """

    database: Database
    connector: Connector
    client: HubSpotClient
    on_progress: Callable[[Progress], None] = unheard
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _appending: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))

    async def write(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in one transaction of the connector's mind, after the writes before it."""
        async with self._writing:
            return await to_its_end(self._in_transaction, self._alone(work), *args, **kwargs)

    async def append(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work`, which appends to the raw log, in one transaction of the connector's mind.

        It takes its turn by itself, once its rows are with the server: to bring them there is most of the work, and one
        may do it while another commits. No more, for those that wait for their turn take up threads that others need:
        the rate budgets, above all.
        """
        async with self._appending:
            return await to_its_end(self._in_transaction, work, *args, **kwargs)

    async def read(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work`, which only reads, in one transaction of the connector's mind."""
        return await asyncio.to_thread(self._in_transaction, work, *args, **kwargs)

    @property
    def scope(self) -> Scope:
        """The key that the connector's rows carry."""
        return self.connector.scope

    def _alone(self, work: Callable[Concatenate[Connection, P], T]) -> Callable[Concatenate[Connection, P], T]:
        def after_others(connection: Connection, *args: P.args, **kwargs: P.kwargs) -> T:
            # A writer that was killed may leave a transaction that the server still commits after its lock has gone.
            lock_writing(connection, self.connector.id)
            return work(connection, *args, **kwargs)

        return after_others

    def _in_transaction(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        with self.database.mind(self.connector.mind_id) as connection:
            return work(connection, *args, **kwargs)

"""A poll on demand: what changed in HubSpot, normalized, for an answer that can't wait for the next poll."""

import asyncio
from contextlib import suppress
from time import monotonic

import uvloop

from coppermind_pipeline.connectors import Connector, load_connector, open_portal
from coppermind_pipeline.errors import HealsByItself
from coppermind_pipeline.hubspot import within
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database, require_not_paused
from coppermind_pipeline.sync.context import SyncContext
from coppermind_pipeline.sync.normalizing.take_up import take_up
from coppermind_pipeline.sync.polls import failure_noted, live_pull_succeeded
from coppermind_pipeline.sync.pulling.pull import pull

# Shares of the time: for normalizing what was read, and, before that, for requests that had begun.
STORING_SHARE = 0.2
FINISHING_SHARE = 0.2


class BeingSynced(HealsByItself):
    """Another process is syncing the connector."""

    code = "being_synced"


class PullUnfinished(HealsByItself):
    """HubSpot has more changes than could be read in the time; what was read is stored."""

    code = "pull_unfinished"


async def pull_now(database: Database, settings: Settings, connector_id: str, time_s: float) -> None:
    """Poll a connector into the normalized store, deals first, as its one writer, and end within `time_s`.

    What waits for HubSpot ends by itself: no request, pause or retry goes on longer. What has been read is stored and
    the lock given back in the thread that took it, so that nobody else becomes the writer meanwhile.

    Raises:
        InstallationPaused: nothing is polled until an operator resumes the installation.
        BeingSynced: another process is the writer.
        PullUnfinished: the time was up first.
        HubSpotError: HubSpot can't be read; it is noted as a failed poll.
    """
    await asyncio.to_thread(_pull_now, database, settings, connector_id, monotonic() + time_s, time_s)


def _pull_now(database: Database, settings: Settings, connector_id: str, ends_at: float, time_s: float) -> None:
    require_not_paused(database)
    reading_ends_at = ends_at - STORING_SHARE * time_s
    with database.connector_lock(connector_id) as granted:
        if not granted:
            raise BeingSynced
        connector = load_connector(database, connector_id)
        with failure_noted(database, connector):
            with within(reading_ends_at - monotonic()):
                last_begins_at = reading_ends_at - FINISHING_SHARE * time_s
                complete = uvloop.run(_read(database, settings, connector, reading_ends_at, last_begins_at))
            # Of a pull that is unfinished, nobody knows how long the rest takes: it is left to the next sync.
            if complete:
                take_up(database, connector)
        if complete:
            with database.mind(connector.mind_id) as connection:
                live_pull_succeeded(connection, connector)
    if not complete:
        raise PullUnfinished


async def _read(
    database: Database, settings: Settings, connector: Connector, ends_at: float, last_begins_at: float
) -> bool:
    """Return whether all was read in the time; a HubSpot that did not answer in it is an error."""
    with suppress(TimeoutError):
        # A request that runs out of time is first to say so, and which one it was.
        async with (
            asyncio.timeout(ends_at - monotonic() + 0.1),
            open_portal(database, settings, connector) as client,
        ):
            pulled = await pull(
                SyncContext(database, connector, client), time_is_up=lambda: monotonic() > last_begins_at
            )
            return pulled.current
    return False

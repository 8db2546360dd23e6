"""A poll on demand: what changed in HubSpot, normalized, for an answer that can't wait for the next poll."""

import asyncio
from time import monotonic

import uvloop

from coppermind_pipeline.connectors import Connector, load_connector, open_portal
from coppermind_pipeline.errors import HealsByItself
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database, require_not_paused
from coppermind_pipeline.sync.context import SyncContext
from coppermind_pipeline.sync.linking import link
from coppermind_pipeline.sync.normalize import normalize
from coppermind_pipeline.sync.polls import failure_noted, live_pull_succeeded
from coppermind_pipeline.sync.pull import pull

# Of the 20 seconds that a report waits for it; the rest is for what follows the pull.
READING_MAX_S = 15.0


class BeingSynced(HealsByItself):
    """Another process is syncing the connector."""

    code = "being_synced"


class PullUnfinished(HealsByItself):
    """HubSpot has more changes than could be read in the time; what was read is stored."""

    code = "pull_unfinished"


async def pull_now(database: Database, settings: Settings, connector_id: str) -> None:
    """Poll a connector into the normalized store, deals first, as its one writer.

    Goes on in its thread to the end, also where the caller stops waiting: nobody else becomes the writer meanwhile.

    Raises:
        InstallationPaused: nothing is polled until an operator resumes the installation.
        BeingSynced: another process is the writer.
        PullUnfinished: the time was up first.
        HubSpotError: HubSpot can't be read; it is noted as a failed poll.
    """
    await asyncio.to_thread(_pull_now, database, settings, connector_id)


def _pull_now(database: Database, settings: Settings, connector_id: str) -> None:
    require_not_paused(database)
    reading_ends = monotonic() + READING_MAX_S
    with database.connector_lock(connector_id) as granted:
        if not granted:
            raise BeingSynced
        connector = load_connector(database, connector_id)
        with failure_noted(database, connector):
            complete = uvloop.run(_read(database, settings, connector, reading_ends))
            normalize(database, connector)
            link(database, connector)
        if complete:
            with database.mind(connector.mind_id) as connection:
                live_pull_succeeded(connection, connector)
    if not complete:
        raise PullUnfinished


async def _read(database: Database, settings: Settings, connector: Connector, reading_ends: float) -> bool:
    async with open_portal(database, settings, connector) as client:
        sync = SyncContext(database, connector, client)
        pulled = await pull(sync, time_is_up=lambda: monotonic() > reading_ends)
        return pulled.current

"""Probing due polls, many at once, within the time that a sensor has."""

import asyncio
from collections.abc import Sequence

import structlog
import uvloop

from coppermind_pipeline.connectors import Connector, load_connector, open_portal
from coppermind_pipeline.defs.installation import Installation
from coppermind_pipeline.errors import CoppermindError
from coppermind_pipeline.sync import DuePoll, SyncContext, as_noted, found_nothing, poll_failed, poll_started

log = structlog.get_logger(__name__)

# A sensor's evaluation is cut after 60 s; what is not probed by then is due again at the next tick.
PROBING_MAX_S = 40.0
PROBES_AT_ONCE_MAX = 20


def polls_with_news(installation: Installation, due: Sequence[DuePoll]) -> set[str]:
    """Probe the due connectors; return those that a sync has to run for, and note the others' polls as done."""
    return uvloop.run(_probe_all(installation, due)) if due else set()


async def _probe_all(installation: Installation, due: Sequence[DuePoll]) -> set[str]:
    places = asyncio.Semaphore(PROBES_AT_ONCE_MAX)
    news: set[str] = set()

    async def probe(poll: DuePoll) -> None:
        async with places:
            if await _has_news(installation, poll.connector_id):
                news.add(poll.connector_id)

    _, late = await asyncio.wait([asyncio.create_task(probe(poll)) for poll in due], timeout=PROBING_MAX_S)
    for task in late:
        task.cancel()
    return news


async def _has_news(installation: Installation, connector_id: str) -> bool:
    """Probe one connector as its one writer; one that somebody else is writing has news of its own."""
    database = installation.database
    with database.connector_lock(connector_id) as granted:
        if not granted:
            return False
        connector = await asyncio.to_thread(load_connector, database, connector_id)
        try:
            async with open_portal(database, installation.settings, connector) as client:
                return not await found_nothing(SyncContext(database, connector, client))
        except Exception as error:  # noqa: BLE001 - one connector's trouble, whatever it is, is no other's
            noted = as_noted(error)
            await asyncio.to_thread(_note_failure, installation, connector, noted)
            log.warning("probe failed", connector_id=connector_id, code=noted.code)
            return False


def _note_failure(installation: Installation, connector: Connector, error: CoppermindError) -> None:
    with installation.database.mind(connector.mind_id) as connection:
        poll_started(connection, {"connector": connector.id, "mind": connector.mind_id})
        poll_failed(connection, connector, error)

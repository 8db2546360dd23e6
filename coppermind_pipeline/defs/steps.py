"""How an asset's body runs: as the connector's one writer, with its portal open where it reads HubSpot."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import uvloop

from coppermind_pipeline.connectors import Connector, open_portal
from coppermind_pipeline.defs.installation import Installation, shown_in_dagster
from coppermind_pipeline.hubspot import SentRequest
from coppermind_pipeline.sync import SyncContext, failure_noted, poll_started

T = TypeVar("T")


def store_step(installation: Installation, connector_id: str, work: Callable[[Connector], T]) -> T:
    """Run a step that needs the store alone."""
    with shown_in_dagster(), installation.connector(connector_id) as connector:
        return work(connector)


def hubspot_step(
    installation: Installation,
    connector_id: str,
    work: Callable[[SyncContext], Awaitable[T]],
    *,
    poll: str | None = None,
) -> tuple[T, int]:
    """Run a step that reads HubSpot; return its result and the number of requests.

    What goes wrong is noted where status, checks and the next poll look for it, before the run fails.

    Args:
        poll: id of the run that is the poll that the step is part of; one that is part of none leaves the time of the
            next poll as it is.
    """
    with shown_in_dagster(), installation.connector(connector_id) as connector:
        if poll is not None:
            with installation.database.mind(connector.mind_id) as connection:
                poll_started(connection, {"connector": connector.id, "mind": connector.mind_id}, run_id=poll)
        with failure_noted(installation.database, connector):
            return uvloop.run(_with_portal(installation, connector, work))


async def _with_portal(
    installation: Installation, connector: Connector, work: Callable[[SyncContext], Awaitable[T]]
) -> tuple[T, int]:
    requests = 0

    def count(_: SentRequest) -> None:
        nonlocal requests
        requests += 1

    database, settings = installation.database, installation.settings
    async with open_portal(database, settings, connector, on_request=count) as client:
        result = await work(SyncContext(database, connector, client, installation.on_progress))
    return result, requests

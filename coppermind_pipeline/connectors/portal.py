"""A connector's portal: a client wired with its tokens and budgets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, tzinfo

from coppermind_pipeline.catalog import load_portal
from coppermind_pipeline.connectors.budgets import SharedBudgets
from coppermind_pipeline.connectors.connector import Connector
from coppermind_pipeline.connectors.oauth.tokens import StoredTokens
from coppermind_pipeline.hubspot import HubSpotClient, RetryLimits, SentRequest
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database, require_not_paused


@asynccontextmanager
async def open_portal(
    database: Database,
    settings: Settings,
    connector: Connector,
    *,
    on_request: Callable[[SentRequest], None] | None = None,
    retry_limits: RetryLimits = RetryLimits(),
) -> AsyncIterator[HubSpotClient]:
    """Yield a client for the connector's portal, which shares its rate budgets with every other process.

    Raises:
        ConnectorNotActive: the connector is connected to no portal.
        InstallationPaused: another copy of this installation may be using the connector's tokens.
    """
    connector.require_active()
    await asyncio.to_thread(require_not_paused, database)
    assert connector.hub_id is not None  # noqa: S101 - an active connector has a portal, by the table's check
    zone = await asyncio.to_thread(_zone, database, connector)
    tokens = StoredTokens(database, settings, connector)
    budgets = SharedBudgets(database, connector.hub_id)
    async with HubSpotClient(
        settings.hubspot_api_url,
        tokens,
        budgets,
        on_request=on_request,
        zone=zone,
        retry_limits=retry_limits,
    ) as client:
        yield client


def _zone(database: Database, connector: Connector) -> tzinfo:
    """Return the portal's time zone."""
    with database.mind(connector.mind_id) as connection:
        return load_portal(connection, connector.id).zone or UTC

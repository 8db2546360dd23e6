"""A connector's portal: a client wired with its tokens and budgets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, tzinfo

from sqlalchemy import text

from coppermind_pipeline.catalog import Portal, portal_values
from coppermind_pipeline.connectors.budgets import SharedBudgets
from coppermind_pipeline.connectors.connector import Connector
from coppermind_pipeline.connectors.oauth.tokens import StoredTokens
from coppermind_pipeline.hubspot import HubSpotClient, RetryLimits, SentRequest
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database, require_not_paused

# Some ten seconds.
_AFTER_A_FAILURE = RetryLimits(attempts=5, time_s=20.0)


@asynccontextmanager
async def open_portal(
    database: Database,
    settings: Settings,
    connector: Connector,
    *,
    on_request: Callable[[SentRequest], None] | None = None,
) -> AsyncIterator[HubSpotClient]:
    """Yield a client for the connector's portal, which shares its rate budgets with every other process.

    A portal that was fine is waited for while it fails, for more than a minute: what passes must not cost a poll. One
    that failed the last poll, too, is asked a few times: the next poll comes soon enough, and others wait for a turn.

    Raises:
        ConnectorNotActive: the connector is connected to no portal.
        InstallationPaused: another copy of this installation may be using the connector's tokens.
    """
    connector.require_active()
    await asyncio.to_thread(require_not_paused, database)
    assert connector.hub_id is not None  # noqa: S101 - an active connector has a portal, by the table's check
    zone, failing = await asyncio.to_thread(_known, database, connector)
    tokens = StoredTokens(database, settings, connector)
    budgets = SharedBudgets(database, connector.hub_id)
    async with HubSpotClient(
        settings.hubspot_api_url,
        tokens,
        budgets,
        on_request=on_request,
        zone=zone,
        retry_limits=_AFTER_A_FAILURE if failing else RetryLimits(),
    ) as client:
        yield client


def _known(database: Database, connector: Connector) -> tuple[tzinfo, bool]:
    """Return the portal's time zone, and whether the last poll failed."""
    with database.mind(connector.mind_id) as connection:
        row = connection.execute(text(_KNOWN), {"connector": connector.id}).mappings().one()
    return Portal(**portal_values(row)).zone or UTC, row["failing"]


_KNOWN = """
SELECT portal.*, synced.failing
  FROM portals AS portal JOIN sync_facts AS synced ON synced.connector_id = portal.connector_id
 WHERE portal.connector_id = :connector
"""

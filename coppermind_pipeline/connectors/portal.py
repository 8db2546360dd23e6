"""A connector's portal: a client wired with its tokens and budgets, and what is stored of its account."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, tzinfo

from sqlalchemy import Connection, text

from coppermind_pipeline import crm
from coppermind_pipeline.connectors.budgets import SharedBudgets
from coppermind_pipeline.connectors.connector import Connector
from coppermind_pipeline.connectors.errors import AccountUnreadable
from coppermind_pipeline.connectors.events import clear_problem, report_problem
from coppermind_pipeline.connectors.oauth.tokens import StoredTokens
from coppermind_pipeline.hubspot import AccountDetails, HubSpotClient, HubSpotError, RetryLimits, SentRequest
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


def note_account(
    connection: Connection, connector: Connector, hub_id: int, account: AccountDetails | HubSpotError
) -> None:
    """Store what HubSpot says about the portal's account, or show until it answers that it says nothing.

    Account details are wanted, not needed: without them there is no time zone, no currency and no link, or those of
    before.
    """
    if isinstance(account, AccountDetails):
        _store_account(connection, connector, account)
        clear_problem(connection, connector, "scope", AccountUnreadable.code)
        return
    connection.execute(
        text(
            """INSERT INTO hubspot_portals (connector_id, mind_id, hub_id) VALUES (:connector, :mind, :hub_id)
               ON CONFLICT (connector_id) DO NOTHING"""
        ),
        {"connector": connector.id, "mind": connector.mind_id, "hub_id": hub_id},
    )
    unreadable = AccountUnreadable(f"The portal's account details could not be read: {account.message}")
    report_problem(connection, connector, "scope", unreadable, stops=False)


def _store_account(connection: Connection, connector: Connector, account: AccountDetails) -> None:
    connection.execute(
        text(
            """INSERT INTO hubspot_portals (connector_id, mind_id, hub_id, account_type, time_zone, company_currency,
                                            additional_currencies, ui_domain, data_hosting_location)
               VALUES (:connector, :mind, :hub_id, :account_type, :time_zone, :company_currency,
                       :additional_currencies, :ui_domain, :data_hosting_location)
               ON CONFLICT (connector_id) DO UPDATE
                  SET hub_id = excluded.hub_id, account_type = excluded.account_type, time_zone = excluded.time_zone,
                      company_currency = excluded.company_currency, ui_domain = excluded.ui_domain,
                      additional_currencies = excluded.additional_currencies,
                      data_hosting_location = excluded.data_hosting_location, read_at = excluded.read_at"""
        ),
        {
            "connector": connector.id,
            "mind": connector.mind_id,
            "hub_id": account.portal_id,
            "account_type": account.account_type,
            "time_zone": account.time_zone,
            "company_currency": account.company_currency,
            "additional_currencies": list(account.additional_currencies),
            "ui_domain": account.ui_domain,
            "data_hosting_location": account.data_hosting_location,
        },
    )


def _known(database: Database, connector: Connector) -> tuple[tzinfo, bool]:
    """Return the portal's time zone, and whether the last poll failed."""
    with database.mind(connector.mind_id) as connection:
        name, failing = connection.execute(
            text(
                """SELECT (SELECT time_zone FROM hubspot_portals WHERE connector_id = :id),
                          EXISTS (SELECT FROM hubspot_polls WHERE connector_id = :id AND failures > 0)"""
            ),
            {"id": connector.id},
        ).one()
    return crm.time_zone(name) or UTC if name else UTC, failing

"""What HubSpot says of a portal's account, or that it says nothing: stored, and shown in status."""

from sqlalchemy import Connection

from coppermind_pipeline.catalog import store_account, store_unknown_account
from coppermind_pipeline.connectors.connector import Connector
from coppermind_pipeline.connectors.errors import AccountUnreadable
from coppermind_pipeline.connectors.events import clear_problem, report_problem
from coppermind_pipeline.hubspot import AccountDetails, HubSpotError


def note_account(
    connection: Connection, connector: Connector, hub_id: int, account: AccountDetails | HubSpotError
) -> None:
    """Store what HubSpot says about the portal's account, or show until it answers that it says nothing.

    Account details are wanted, not needed: without them there is no time zone, no currency and no link, or those of
    before.
    """
    if isinstance(account, AccountDetails):
        store_account(connection, connector.id, account)
        clear_problem(connection, connector, "scope", AccountUnreadable.code)
        return
    store_unknown_account(connection, connector.id, hub_id)
    unreadable = AccountUnreadable(f"The portal's account details could not be read: {account.message}")
    report_problem(connection, connector, "scope", unreadable, stops=False)

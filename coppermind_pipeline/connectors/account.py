"""What HubSpot says of a portal's account, or that it says nothing: stored, and shown in status."""

from sqlalchemy import Connection

from coppermind_pipeline import crm
from coppermind_pipeline.catalog import store_account, store_unknown_account
from coppermind_pipeline.connectors.connector import Connector
from coppermind_pipeline.connectors.errors import AccountUnreadable
from coppermind_pipeline.connectors.events import clear_problem, report_problem
from coppermind_pipeline.hubspot import AccountDetails, HubSpotError, printable
from coppermind_pipeline.wording import listed


def note_account(
    connection: Connection, connector: Connector, hub_id: int, account: AccountDetails | HubSpotError
) -> None:
    """Store what HubSpot says about the portal's account, or show until it answers that it does not say all.

    Account details are wanted, not needed: what is missing of time zone, currency and links is so, or as before.
    """
    if isinstance(account, AccountDetails):
        store_account(connection, connector.id, account)
        faults = _faults(account)
        if not faults:
            clear_problem(connection, connector, "scope", AccountUnreadable.code)
            return
        unreadable = AccountUnreadable(f"The portal's account details {' and '.join(faults)}.")
    else:
        store_unknown_account(connection, connector.id, hub_id)
        unreadable = AccountUnreadable(f"The portal's account details could not be read: {account.message}")
    report_problem(connection, connector, "scope", unreadable, stops=False)


def _faults(account: AccountDetails) -> list[str]:
    """Return what is wrong with account details, as predicates."""
    said = {
        "time zone": account.time_zone,
        "company currency": account.company_currency,
        "address": account.ui_domain,
    }
    missing = [detail for detail, value in said.items() if not value]
    faults = [f"do not say its {listed(missing)}"] if missing else []
    if account.time_zone and crm.time_zone(account.time_zone) is None:
        faults.append(f"name a time zone that is not known ({printable(account.time_zone)})")
    return faults

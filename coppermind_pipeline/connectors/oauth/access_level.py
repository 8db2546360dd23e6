"""Whose records a token opens: an app that is installed for one user sees what that user may see, and no more."""

import structlog
from pydantic import SecretStr
from sqlalchemy import Connection

from coppermind_pipeline.connectors.connector import Connector
from coppermind_pipeline.connectors.errors import UserLevelApp
from coppermind_pipeline.connectors.events import clear_problem, report_problem
from coppermind_pipeline.hubspot import HubSpotError, OAuthApp, RetryLimits, introspect

log = structlog.get_logger(__name__)

# Nothing waits for the answer: the next refresh of the token asks again.
_RETRY_LIMITS = RetryLimits(attempts=1, time_s=0.0)


async def is_user_level(app: OAuthApp, access_token: SecretStr) -> bool | None:
    """Ask HubSpot whether the token is one user's; None where it does not say."""
    try:
        known = await introspect(app, access_token, retry_limits=_RETRY_LIMITS)
    except HubSpotError as error:
        log.warning("token not introspected", code=error.code)
        return None
    return known.is_user_level if known.active else None


def note_level(connection: Connection, connector: Connector, *, user_level: bool | None, hub_id: int | None) -> None:
    """Show in status, until the app is installed for the account, that records can be missing; None changes nothing."""
    if user_level:
        missing = UserLevelApp(
            f"The HubSpot app is installed for a user: records that portal {hub_id}'s user may not see are missing, "
            "and counts can be partial."
        )
        report_problem(connection, connector, "scope", missing, stops=False)
    elif user_level is False:
        clear_problem(connection, connector, "scope", UserLevelApp.code)

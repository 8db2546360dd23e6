"""`connectors action=disconnect`: an end to polling, without losing what was read."""

import asyncio
from dataclasses import dataclass

import structlog
from pydantic import Field, SecretStr
from sqlalchemy import text

from coppermind_pipeline.accounts import Caller
from coppermind_pipeline.connectors.actions.polling import mind_name
from coppermind_pipeline.connectors.connector import Connector, Lifecycle, find_connector, lock_connector
from coppermind_pipeline.connectors.errors import InvalidKeys, KeyFileExposed, KeyMissing
from coppermind_pipeline.connectors.events import record_event
from coppermind_pipeline.connectors.oauth.credentials import Credentials, erase_credentials, read_credentials
from coppermind_pipeline.connectors.oauth.tokens import hubspot_app
from coppermind_pipeline.connectors.responses import AboutConnector
from coppermind_pipeline.connectors.status.states import Headline
from coppermind_pipeline.hubspot import (
    GrantRejected,
    HubSpotError,
    OAuthApp,
    PortalUnavailable,
    RetryLimits,
    refresh,
    revoke,
    uninstall,
)
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database, paused_since
from coppermind_pipeline.wording import capitalized, number

log = structlog.get_logger(__name__)

_RETRY_LIMITS = RetryLimits(attempts=2, time_s=5.0)

_APP_REMOVED = (
    "Nothing is left to be done in HubSpot: the app is no longer under Settings → Integrations → Connected Apps, "
    "and HubSpot tells the portal's admins by e-mail."
)
_REMOVE_APP = (
    "A HubSpot admin can remove the app itself in HubSpot, under Settings → Integrations → Connected Apps; "
    "an access token that is out expires within 30 minutes."
)


class DisconnectResponse(AboutConnector):
    """What was and was not done to disconnect."""

    status: Headline = Field(description="inactive")
    credentials_erased: bool = Field(description="whether there were stored tokens, which are gone")
    polling_stopped: bool = Field(description="whether it was polling until now")
    token_revoked: bool = Field(description="whether HubSpot took the refresh token back")
    not_revoked_because: str | None = Field(description="why it did not; null: it did")
    app_uninstalled: bool = Field(description="whether the app is gone from the portal")
    not_uninstalled_because: str | None = Field(description="why it is not; null: it is")
    memories_kept: int = Field(description="memories of the connector that hold")
    message: str = Field(description="what was done, as a sentence")
    next_step: str = Field(description="what is left to do in HubSpot, as a sentence")


async def disconnect(database: Database, settings: Settings, caller: Caller, connector_id: str) -> DisconnectResponse:
    """Erase the connector's credentials, make it inactive, and leave the portal: uninstall the app, revoke the token.

    The latter two as far as HubSpot lets us, and where no other active connector reads that portal.

    It succeeds without HubSpot. Memories and the CRM store stay. On an inactive connector it changes nothing.

    Raises:
        ConnectorNotFound: the customer has no such connector.
    """
    found = await asyncio.to_thread(find_connector, database, caller, connector_id)
    ended = await asyncio.to_thread(_end, database, settings, found)
    left = _Left(ended.kept_because, ended.kept_because)
    if ended.credentials is not None:
        # Looked up last: whoever was connected to the portal meanwhile keeps it.
        others = await asyncio.to_thread(_others_of_portal, database, found)
        reason = f"the portal is read on by {', '.join(others)}, which that might cut off"
        left = _Left(reason, reason) if others else await _leave(settings, found, ended.credentials)
    await asyncio.to_thread(_record, database, found, ended, left)
    return DisconnectResponse(
        connector_id=found.id,
        mind=ended.mind,
        mind_id=found.mind_id,
        status=Headline.INACTIVE,
        credentials_erased=ended.had_credentials,
        polling_stopped=ended.was_active,
        token_revoked=left.not_revoked_because is None,
        not_revoked_because=left.not_revoked_because,
        app_uninstalled=left.not_uninstalled_because is None,
        not_uninstalled_because=left.not_uninstalled_because,
        memories_kept=ended.memories,
        message=_message(ended, left),
        next_step=_APP_REMOVED if left.not_uninstalled_because is None else _REMOVE_APP,
    )


@dataclass(frozen=True, slots=True)
class _Ended:
    mind: str
    was_active: bool
    had_credentials: bool
    memories: int
    # What is to be given back to HubSpot; None where it is not, for that reason.
    credentials: Credentials | None
    kept_because: str | None


@dataclass(frozen=True, slots=True)
class _Left:
    """Why the portal was not left in one way or the other; None where it was."""

    not_uninstalled_because: str | None
    not_revoked_because: str | None


def _end(database: Database, settings: Settings, found: Connector) -> _Ended:
    """Take everything away that polling needs, in one transaction; what goes back to HubSpot lives on in memory."""
    paused = paused_since(database) is not None
    with database.mind(found.mind_id) as connection:
        connector = lock_connector(connection, found.id)
        given_back, reason = None, "there was no token to revoke"
        try:
            credentials = read_credentials(connection, settings, connector, lock=True)
        except (KeyMissing, KeyFileExposed, InvalidKeys) as error:
            reason = f"the stored token could not be read: {error.message}"
        else:
            if credentials is not None and paused:
                reason = "the installation is paused, and another copy of it may be using the token"
            elif credentials is not None:
                given_back, reason = credentials, None
        erased = erase_credentials(connection, connector.id)
        values = {"id": connector.id}
        if connector.status is not Lifecycle.INACTIVE:
            connection.execute(_MAKE_INACTIVE, values)
        connection.execute(text("DELETE FROM connector_problems WHERE connector_id = :id AND kind <> 'config'"), values)
        memories = connection.execute(_LIVE_MEMORIES, values).scalar_one()
        mind = mind_name(connection, connector)
    return _Ended(mind, connector.status is Lifecycle.ACTIVE, erased, memories, given_back, reason)


_MAKE_INACTIVE = text(
    """UPDATE connectors
          SET status = 'inactive', disconnected_at = clock_timestamp(), sync_requested_at = NULL,
              last_error = NULL, setup_error = NULL
        WHERE id = :id"""
)
_LIVE_MEMORIES = text("SELECT count(*) FROM memory_versions WHERE connector_id = :id AND is_live")


def _others_of_portal(database: Database, connector: Connector) -> list[str]:
    """Return the other active connectors of the portal: HubSpot may give all of them one and the same token."""
    with database.scheduler() as connection:
        return list(connection.scalars(_OTHERS_OF_PORTAL, {"hub_id": connector.hub_id, "id": connector.id}))


_OTHERS_OF_PORTAL = text(
    "SELECT id FROM connectors WHERE hub_id = :hub_id AND id <> :id AND status = 'active' ORDER BY id"
)


async def _leave(settings: Settings, connector: Connector, credentials: Credentials) -> _Left:
    """Uninstall the app from the portal, then revoke the token, each as far as HubSpot lets us."""
    app = hubspot_app(settings)
    refresh_token = credentials.refresh_token
    not_uninstalled_because = None
    try:
        access_token = credentials.access_token
        if credentials.fresh_s <= 0:
            grant = await refresh(app, refresh_token, retry_limits=_RETRY_LIMITS)
            access_token, refresh_token = grant.access_token, grant.refresh_token or refresh_token
        await uninstall(app, access_token, retry_limits=_RETRY_LIMITS)
    except HubSpotError as error:
        log.warning("app not uninstalled", connector_id=connector.id, code=error.code)
        not_uninstalled_because = _reason(error)
    not_revoked_because = await _revoke(app, connector, refresh_token, uninstalled=not_uninstalled_because is None)
    return _Left(not_uninstalled_because, not_revoked_because)


async def _revoke(app: OAuthApp, connector: Connector, refresh_token: SecretStr, *, uninstalled: bool) -> str | None:
    """Revoke the token at HubSpot; return why that could not be done, or None."""
    try:
        await revoke(app, refresh_token, retry_limits=_RETRY_LIMITS)
    except GrantRejected as error:
        # The end of the installation was the token's end as well.
        return None if uninstalled else _reason(error)
    except HubSpotError as error:
        log.warning("token not revoked", connector_id=connector.id, code=error.code)
        return _reason(error)
    return None


def _reason(error: HubSpotError) -> str:
    unreachable = isinstance(error, PortalUnavailable)
    return f"HubSpot did not do it: {'it is out of reach' if unreachable else error.message}"


def _record(database: Database, connector: Connector, ended: _Ended, left: _Left) -> None:
    if not (ended.was_active or ended.had_credentials):
        return
    with database.mind(connector.mind_id) as connection:
        record_event(
            connection,
            connector,
            "info",
            "disconnected",
            "The connector was disconnected.",
            {
                "app_uninstalled": left.not_uninstalled_because is None,
                "token_revoked": left.not_revoked_because is None,
                "credentials_erased": ended.had_credentials,
            },
        )


def _message(ended: _Ended, left: _Left) -> str:
    done = []
    if ended.had_credentials:
        done.append("The credentials are erased")
    done.append("polling has stopped" if ended.was_active else "no polling was under way")
    done.append(_told("the app is uninstalled from the portal", left.not_uninstalled_because))
    done.append(_told("the token is revoked at HubSpot", left.not_revoked_because))
    return f"{capitalized('; '.join(done))}. {number(ended.memories)} memories and the CRM store stay."


def _told(done: str, reason: str | None) -> str:
    return done if reason is None else f"{done.replace(' is ', ' is not ')} ({reason.rstrip('.')})"

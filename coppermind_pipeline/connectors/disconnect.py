"""`connectors action=disconnect`: an end to polling, without losing what was read."""

import asyncio
from dataclasses import dataclass

import structlog
from pydantic import SecretStr
from sqlalchemy import text

from coppermind_pipeline.accounts import Caller
from coppermind_pipeline.connectors.connector import Connector, Lifecycle, find_connector, lock_connector
from coppermind_pipeline.connectors.credentials import erase_credentials, read_credentials
from coppermind_pipeline.connectors.errors import InvalidKeys, KeyFileExposed, KeyMissing
from coppermind_pipeline.connectors.events import record_event
from coppermind_pipeline.connectors.polling import mind_name
from coppermind_pipeline.connectors.responses import DisconnectResponse
from coppermind_pipeline.connectors.states import Headline
from coppermind_pipeline.connectors.tokens import hubspot_app
from coppermind_pipeline.hubspot import HubSpotError, PortalUnavailable, RetryLimits, revoke
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database, paused_since

log = structlog.get_logger(__name__)

_REVOKE_RETRY_LIMITS = RetryLimits(attempts=2, time_s=5.0)

_REMOVE_APP = (
    "A HubSpot admin can remove the app itself in HubSpot, under Settings → Integrations → Connected Apps; "
    "an access token that is out expires within 30 minutes."
)


async def disconnect(database: Database, settings: Settings, caller: Caller, connector_id: str) -> DisconnectResponse:
    """Erase the connector's credentials, make it inactive, and revoke its token at HubSpot if that can be done.

    It succeeds without HubSpot. Memories and the CRM store stay. On an inactive connector it changes nothing.

    Raises:
        ConnectorNotFound: the customer has no such connector.
    """
    found = await asyncio.to_thread(find_connector, database, caller, connector_id)
    ended = await asyncio.to_thread(_end, database, settings, found)
    not_revoked_because = ended.not_revoked_because
    if ended.refresh_token is not None:
        not_revoked_because = await _revoke(settings, found, ended.refresh_token)
    revoked = not_revoked_because is None
    await asyncio.to_thread(_record, database, found, ended, revoked=revoked)
    return DisconnectResponse(
        connector_id=found.id,
        mind=ended.mind,
        mind_id=found.mind_id,
        status=Headline.INACTIVE,
        credentials_erased=ended.had_credentials,
        polling_stopped=ended.was_active,
        token_revoked=revoked,
        not_revoked_because=not_revoked_because,
        memories_kept=ended.memories,
        message=_message(ended, not_revoked_because),
        next_step=_REMOVE_APP,
    )


@dataclass(frozen=True, slots=True)
class _Ended:
    mind: str
    was_active: bool
    had_credentials: bool
    memories: int
    refresh_token: SecretStr | None
    not_revoked_because: str | None


def _end(database: Database, settings: Settings, found: Connector) -> _Ended:
    """Take everything away that polling needs, in one transaction; what is to be revoked lives on in memory alone."""
    shared_with = _others_of_portal(database, found)
    paused = paused_since(database) is not None
    with database.mind(found.mind_id) as connection:
        connector = lock_connector(connection, found.id)
        refresh_token, reason = None, "there was no token to revoke"
        try:
            credentials = read_credentials(connection, settings, connector, lock=True)
        except (KeyMissing, KeyFileExposed, InvalidKeys) as error:
            reason = f"the stored token could not be read: {error.message}"
        else:
            if credentials is not None and paused:
                reason = "the installation is paused, and another copy of it may be using the token"
            elif credentials is not None and shared_with:
                reason = f"the portal is read on by {', '.join(shared_with)}, which a revocation might cut off"
            elif credentials is not None:
                refresh_token, reason = credentials.refresh_token, None
        erased = erase_credentials(connection, connector.id)
        values = {"id": connector.id}
        if connector.status is not Lifecycle.INACTIVE:
            connection.execute(
                text(
                    """UPDATE connectors
                          SET status = 'inactive', disconnected_at = clock_timestamp(), sync_requested_at = NULL,
                              last_error = NULL, setup_error = NULL
                        WHERE id = :id"""
                ),
                values,
            )
        connection.execute(text("DELETE FROM connector_problems WHERE connector_id = :id AND kind <> 'config'"), values)
        memories = connection.execute(
            text(
                """SELECT count(*) FROM memories
                    WHERE connector_id = :id AND superseded_at IS NULL AND retired_at IS NULL"""
            ),
            values,
        ).scalar_one()
        mind = mind_name(connection, connector)
    return _Ended(mind, connector.status is Lifecycle.ACTIVE, erased, memories, refresh_token, reason)


def _others_of_portal(database: Database, connector: Connector) -> list[str]:
    """Return the other active connectors of the portal: HubSpot may give all of them one and the same token."""
    with database.scheduler() as connection:
        return list(
            connection.scalars(
                text(
                    "SELECT id FROM connectors WHERE hub_id = :hub_id AND id <> :id AND status = 'active' ORDER BY id"
                ),
                {"hub_id": connector.hub_id, "id": connector.id},
            )
        )


async def _revoke(settings: Settings, connector: Connector, refresh_token: SecretStr) -> str | None:
    """Revoke the token at HubSpot; return why that could not be done, or None."""
    try:
        await revoke(hubspot_app(settings), refresh_token, retry_limits=_REVOKE_RETRY_LIMITS)
    except HubSpotError as error:
        log.warning("token not revoked", connector_id=connector.id, code=error.code)
        unreachable = isinstance(error, PortalUnavailable)
        return f"HubSpot did not take it back: {'it is out of reach' if unreachable else error.message}"
    return None


def _record(database: Database, connector: Connector, ended: _Ended, *, revoked: bool) -> None:
    if not (ended.was_active or ended.had_credentials):
        return
    with database.mind(connector.mind_id) as connection:
        record_event(connection, connector, "info", "disconnected", "The connector was disconnected.",
                     {"token_revoked": revoked, "credentials_erased": ended.had_credentials})  # fmt: skip


def _message(ended: _Ended, not_revoked_because: str | None) -> str:
    done = []
    if ended.had_credentials:
        done.append("The credentials are erased")
    done.append("polling has stopped" if ended.was_active else "no polling was under way")
    done.append(
        "the token is revoked at HubSpot"
        if not_revoked_because is None
        else f"the token is not revoked at HubSpot ({not_revoked_because.rstrip('.')})"
    )
    sentence = "; ".join(done)
    return f"{sentence[:1].upper()}{sentence[1:]}. {ended.memories:,} memories and the CRM store stay."

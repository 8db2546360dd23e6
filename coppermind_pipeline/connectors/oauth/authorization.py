"""The way back from HubSpot: an approval becomes an active connector, or an error that a person can act on."""

import asyncio
import re
from dataclasses import dataclass

import structlog
from pydantic import SecretStr
from sqlalchemy import Connection, text

from coppermind_pipeline.connectors.account import note_account
from coppermind_pipeline.connectors.budgets import SharedBudgets, lift_pauses
from coppermind_pipeline.connectors.connector import Connector, Lifecycle, lock_connector
from coppermind_pipeline.connectors.errors import (
    FRESH_LINK,
    ApprovalBroken,
    ApprovalDenied,
    ApprovalFailed,
    ApprovalIncomplete,
    OAuthStateWithdrawn,
)
from coppermind_pipeline.connectors.events import clear_problem, record_event, set_last_error
from coppermind_pipeline.connectors.oauth.access_level import is_user_level, note_level
from coppermind_pipeline.connectors.oauth.credentials import store_grant
from coppermind_pipeline.connectors.oauth.oauth_states import AnsweredState, code_verifier, use_oauth_state
from coppermind_pipeline.connectors.oauth.tokens import hubspot_app
from coppermind_pipeline.errors import CoppermindError
from coppermind_pipeline.hubspot import (
    SCOPES,
    AccountDetails,
    Grant,
    HubSpotClient,
    HubSpotError,
    RetryLimits,
    ScopeMissing,
    exchange_code,
)
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database
from coppermind_pipeline.wording import single_spaced

log = structlog.get_logger(__name__)

ACCESS_DENIED = "access_denied"
DESCRIPTION_CHARACTERS_MAX = 200

# A person waits in front of the page; the details are read again by the first sync.
_ACCOUNT_RETRY_LIMITS = RetryLimits(attempts=2, time_s=5.0)
_ACCOUNT_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorized:
    """What an approval led to.

    Attributes:
        connector_id: the connector that is active now.
        mind: name of the mind that it is pinned to.
        hub_id: the portal that it reads.
    """

    connector_id: str
    mind: str
    hub_id: int


async def complete_authorization(
    database: Database,
    settings: Settings,
    *,
    state: str,
    code: SecretStr | str | None = None,
    error: str | None = None,
    error_description: str | None = None,
) -> Authorized:
    """Take what HubSpot's redirect brought, and make the connector active; its first sync is asked for at once.

    Whatever goes wrong after the state proved good is stored as the connector's `last_error` and `setup_error` before
    it is raised; the connector then stays pending. An active connector of the same portal stays as it was.

    Raises:
        ApprovalBroken: something failed that nobody foresaw.
        ApprovalFailed: the state is worth nothing, or HubSpot says no; its subclass says which.
        GrantRejected, ScopeMissing: HubSpot refuses the exchange, or granted less than was asked.
        SettingsError: this process was started without the HubSpot app's client id and secret.
        RateLimited, PortalUnavailable: HubSpot could not be reached.
    """
    answered = await asyncio.to_thread(use_oauth_state, database, state)
    hub_id: int | None = None
    try:
        grant = await _granted(settings, state, code, error, error_description)
        hub_id = grant.hub_id
        _require_scopes(grant)
        account = await _account(database, settings, grant)
        user_level = await is_user_level(hubspot_app(settings), grant.access_token)
        return await asyncio.to_thread(_activate, database, settings, answered, grant, account, user_level=user_level)
    except Exception as cause:  # noqa: BLE001 - told as it is, or as what nobody foresaw
        # What nobody foresaw is told too, without its words, which may hold data: the link is used up all the same.
        failure = cause if isinstance(cause, CoppermindError) else ApprovalBroken()
        # The link is used up: what passes by itself elsewhere takes a person here.
        failure.hint = failure.hint or f"Wait a few minutes, then {FRESH_LINK}"
        await asyncio.to_thread(_store_failure, database, answered, failure, hub_id)
        log.warning(
            "authorization failed", connector_id=answered.connector_id, code=failure.code, error=type(cause).__name__
        )
        raise failure from None


async def _granted(
    settings: Settings, state: str, code: SecretStr | str | None, error: str | None, error_description: str | None
) -> Grant:
    if error:
        raise _denied(error, error_description)
    if not code:
        raise ApprovalIncomplete
    settings.require_hubspot_app()
    secret_code = code if isinstance(code, SecretStr) else SecretStr(code)
    grant = await exchange_code(
        hubspot_app(settings),
        secret_code,
        redirect_uri=settings.redirect_uri,
        code_verifier=code_verifier(settings, state),
    )
    if grant.refresh_token is None:
        raise ApprovalFailed("HubSpot issued an access token that can't be renewed: the refresh token is missing.")
    return grant


def _denied(error: str, description: str | None) -> ApprovalFailed:
    # Both come from an address that anybody can edit: words for a person, cut short, and nothing else.
    said = f": {_plain(description)}" if description and _plain(description) else ""
    if error == ACCESS_DENIED:
        return ApprovalDenied(f"The approval was refused in HubSpot{said}.")
    return ApprovalFailed(f"HubSpot did not approve ({_plain(error)}){said}.")


def _plain(words: str) -> str:
    return single_spaced(re.sub(r"[^\w.,:;'()/-]+", " ", words))[:DESCRIPTION_CHARACTERS_MAX].strip(" .")


def _require_scopes(grant: Grant) -> None:
    missing = [scope for scope in SCOPES if scope not in grant.scopes]
    if missing:
        raise ScopeMissing(
            f"HubSpot granted the app, but not all that it needs; missing: {', '.join(missing)}.",
            scopes=missing,
            hint=ApprovalDenied.hint,
        )


async def _account(database: Database, settings: Settings, grant: Grant) -> AccountDetails | HubSpotError:
    """Return the portal's details, or why they can't be read: they are wanted, not needed."""
    assert grant.hub_id is not None  # noqa: S101 - an exchange names the portal
    client = HubSpotClient(
        settings.hubspot_api_url,
        _FreshToken(grant.access_token),
        SharedBudgets(database, grant.hub_id),
        retry_limits=_ACCOUNT_RETRY_LIMITS,
        request_timeout_s=_ACCOUNT_TIMEOUT_S,
    )
    try:
        async with client:
            return await client.account()
    except HubSpotError as error:
        return error


@dataclass(frozen=True, slots=True)
class _FreshToken:
    """The access token of an approval that is not stored yet."""

    token: SecretStr

    async def current(self) -> SecretStr:
        return self.token

    async def refreshed(self, rejected: SecretStr) -> SecretStr:
        return rejected


def _activate(
    database: Database,
    settings: Settings,
    answered: AnsweredState,
    grant: Grant,
    account: AccountDetails | HubSpotError,
    *,
    user_level: bool | None,
) -> Authorized:
    assert grant.hub_id is not None  # noqa: S101 - an exchange names the portal
    with database.mind(answered.mind_id) as connection:
        # The mind's row first, as `connect` does: approvals of one mind go one after another.
        mind = connection.execute(
            text("SELECT name FROM minds WHERE id = :mind FOR UPDATE"), {"mind": answered.mind_id}
        ).scalar_one()
        pending = lock_connector(connection, answered.connector_id)
        if pending.status is not Lifecycle.PENDING_SETUP:
            raise OAuthStateWithdrawn
        known_id = _connector_of_portal(connection, grant.hub_id)
        connector = pending if known_id is None else lock_connector(connection, known_id)
        if known_id is not None:
            _replace(connection, pending, by=connector)
        _make_active(connection, connector, grant.hub_id)
        store_grant(connection, settings, connector, grant)
        note_level(connection, connector, user_level=user_level, hub_id=grant.hub_id)
        note_account(connection, connector, grant.hub_id, account)
    log.info("connector authorized", connector_id=connector.id, hub_id=grant.hub_id)
    return Authorized(connector_id=connector.id, mind=mind, hub_id=grant.hub_id)


def _connector_of_portal(connection: Connection, hub_id: int) -> str | None:
    return connection.scalar(text("SELECT id FROM connectors WHERE hub_id = :hub_id"), {"hub_id": hub_id})


def _replace(connection: Connection, pending: Connector, *, by: Connector) -> None:
    connection.execute(_REPLACE, {"id": pending.id, "by": by.id})
    record_event(connection, pending, "info", "replaced", f"The portal is connected already, by {by.id}.")


_REPLACE = text(
    """UPDATE connectors SET status = 'inactive', replaced_by = :by, disconnected_at = clock_timestamp(),
                             last_error = NULL, setup_error = NULL
        WHERE id = :id"""
)


def _make_active(connection: Connection, connector: Connector, hub_id: int) -> None:
    connection.execute(_MAKE_ACTIVE, {"id": connector.id, "hub_id": hub_id})
    # What failed before failed with the old authorization.
    connection.execute(text("SELECT look_again(:connector, forgive => true)"), {"connector": connector.id})
    lift_pauses(connection, hub_id)
    clear_problem(connection, connector, "auth")
    clear_problem(connection, connector, "scope")
    record_event(connection, connector, "info", "connected", f"Portal {hub_id} was approved.", {"hub_id": hub_id})


_MAKE_ACTIVE = text(
    """UPDATE connectors
          SET status = 'active', hub_id = :hub_id, connected_at = clock_timestamp(), disconnected_at = NULL,
              last_error = NULL, setup_error = NULL, sync_requested_at = clock_timestamp()
        WHERE id = :id"""
)


def _store_failure(database: Database, answered: AnsweredState, failure: CoppermindError, hub_id: int | None) -> None:
    with database.mind(answered.mind_id) as connection:
        pending = lock_connector(connection, answered.connector_id)
        if pending.status is Lifecycle.PENDING_SETUP:
            set_last_error(connection, pending.id, failure, setup=True)
        record_event(connection, pending, "error", failure.code, failure.message)
        known_id = None if hub_id is None else _connector_of_portal(connection, hub_id)
        if known_id is not None:
            set_last_error(connection, known_id, failure)

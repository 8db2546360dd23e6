"""A portal's access token, for whoever calls it: refreshed ahead of its end, once, however many processes want it."""

import asyncio
from dataclasses import dataclass
from time import monotonic

import structlog
from psycopg.errors import LockNotAvailable
from pydantic import SecretStr
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from coppermind_pipeline.connectors.connector import Connector
from coppermind_pipeline.connectors.errors import InvalidKeys, KeyFileExposed, KeyMissing, NotConnected, RefreshBusy
from coppermind_pipeline.connectors.events import clear_problem, report_problem
from coppermind_pipeline.connectors.oauth.access_level import is_user_level, note_level
from coppermind_pipeline.connectors.oauth.credentials import Credentials, read_credentials, store_grant
from coppermind_pipeline.hubspot import AuthorizationRevoked, Grant, GrantRejected, OAuthApp, at_most_s, refresh
from coppermind_pipeline.hubspot.oauth.tokens import REQUEST_TIMEOUT_S, RETRY_LIMITS
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database

log = structlog.get_logger(__name__)

# How long a token is used before the store is asked again: a sync of a connector that is disconnected stops then.
CACHE_S = 5.0
# A refresh with all its retries ends within this; only then waiting for it is pointless.
LOCK_TIMEOUT_S = int(2 * REQUEST_TIMEOUT_S + RETRY_LIMITS.time_s) + 5
# A revoked authorization is not offered to HubSpot again for so long.
REJECTION_KEPT_S = 3600


def hubspot_app(settings: Settings) -> OAuthApp:
    """Return the HubSpot app of this installation."""
    return OAuthApp(
        api_url=settings.hubspot_api_url,
        client_id=settings.hubspot_client_id,
        client_secret=settings.hubspot_client_secret,
    )


@dataclass(frozen=True, slots=True)
class _Cached:
    token: SecretStr
    until: float


class StoredTokens:
    """The access token of one connector, from its stored credentials.

    Whoever finds it about to expire refreshes it under the lock of the credentials' row; the others wait for that lock,
    look again, and find the new one. What HubSpot answered is committed with the lock's end, so that a process killed
    before leaves the old refresh token, which HubSpot goes on accepting.
    """

    def __init__(self, database: Database, settings: Settings, connector: Connector) -> None:
        self._database = database
        self._settings = settings
        self._connector = connector
        self._cached: _Cached | None = None
        self._one_at_a_time = asyncio.Lock()

    async def current(self) -> SecretStr:
        """Return a token that is good for a while.

        Raises:
            NotConnected: the connector holds no authorization any more.
            KeyMissing, KeyFileExposed, InvalidKeys: the stored one can't be decrypted.
            AuthorizationRevoked, GrantRejected: HubSpot refuses to refresh it; status says what to do.
            SettingsError: it has to be refreshed, by a process without the HubSpot app's client id and secret.
            RateLimited, PortalUnavailable, RefreshBusy: it can't be refreshed for now.
        """
        return await self._token(rejected=None)

    async def refreshed(self, rejected: SecretStr) -> SecretStr:
        """Return a token other than `rejected`; raises as `current`."""
        return await self._token(rejected=rejected)

    async def _token(self, *, rejected: SecretStr | None) -> SecretStr:
        async with self._one_at_a_time:
            if self._cached is None or self._cached.until <= monotonic() or self._cached.token == rejected:
                # A thread runs to its end even if this task is cancelled: the row is never left locked.
                credentials = await asyncio.to_thread(self._good_credentials, rejected)
                self._cached = _Cached(credentials.access_token, monotonic() + min(CACHE_S, credentials.fresh_s))
            return self._cached.token

    def _good_credentials(self, rejected: SecretStr | None) -> Credentials:
        try:
            return self._read_or_refresh(rejected)
        except (KeyMissing, KeyFileExposed, InvalidKeys) as error:
            with self._database.mind(self._connector.mind_id) as connection:
                report_problem(connection, self._connector, "auth", error)
            raise

    def _read_or_refresh(self, rejected: SecretStr | None) -> Credentials:
        with self._database.mind(self._connector.mind_id) as connection:
            credentials = self._read(connection)
        if _usable(credentials, rejected):
            return credentials
        try:
            return self._refresh(rejected)
        except OperationalError as error:
            if not isinstance(error.orig, LockNotAvailable):
                raise
            with self._database.mind(self._connector.mind_id) as connection:
                credentials = self._read(connection)
            if _usable(credentials, rejected):
                return credentials
            raise RefreshBusy from error

    def _refresh(self, rejected: SecretStr | None) -> Credentials:
        refused: GrantRejected | None = None
        with self._database.mind(self._connector.mind_id) as connection:
            lock_timeout_ms = round(at_most_s(LOCK_TIMEOUT_S) * 1000)
            connection.execute(text("SELECT set_config('lock_timeout', :ms, true)"), {"ms": str(lock_timeout_ms)})
            credentials = self._read(connection, lock=True)
            if _usable(credentials, rejected):
                return credentials
            self._raise_known_rejection(connection)
            self._settings.require_hubspot_app()
            try:
                grant = asyncio.run(refresh(hubspot_app(self._settings), credentials.refresh_token))
                self._require_same_portal(grant)
            except GrantRejected as error:
                report_problem(connection, self._connector, "auth", error)
                refused = error
            else:
                store_grant(connection, self._settings, self._connector, grant)
                clear_problem(connection, self._connector, "auth")
                log.info("access token refreshed", connector_id=self._connector.id, life_s=grant.expires_in_s)
                credentials = self._read(connection)
        # After the transaction, so that what it reported is committed, and nobody waits for the lock.
        if refused is None:
            self._note_level(credentials.access_token)
            return credentials
        log.warning("refresh refused", connector_id=self._connector.id, reason=refused.reason)
        raise refused

    def _require_same_portal(self, grant: Grant) -> None:
        """Raise GrantRejected where a token opens another portal: its records are another client's."""
        hub_id = self._connector.hub_id
        if grant.hub_id not in {None, hub_id}:
            raise GrantRejected(
                f"HubSpot answers for portal {grant.hub_id}, and the approval was given for portal {hub_id}.",
                reason="OTHER_PORTAL",
                hint=AuthorizationRevoked.hint,
            )

    def _note_level(self, access_token: SecretStr) -> None:
        user_level = asyncio.run(is_user_level(hubspot_app(self._settings), access_token))
        with self._database.mind(self._connector.mind_id) as connection:
            note_level(connection, self._connector, user_level=user_level, hub_id=self._connector.hub_id)

    def _read(self, connection: Connection, *, lock: bool = False) -> Credentials:
        credentials = read_credentials(connection, self._settings, self._connector, lock=lock)
        if credentials is None:
            raise NotConnected(f"Connector {self._connector.id} holds no authorization: it was disconnected.")
        return credentials

    def _raise_known_rejection(self, connection: Connection) -> None:
        """Raise what HubSpot said a short while ago about this authorization, instead of asking it again."""
        message = connection.scalar(
            _KNOWN_REJECTION,
            {"connector": self._connector.id, "code": AuthorizationRevoked.code, "kept_s": REJECTION_KEPT_S},
        )
        if message is not None:
            raise AuthorizationRevoked(message)


_KNOWN_REJECTION = text(
    """SELECT message FROM connector_problems JOIN connector_credentials USING (connector_id)
        WHERE connector_id = :connector AND kind = 'auth' AND code = :code AND last_seen > updated_at
          AND last_seen > clock_timestamp() - make_interval(secs => :kept_s)"""
)


def _usable(credentials: Credentials, rejected: SecretStr | None) -> bool:
    return credentials.fresh_s > 0 and credentials.access_token != rejected

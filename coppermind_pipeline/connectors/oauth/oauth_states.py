"""OAuth states: the one-time value that an authorization link carries, and that tells whose approval came back.

Who comes back names no mind, so a state is found by `find_oauth_state`, a function of the database that runs as the
schema's owner and tells nothing but whose it is: `store/migrations/versions/0047_the_store/connectors.sql`.
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import Connection, text

from coppermind_pipeline.connectors.connector import Connector, Lifecycle
from coppermind_pipeline.connectors.errors import (
    OAuthStateExpired,
    OAuthStateUnknown,
    OAuthStateUsed,
    OAuthStateWithdrawn,
)
from coppermind_pipeline.connectors.oauth.keys import KeyRing
from coppermind_pipeline.hubspot import authorize_url
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database

# An admin may approve later, in another browser.
STATE_LIFETIME_H = 24
STATE_BYTES = 32


@dataclass(frozen=True, slots=True)
class FreshState:
    """A state that nobody has come back with.

    Attributes:
        auth_url: the address that carries it, where a person approves.
        expires_at: by the database's clock; it is worth nothing from then on.
    """

    auth_url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AnsweredState:
    """Whose state an approval brought back.

    Attributes:
        connector_id: the connector that it was made for.
        mind_id: that connector's mind.
    """

    connector_id: str
    mind_id: UUID


def make_oauth_state(connection: Connection, settings: Settings, connector: Connector) -> FreshState:
    """Return a fresh state for a connector; earlier ones work until they expire or one of them connects it.

    It is stored as a digest, and names the key that its code verifier is derived from.
    """
    state = f"{secrets.token_urlsafe(STATE_BYTES)}.{KeyRing.load(settings).keys[0].id}"
    expires_at = connection.execute(
        _ADD_STATE,
        {
            "hash": _digest(state),
            "connector": connector.id,
            "mind": connector.mind_id,
            "customer": connector.customer_id,
            "hours": STATE_LIFETIME_H,
        },
    ).scalar_one()
    url = authorize_url(
        settings.hubspot_authorize_url,
        client_id=settings.hubspot_client_id,
        redirect_uri=settings.redirect_uri,
        state=state,
        code_verifier=code_verifier(settings, state),
    )
    return FreshState(url, expires_at)


_ADD_STATE = text(
    """WITH outdated AS (
           DELETE FROM oauth_states WHERE connector_id = :connector AND expires_at < clock_timestamp())
       INSERT INTO oauth_states (state_hash, connector_id, mind_id, customer_id, created_at, expires_at)
       VALUES (:hash, :connector, :mind, :customer, clock_timestamp(),
               clock_timestamp() + make_interval(hours => :hours))
       RETURNING expires_at"""
)


def code_verifier(settings: Settings, state: str) -> SecretStr | None:
    """Return what proves to HubSpot that the exchange is of this installation's own attempt (PKCE), and stored nowhere.

    None if the state was made before states had one.

    Raises:
        KeyMissing: the key that it is derived from is not at hand any more.
    """
    _, _, key_id = state.partition(".")
    if not key_id:
        return None
    derived = KeyRing.load(settings).derive(f"coppermind pkce {state}", key_id=key_id)
    return SecretStr(base64.urlsafe_b64encode(derived).rstrip(b"=").decode())


def use_oauth_state(database: Database, state: str) -> AnsweredState:
    """Return whose state it is, which from now on is worth nothing.

    Raises:
        OAuthStateUnknown: this installation did not make it.
        OAuthStateUsed, OAuthStateExpired: it is worth nothing any more.
        OAuthStateWithdrawn: unused, but the connector is connected, replaced or disconnected meanwhile.
    """
    values = {"hash": _digest(state)}
    with database.nobody() as connection:
        found = connection.execute(
            text("SELECT connector_id, mind_id FROM find_oauth_state(:hash)"), values
        ).one_or_none()
    if found is None:
        raise OAuthStateUnknown
    with database.mind(found.mind_id) as connection:
        used = connection.execute(_USE_STATE, values).rowcount
        if not used:
            _raise_reason(connection, values)
    return AnsweredState(found.connector_id, found.mind_id)


_USE_STATE = text(
    """UPDATE oauth_states AS state SET used_at = clock_timestamp()
         FROM connectors AS connector
        WHERE state_hash = :hash AND used_at IS NULL AND expires_at > clock_timestamp()
          AND connector.id = state.connector_id AND connector.status = 'pending_setup'"""
)


def _raise_reason(connection: Connection, values: dict[str, bytes]) -> None:
    row = connection.execute(_WHY_NOT, values).one_or_none()
    if row is None:
        raise OAuthStateExpired
    if row.used:
        said = f" The last approval did not lead to a connection: {row.failure}" if row.failure else ""
        raise OAuthStateUsed(f"{OAuthStateUsed.__doc__}{said}")
    if row.status == Lifecycle.INACTIVE:
        raise OAuthStateWithdrawn
    if row.status == Lifecycle.ACTIVE:
        raise OAuthStateWithdrawn(
            "The portal was connected by another link meanwhile; this one was not used, nor is needed."
        )
    raise OAuthStateExpired if row.expired else OAuthStateWithdrawn


_WHY_NOT = text(
    """SELECT used_at IS NOT NULL AS used, expires_at <= clock_timestamp() AS expired, status,
              setup_error ->> 'message' AS failure
         FROM oauth_states JOIN connectors ON connectors.id = connector_id WHERE state_hash = :hash"""
)


def _digest(state: str) -> bytes:
    return hashlib.sha256(state.encode()).digest()

"""Authorization links: the address that a person opens to approve, and the one-time state that it carries."""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import Connection, text

from coppermind_pipeline.connectors.connector import Connector, Lifecycle
from coppermind_pipeline.connectors.errors import LinkExpired, LinkUnknown, LinkUsed, LinkWithdrawn
from coppermind_pipeline.connectors.oauth.keys import KeyRing
from coppermind_pipeline.hubspot import authorize_url
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database

# An admin may approve later, in another browser.
LINK_LIFETIME_H = 24
STATE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Link:
    """Where to approve, and until when."""

    auth_url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AnsweredLink:
    """Whose link an approval came back for."""

    connector_id: str
    mind_id: UUID


def make_link(connection: Connection, settings: Settings, connector: Connector) -> Link:
    """Return a fresh link for a connector; earlier ones work until they expire or one of them connects it.

    Its state is stored as a digest, and names the key that the link's code verifier is derived from.
    """
    state = f"{secrets.token_urlsafe(STATE_BYTES)}.{KeyRing.load(settings).keys[0].id}"
    expires_at = connection.execute(
        text(
            """WITH outdated AS (
                   DELETE FROM oauth_states WHERE connector_id = :connector AND expires_at < clock_timestamp())
               INSERT INTO oauth_states (state_hash, connector_id, mind_id, customer_id, created_at, expires_at)
               VALUES (:hash, :connector, :mind, :customer, clock_timestamp(),
                       clock_timestamp() + make_interval(hours => :hours))
               RETURNING expires_at"""
        ),
        {
            "hash": _digest(state),
            "connector": connector.id,
            "mind": connector.mind_id,
            "customer": connector.customer_id,
            "hours": LINK_LIFETIME_H,
        },
    ).scalar_one()
    url = authorize_url(
        settings.hubspot_authorize_url,
        client_id=settings.hubspot_client_id,
        redirect_uri=settings.redirect_uri,
        state=state,
        code_verifier=code_verifier(settings, state),
    )
    return Link(url, expires_at)


def code_verifier(settings: Settings, state: str) -> SecretStr | None:
    """Return what proves to HubSpot that the exchange is of this installation's own attempt (PKCE), and stored nowhere.

    None where the link was made before links had one.

    Raises:
        KeyMissing: the key that it is derived from is not at hand any more.
    """
    _, _, key_id = state.partition(".")
    if not key_id:
        return None
    derived = KeyRing.load(settings).derive(f"coppermind pkce {state}", key_id=key_id)
    return SecretStr(base64.urlsafe_b64encode(derived).rstrip(b"=").decode())


def use_link(database: Database, state: str) -> AnsweredLink:
    """Return whose link carried the state, which from now on is worth nothing.

    Raises:
        LinkUnknown: no link of this installation carried it.
        LinkUsed, LinkExpired: it is worth nothing any more.
        LinkWithdrawn: unused, but the connector is connected, replaced or disconnected meanwhile.
    """
    values = {"hash": _digest(state)}
    with database.nobody() as connection:
        found = connection.execute(
            text("SELECT connector_id, mind_id FROM find_oauth_state(:hash)"), values
        ).one_or_none()
    if found is None:
        raise LinkUnknown
    with database.mind(found.mind_id) as connection:
        used = connection.execute(
            text(
                """UPDATE oauth_states AS state SET used_at = clock_timestamp()
                     FROM connectors AS connector
                    WHERE state_hash = :hash AND used_at IS NULL AND expires_at > clock_timestamp()
                      AND connector.id = state.connector_id AND connector.status = 'pending_setup'"""
            ),
            values,
        ).rowcount
        if not used:
            _raise_reason(connection, values)
    return AnsweredLink(found.connector_id, found.mind_id)


def _raise_reason(connection: Connection, values: dict[str, bytes]) -> None:
    row = connection.execute(
        text(
            """SELECT used_at IS NOT NULL AS used, expires_at <= clock_timestamp() AS expired, status,
                      setup_error ->> 'message' AS failure
                 FROM oauth_states JOIN connectors ON connectors.id = connector_id WHERE state_hash = :hash"""
        ),
        values,
    ).one_or_none()
    if row is None:
        raise LinkExpired
    if row.status == Lifecycle.INACTIVE:
        raise LinkWithdrawn
    if row.used:
        said = f" The last approval did not lead to a connection: {row.failure}" if row.failure else ""
        raise LinkUsed(f"{LinkUsed.__doc__}{said}")
    if row.status == Lifecycle.ACTIVE:
        raise LinkWithdrawn("The portal was connected by another link meanwhile; this one was not used, nor is needed.")
    raise LinkExpired if row.expired else LinkWithdrawn


def _digest(state: str) -> bytes:
    return hashlib.sha256(state.encode()).digest()

"""The stored authorization of a connector: encrypted at rest, bound to its connector, decrypted only in this room."""

from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from pydantic import SecretStr
from sqlalchemy import Connection, text

from coppermind_pipeline.connectors.connector import Connector
from coppermind_pipeline.connectors.errors import KeyMissing
from coppermind_pipeline.connectors.oauth.keys import KeyRing, add_key
from coppermind_pipeline.hubspot import Grant
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database

ROTATION_ROWS = 100
# A token is replaced when this share of its life is left, at the earliest this long before its end.
REFRESH_SHARE_LEFT = 0.25
REFRESH_AHEAD_S = 300


@dataclass(frozen=True, slots=True)
class Credentials:
    """A connector's tokens.

    Attributes:
        access_token: for calls; HubSpot says how long it lives, half an hour as a rule.
        refresh_token: for new access tokens, until somebody takes the authorization back.
        fresh_s: seconds, by the database's clock, until the access token should be replaced; negative: overdue.
    """

    access_token: SecretStr
    refresh_token: SecretStr
    fresh_s: float


@dataclass(frozen=True, slots=True)
class KeyUse:
    """An encryption key, and how many connectors' credentials are encrypted with it.

    Attributes:
        id: the beginning of the key's digest.
        newest: it encrypts what is stored from now on.
        available: it is at hand; False if credentials name a key that is not.
        credentials: connectors whose credentials are encrypted with it.
    """

    id: str
    newest: bool
    available: bool
    credentials: int


def store_grant(connection: Connection, settings: Settings, connector: Connector, grant: Grant) -> None:
    """Store what HubSpot issued, in place of what was stored before; expiry is counted by the database's clock.

    Where the grant brings no refresh token or no scopes, those that are stored stay.
    """
    ring = KeyRing.load(settings)
    key_id, access_token = ring.encrypt(grant.access_token.get_secret_value().encode(), connector_id=connector.id)
    values = connector.scope.values(
        key=key_id, access=access_token, life_s=grant.expires_in_s, scopes=sorted(grant.scopes)
    )
    refresh_token = grant.refresh_token or _required(connection, settings, connector).refresh_token
    values["refresh"] = ring.encrypt(refresh_token.get_secret_value().encode(), connector_id=connector.id)[1]
    connection.execute(_STORE_GRANT, values)


_STORE_GRANT = text(
    """INSERT INTO connector_credentials AS stored
              (connector_id, mind_id, key_id, access_token, refresh_token, expires_at, scopes, updated_at)
       VALUES (:connector, :mind, :key, :access, :refresh,
               clock_timestamp() + make_interval(secs => :life_s), :scopes, clock_timestamp())
       ON CONFLICT (connector_id) DO UPDATE
          SET key_id = excluded.key_id, access_token = excluded.access_token,
              refresh_token = excluded.refresh_token, expires_at = excluded.expires_at,
              scopes = CASE WHEN excluded.scopes = '{}' THEN stored.scopes ELSE excluded.scopes END,
              updated_at = excluded.updated_at"""
)


def read_credentials(
    connection: Connection, settings: Settings, connector: Connector, *, lock: bool = False
) -> Credentials | None:
    """Return the connector's tokens; None where it has none. With `lock`, nobody else reads them so or writes them.

    Raises:
        KeyMissing: they can't be decrypted with the keys at hand.
    """
    row = connection.execute(_READ_AND_LOCK if lock else _READ, {"connector": connector.id}).one_or_none()
    if row is None:
        return None
    ring = KeyRing.load(settings)
    return Credentials(
        access_token=_decrypted(ring, row.access_token, connector.id, row.key_id),
        refresh_token=_decrypted(ring, row.refresh_token, connector.id, row.key_id),
        fresh_s=row.valid_s - min(REFRESH_AHEAD_S, row.life_s * REFRESH_SHARE_LEFT),
    )


_OF_CONNECTOR = """
SELECT key_id, access_token, refresh_token,
       extract(epoch FROM expires_at - clock_timestamp())::float AS valid_s,
       extract(epoch FROM expires_at - updated_at)::float AS life_s
  FROM connector_credentials WHERE connector_id = :connector
"""
_READ = text(_OF_CONNECTOR)
_READ_AND_LOCK = text(f"{_OF_CONNECTOR} FOR UPDATE")


def erase_credentials(connection: Connection, connector_id: str) -> bool:
    """Remove the connector's tokens; return whether it had any."""
    return bool(
        connection.execute(
            text("DELETE FROM connector_credentials WHERE connector_id = :id"), {"id": connector_id}
        ).rowcount
    )


def list_keys(database: Database, settings: Settings) -> list[KeyUse]:
    """Return the encryption keys, newest first, then those that credentials name but that are not at hand."""
    ring = KeyRing.load(settings)
    with database.owner() as connection:
        rows = connection.execute(
            text("SELECT key_id, count(*) AS credentials FROM connector_credentials GROUP BY key_id")
        )
        used: dict[str, int] = {row.key_id: row.credentials for row in rows}
    known = [key.id for key in ring.keys]
    missing = sorted(used.keys() - set(known))
    return [
        KeyUse(id=key_id, newest=key_id == known[0], available=key_id in known, credentials=used.get(key_id, 0))
        for key_id in [*known, *missing]
    ]


def rotate_keys(database: Database, settings: Settings) -> int:
    """Make a new key, re-encrypt all credentials with it, and return how many; syncs go on meanwhile.

    Where the keys come from COPPERMIND_ENCRYPTION_KEYS, the operator has put the new one first there, and everything is
    re-encrypted with that. Older keys stay readable: a process that loaded them a moment ago may still write with one.

    Raises:
        KeyMissing: some credentials were encrypted with a key that is not at hand; nothing of theirs is changed.
    """
    add_key(settings)
    ring = KeyRing.load(settings)
    rotated = 0
    while rows := _rotate_batch(database, ring):
        rotated += rows
    return rotated


def _rotate_batch(database: Database, ring: KeyRing) -> int:
    newest = ring.keys[0].id
    with database.owner() as connection:
        rows = connection.execute(_ROTATE_ROWS, {"newest": newest, "rows": ROTATION_ROWS}).all()
        # `updated_at` stays: it says when HubSpot issued the token.
        for row in rows:
            connection.execute(
                _ROTATE_ROW,
                {"id": row.connector_id, "key": newest}
                | {
                    name: ring.encrypt(
                        ring.decrypt(sealed, connector_id=row.connector_id, key_id=row.key_id),
                        connector_id=row.connector_id,
                    )[1]
                    for name, sealed in (("access", row.access_token), ("refresh", row.refresh_token))
                },
            )
    return len(rows)


_ROTATE_ROWS = text(
    """SELECT connector_id, key_id, access_token, refresh_token FROM connector_credentials
        WHERE key_id <> :newest ORDER BY connector_id LIMIT :rows FOR UPDATE"""
)
_ROTATE_ROW = text(
    """UPDATE connector_credentials
          SET key_id = :key, access_token = :access, refresh_token = :refresh
        WHERE connector_id = :id"""
)


def _decrypted(ring: KeyRing, sealed: bytes, connector_id: str, key_id: str) -> SecretStr:
    try:
        return SecretStr(ring.decrypt(sealed, connector_id=connector_id, key_id=key_id).decode())
    except InvalidTag:
        raise KeyMissing(
            f"The credentials of {connector_id} do not decrypt: they were altered, or belong to another connector.",
            hint="Connect again.",
        ) from None


def _required(connection: Connection, settings: Settings, connector: Connector) -> Credentials:
    stored: Any = read_credentials(connection, settings, connector)
    if stored is None:
        msg = "a first grant without a refresh token"
        raise ValueError(msg)
    return stored

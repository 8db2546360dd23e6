"""Access tokens: how an assistant that calls over HTTP shows in whose name it does.

A token is shown once and stored as a digest. Its first characters are stored as they are, for people to name it by.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr
from sqlalchemy import text

from coppermind_pipeline.accounts.customers import LOCAL_CUSTOMER, Caller, local_caller
from coppermind_pipeline.accounts.errors import TokenNotFound
from coppermind_pipeline.errors import UsageError
from coppermind_pipeline.store import Database
from coppermind_pipeline.wording import single_spaced

UNNAMED = "unnamed"

# Recognizable, for people and for scanners that look for leaked secrets.
_MARK = "coppermind_"
_RANDOM_BYTES = 32
_PREFIX_CHARACTERS = len(_MARK) + 8


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """What may be said of a token.

    Attributes:
        prefix: its first characters, which name it.
        last_used_at: to the minute.
    """

    prefix: str
    name: str
    customer: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token that was just made: the only moment at which it is known."""

    token: SecretStr
    listed: AccessToken


def create_token(database: Database, *, customer: str = LOCAL_CUSTOMER, name: str = UNNAMED) -> NewToken:
    """Create a token that acts in a customer's name; it has an active mind of its own.

    Raises:
        CustomerNotFound: there is no such customer.
        UsageError: the name is empty.
    """
    name = single_spaced(name)
    if not name:
        raise UsageError("A token's name can't be empty.", hint="Name it for the assistant that will use it.")
    token = _MARK + secrets.token_urlsafe(_RANDOM_BYTES)
    caller = local_caller(database, customer)
    with database.customer(caller.customer_id) as connection:
        row = connection.execute(
            _CREATE,
            {"customer": caller.customer_id, "name": name, "prefix": _prefix(token), "hash": _digest(token)},
        ).one()
    return NewToken(token=SecretStr(token), listed=AccessToken(**row._mapping))


def list_tokens(database: Database) -> list[AccessToken]:
    """Return all customers' tokens, the newest first, revoked ones too: an operator's view."""
    with database.owner() as connection:
        rows = connection.execute(_LIST)
        return [AccessToken(**row._mapping) for row in rows]


def revoke_token(database: Database, prefix: str) -> AccessToken:
    """Make a token worthless, from its next call on; a whole token will do for its prefix. Revoking again is no error.

    Raises:
        TokenNotFound: no token begins so.
    """
    with database.owner() as connection:
        row = connection.execute(_REVOKE, {"prefix": _prefix(prefix.strip())}).one_or_none()
    if row is None:
        raise TokenNotFound(f"There is no token that begins with {_prefix(prefix.strip())!r}.")
    return AccessToken(**row._mapping)


def token_caller(database: Database, token: SecretStr) -> Caller | None:
    """Return on whose behalf a call with this token is made; None where it is no token, or revoked. Notes the use."""
    with database.nobody() as connection:
        row = connection.execute(
            text("SELECT customer_id, token_id FROM use_access_token(:hash)"),
            {"hash": _digest(token.get_secret_value())},
        ).one_or_none()
    return None if row is None else Caller(row.customer_id, row.token_id)


def _prefix(token: str) -> str:
    return token[:_PREFIX_CHARACTERS]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


_LISTED = "token.prefix, token.name, customer.name AS customer, token.created_at, token.last_used_at, token.revoked_at"
_CREATE = text(
    f"""WITH token AS (INSERT INTO access_tokens (customer_id, name, prefix, token_hash)
                       VALUES (:customer, :name, :prefix, :hash) RETURNING *)
        SELECT {_LISTED} FROM token JOIN customers AS customer ON customer.id = token.customer_id"""  # noqa: S608
)
_LIST = text(
    f"""SELECT {_LISTED} FROM access_tokens AS token JOIN customers AS customer ON customer.id = token.customer_id
         ORDER BY token.created_at DESC"""  # noqa: S608
)
_REVOKE = text(
    f"""WITH token AS (UPDATE access_tokens SET revoked_at = coalesce(revoked_at, clock_timestamp())
                        WHERE prefix = :prefix RETURNING *)
        SELECT {_LISTED} FROM token JOIN customers AS customer ON customer.id = token.customer_id"""  # noqa: S608
)

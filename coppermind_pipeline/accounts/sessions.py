"""Sessions of browsers, and the links that begin one: once, within a day.

Both are secrets that are told once and stored as digests, in the database: so all that serves pages, on whatever
machine, knows them, and neither the database nor a backup lets anybody in. Times are of the database's clock.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import text

from coppermind_pipeline.accounts.customers import LOCAL_CUSTOMER, local_caller
from coppermind_pipeline.store import Database

LINK_LIFETIME = timedelta(hours=24)
SESSION_LIFETIME = timedelta(days=14)

_RANDOM_BYTES = 32


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in.

    Attributes:
        customer: the name of the customer that it acts for.
    """

    secret: SecretStr
    customer_id: UUID
    customer: str


def make_sign_in_token(database: Database, *, customer: str = LOCAL_CUSTOMER) -> SecretStr:
    """Return what signs one browser in as a customer, if it is used within a day; forget those that were not.

    Raises:
        CustomerNotFound: there is no such customer.
    """
    token = secrets.token_urlsafe(_RANDOM_BYTES)
    customer_id = local_caller(database, customer).customer_id
    with database.customer(customer_id) as connection:
        connection.execute(_MAKE_LINK, {"hash": _digest(token), "customer": customer_id, "lifetime": LINK_LIFETIME})
    return SecretStr(token)


_MAKE_LINK = text(
    """WITH outdated AS (DELETE FROM sign_in_links WHERE expires_at <= clock_timestamp())
       INSERT INTO sign_in_links (token_hash, customer_id, expires_at)
       VALUES (:hash, :customer, clock_timestamp() + CAST(:lifetime AS interval))"""
)


def sign_in_token_works(database: Database, token: SecretStr) -> bool:
    """Say whether a token would sign a browser in; that uses nothing up."""
    with database.nobody() as connection:
        values = {"hash": _digest(token.get_secret_value())}
        return bool(connection.scalar(text("SELECT sign_in_link_works(:hash)"), values))


def begin_session(database: Database, token: SecretStr) -> SecretStr | None:
    """Use a sign-in token up and return the secret of the session that it begins.

    None where it was used before, by whatever process, has expired or never was.
    """
    secret = secrets.token_urlsafe(_RANDOM_BYTES)
    values = {
        "link": _digest(token.get_secret_value()),
        "session": _digest(secret),
        "lifetime": SESSION_LIFETIME,
    }
    with database.nobody() as connection:
        begun = connection.scalar(_BEGIN_SESSION, values)
    return SecretStr(secret) if begun else None


_BEGIN_SESSION = text("SELECT begin_web_session(:link, :session, CAST(:lifetime AS interval))")


def find_session(database: Database, secret: SecretStr) -> Session | None:
    """Return the session of that secret; None where it has ended or never was."""
    with database.nobody() as connection:
        row = connection.execute(
            text("SELECT customer_id, customer FROM find_web_session(:hash)"),
            {"hash": _digest(secret.get_secret_value())},
        ).one_or_none()
    return None if row is None else Session(secret, row.customer_id, row.customer)


def end_session(database: Database, session: Session) -> None:
    """End a session; its secret is worth nothing from the next request on, wherever that is answered."""
    with database.customer(session.customer_id) as connection:
        connection.execute(
            text("DELETE FROM web_sessions WHERE secret_hash = :hash"),
            {"hash": _digest(session.secret.get_secret_value())},
        )


def end_all_sessions(database: Database, *, customer: str = LOCAL_CUSTOMER) -> int:
    """End all sessions of a customer, and its links that have not been used; return how many sessions there were.

    Raises:
        CustomerNotFound: there is no such customer.
    """
    with database.customer(local_caller(database, customer).customer_id) as connection:
        connection.execute(text("DELETE FROM sign_in_links"))
        return connection.execute(text("DELETE FROM web_sessions")).rowcount


def _digest(secret: str) -> bytes:
    # Whatever an address or a cookie may hold.
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()

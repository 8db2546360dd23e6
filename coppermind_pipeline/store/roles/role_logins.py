"""The logins that the product works with: one per role, each a member of that role alone, Dagster's storage included.

So no connection of the product can become anything that its role is not, whatever statement reaches it. A login's name
holds what tells the installation's key from any other: installations that share a server have logins of their own,
machines that share the key have them in common, and whoever lost the key gets new ones.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from coppermind_pipeline.errors import NeedsPerson
from coppermind_pipeline.store.locks import UPGRADE_LOCK
from coppermind_pipeline.store.roles.passwords import LoginKey, key_fingerprint, let_in, password_of

DAGSTER_ROLE = "coppermind_dagster"  # owns Dagster's schema, and sees nothing of ours
WORKING_ROLES = ("coppermind_owner", "coppermind_app", "coppermind_scheduler", "coppermind_reader", DAGSTER_ROLE)

_CLOSE_ALL = rf"""
DO $$
DECLARE login name;
BEGIN
    FOR login IN SELECT rolname FROM pg_roles WHERE rolname ~ '^({"|".join(WORKING_ROLES)})_[0-9a-f]{{12}}$' LOOP
        EXECUTE format('ALTER ROLE %I NOLOGIN PASSWORD NULL', login);
    END LOOP;
END $$
"""  # noqa: S608 - made of constants


class LoginRefused(NeedsPerson):
    """The user of COPPERMIND_DATABASE_URL may not make the logins that the product works with."""

    code = "login_refused"

    def __init__(self, user: str | None) -> None:
        name = user or "that user"
        super().__init__(
            hint=f"As an administrator of the server: ALTER ROLE {name} CREATEROLE; "
            f"GRANT {', '.join(WORKING_ROLES)}, coppermind_mind_reader TO {name} WITH ADMIN OPTION; "
            "(the second names those of the roles that are there already)."
        )


class LoginMissing(NeedsPerson):
    """The logins that the product works with are not made, and COPPERMIND_DATABASE_URL names nobody who could."""

    code = "login_missing"
    hint = (
        "Prepare the database once (`coppermind db upgrade`), with a COPPERMIND_DATABASE_URL that names a user who may "
        "create roles, and with the same COPPERMIND_DATABASE_LOGINS_KEY."
    )


class LoginKeptOut(NeedsPerson):
    """The server lets the configured user in, and not the product's own logins."""

    code = "login_kept_out"

    def __init__(self, login: str, reason: str) -> None:
        super().__init__(
            f"The server lets the user of COPPERMIND_DATABASE_URL in, and not the login {login}: {reason}",
            hint="Its pg_hba.conf must let the product's logins in from here with a password, such as by a line "
            f"`host all {','.join(f'+{role}' for role in WORKING_ROLES)} ADDRESS scram-sha-256` "
            "before those that ask for something else.",
        )


def login_of(key: LoginKey, role: str) -> str:
    """Return the name of the login that whoever has the key works with as `role`."""
    return f"{role}_{key_fingerprint(key)}"


def make_login(connection: Connection, key: LoginKey, role: str) -> None:
    """Make the login of a role, or make it anew what it was; safe to call from several processes at once.

    Raises:
        LoginRefused: the connection's user may not.
    """
    login = login_of(key, role)
    with naming_who_may_not(connection):
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
        if not connection.scalar(text("SELECT true FROM pg_roles WHERE rolname = :login"), {"login": login}):
            connection.execute(text(f"CREATE ROLE {login} IN ROLE {role}"))
        let_in(connection.connection.driver_connection, login, password_of(key, login))  # pyright: ignore[reportArgumentType]


def close_logins(connection: psycopg.Connection) -> None:
    """Let nobody in as one of these logins any more, until it is made anew; for a server that one installation has."""
    connection.execute(_CLOSE_ALL.encode())


@contextmanager
def naming_who_may_not(connection: Connection) -> Iterator[None]:
    """Say of a refusal to make roles or logins who may not, and what an administrator would do."""
    try:
        yield
    except ProgrammingError as error:
        if isinstance(error.orig, InsufficientPrivilege):
            raise LoginRefused(connection.engine.url.username) from error
        raise
    except InsufficientPrivilege as error:  # from the driver's own connection
        raise LoginRefused(connection.engine.url.username) from error

"""Logins for tools of a person's choice, such as psql or BI: each reads, and what it reads is in its role's name."""

from pathlib import Path
from uuid import UUID

from psycopg.errors import InsufficientPrivilege
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from coppermind_pipeline.errors import NeedsPerson
from coppermind_pipeline.store.database import Database
from coppermind_pipeline.store.locks import UPGRADE_LOCK
from coppermind_pipeline.store.passwords import let_in, password_of

READER = "coppermind_reader"
_MIND_READER = "coppermind_mind_reader"


class LoginRefused(NeedsPerson):
    """The database's user may not make login roles."""

    code = "login_refused"
    hint = "Let the user of COPPERMIND_DATABASE_URL create roles: ALTER ROLE … CREATEROLE, as an administrator."


def login_url(database: Database, home: Path, *, mind_id: UUID | None = None) -> str:
    """Return a libpq URL, password included, that reads across minds, or one mind; it is the same each time.

    Its holder can neither write nor become another role. The password is set anew, so that an address stops working
    where another installation, with a key file of its own, hands one out for the same role of the same server.

    Args:
        database: the installation's database.
        home: the installation's directory, with the key file that passwords are derived from.
        mind_id: the only mind to be seen.

    Raises:
        LoginRefused: the configured user may not make login roles.
    """
    role = READER if mind_id is None else f"coppermind_mind_{mind_id.hex}"
    password = password_of(home, role)
    try:
        with database.administrator() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
            if mind_id is not None:
                if not connection.scalar(text("SELECT true FROM pg_roles WHERE rolname = :role"), {"role": role}):
                    connection.execute(text(f"CREATE ROLE {role} IN ROLE {_MIND_READER}"))
                connection.execute(text(f"ALTER ROLE {role} SET search_path = coppermind"))
            let_in(connection.connection.driver_connection, role, password)  # pyright: ignore[reportArgumentType]
    except ProgrammingError as error:
        if isinstance(error.orig, InsufficientPrivilege):
            raise LoginRefused from error
        raise
    except InsufficientPrivilege as error:
        raise LoginRefused from error
    url = database.address.set(drivername="postgresql", username=role, password=password)
    return url.render_as_string(hide_password=False)

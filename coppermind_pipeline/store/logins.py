"""Logins for tools of a person's choice, such as psql or BI: each reads, and what it reads is in its role's name."""

from uuid import UUID

from sqlalchemy import Connection, text

from coppermind_pipeline.errors import NeedsPerson
from coppermind_pipeline.store.database import Database
from coppermind_pipeline.store.locks import UPGRADE_LOCK
from coppermind_pipeline.store.roles.passwords import LoginKey, let_in, password_of
from coppermind_pipeline.store.roles.public_doors import close_public_doors
from coppermind_pipeline.store.roles.role_logins import naming_who_may_not

READER = "coppermind_reader"
_MIND_READER = "coppermind_mind_reader"

_CONNECTIONS = 5
# Its holder may set these for a session, or for good: PostgreSQL lets everybody. They stop what was left running.
_SETTINGS = {
    "search_path": "coppermind",
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",
}
_TEMPORARY_FILES = "1GB"  # of sorts and the like, which share a disk with all that is stored; not theirs to change


class PublicDoorsOpen(NeedsPerson):
    """The server lets everybody who logs in disturb others, and the database's user may not change that."""

    code = "public_doors_open"

    def __init__(self, doors: list[str]) -> None:
        super().__init__(
            "A login of one mind could disturb all others here: this server lets everybody take advisory locks, make "
            "temporary tables or large objects, and the user of COPPERMIND_DATABASE_URL may not change that.",
            hint="As an administrator of the server: " + " ".join(f"REVOKE {door} FROM PUBLIC;" for door in doors),
        )


def login_url(database: Database, key: LoginKey, *, mind_id: UUID | None = None) -> str:
    """Return a libpq URL, password included, that reads across minds, or one mind; it is the same each time.

    Its holder can neither write nor become another role. The password is set anew, so that an address stops working
    where another installation, with a key of its own, hands one out for the same role of the same server.

    Args:
        database: the installation's database.
        key: what passwords are derived from, mostly the database's `login_key`.
        mind_id: the only mind to be seen.

    Raises:
        LoginRefused: the configured user may not make login roles.
        PublicDoorsOpen: of one mind's: the server lets it disturb others.
    """
    role = READER if mind_id is None else f"coppermind_mind_{mind_id.hex}"
    password = password_of(key, role)
    with database.administrator() as connection, naming_who_may_not(connection):
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
        if mind_id is not None:
            if doors := close_public_doors(connection):
                raise PublicDoorsOpen(doors)
            _make_mind_reader(connection, role)
        let_in(connection.connection.driver_connection, role, password)  # pyright: ignore[reportArgumentType]
    url = database.address.set(drivername="postgresql", username=role, password=password)
    return url.render_as_string(hide_password=False)


def _make_mind_reader(connection: Connection, role: str) -> None:
    """Make the role of one mind, or make it anew what it was: some of it is its holder's to change."""
    if not connection.scalar(text("SELECT true FROM pg_roles WHERE rolname = :role"), {"role": role}):
        connection.execute(text(f"CREATE ROLE {role} IN ROLE {_MIND_READER}"))
    connection.execute(text(f"ALTER ROLE {role} CONNECTION LIMIT {_CONNECTIONS}"))
    connection.execute(text(f"ALTER ROLE {role} RESET ALL"))
    for name, value in _SETTINGS.items():
        connection.execute(text(f"ALTER ROLE {role} SET {name} = '{value}'"))
    if connection.scalar(text("SELECT has_parameter_privilege(current_user, 'temp_file_limit', 'SET')")):
        connection.execute(text(f"ALTER ROLE {role} SET temp_file_limit = '{_TEMPORARY_FILES}'"))

"""Brings a database to the newest schema: roles, schemas, then Alembic's revisions."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text

from coppermind_pipeline.errors import NeedsPerson
from coppermind_pipeline.store.database import ROLES, Database
from coppermind_pipeline.store.locks import UPGRADE_LOCK
from coppermind_pipeline.store.roles.public_doors import close_public_doors
from coppermind_pipeline.store.roles.role_logins import DAGSTER_ROLE, WORKING_ROLES, naming_who_may_not

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

SCHEMAS = ("coppermind", "dagster")
SCHEMAS_AND_USAGE = f"""
CREATE SCHEMA IF NOT EXISTS coppermind AUTHORIZATION coppermind_owner;
CREATE SCHEMA IF NOT EXISTS dagster AUTHORIZATION {DAGSTER_ROLE};
GRANT USAGE ON SCHEMA coppermind TO {", ".join(ROLES)};
"""
# What upgrades begin from; numbers of revisions only grow.
OLDEST_REVISION = "0047"
# Earlier versions, and whoever restored with other programs, left it to the user of the configured address.
_DAGSTERS_OWN = f"""
ALTER SCHEMA dagster OWNER TO {DAGSTER_ROLE};
DO $$
DECLARE thing regclass;
BEGIN
    FOR thing IN SELECT oid FROM pg_class WHERE relnamespace = 'dagster'::regnamespace AND relkind = 'r' LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO {DAGSTER_ROLE}', thing);  -- and the sequences of its columns
    END LOOP;
END $$;
"""  # noqa: S608 - made of a constant


class NewerSchema(NeedsPerson):
    """The database is of a newer version of the product."""

    code = "newer_schema"
    hint = "Run that version, or restore a backup from before into a new COPPERMIND_HOME."


class OlderSchema(NeedsPerson):
    """The database is of a version of the product that is too old to be upgraded by this one."""

    code = "older_schema"
    hint = f"Start a version of the product whose schema is {OLDEST_REVISION} once, which upgrades it; then this one."


class NotUpgraded(NeedsPerson):
    """The database is of an older version of the product, and COPPERMIND_DATABASE_URL names nobody to upgrade it."""

    code = "not_upgraded"
    hint = (
        "Upgrade it once with this version (`coppermind db upgrade`), with a COPPERMIND_DATABASE_URL that names a user "
        "who may create roles, and start again."
    )


def upgrade(database: Database) -> None:
    """Create what is missing and run the outstanding revisions; on an up-to-date database it only looks.

    Safe to call from several processes at once: one upgrades, the others wait for it. Without an administrator it only
    looks, too.

    Raises:
        NewerSchema: a newer version of the product has upgraded it; nothing is changed.
        OlderSchema: it is older than what this version can upgrade; nothing is changed.
        NotUpgraded: it is to be upgraded, and the configured URL names nobody to do it.
    """
    from alembic import command

    if not database.has_administrator:
        _require_upgraded(database)
        return
    with database.administrator() as connection:
        revision = _revision(connection)
        if revision == _newest_revision() and _dagster_has_its_schema(connection):
            return
        _require_known(revision)
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
        create_roles(connection)
        for role in WORKING_ROLES:
            database.make_login(connection, role)
        close_public_doors(connection)  # where the server lets us; who hands out logins of minds insists on it
        connection.connection.cursor().execute(SCHEMAS_AND_USAGE + _DAGSTERS_OWN)
        connection.execute(text("SET LOCAL ROLE coppermind_owner"))
        connection.execute(text("SET LOCAL search_path = coppermind"))
        configuration = alembic_configuration()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "head")


def make_logins(database: Database) -> None:
    """Make the logins that processes without an administrator's address work with."""
    with database.administrator() as connection:
        for role in WORKING_ROLES:
            database.make_login(connection, role)


def _require_upgraded(database: Database) -> None:
    with database.owner() as connection:
        revision = _revision(connection)
    if revision != _newest_revision():
        _require_known(revision)
        raise NotUpgraded(f"The schema of the database is {revision}, and this version needs {_newest_revision()}.")


def _revision(connection: Connection) -> str | None:
    if connection.scalar(text("SELECT to_regclass('coppermind.alembic_version')")) is None:
        return None
    return connection.scalar(text("SELECT version_num FROM coppermind.alembic_version"))


def _require_known(revision: str | None) -> None:
    if revision is None or revision in known_revisions():
        return
    if revision < OLDEST_REVISION:
        raise OlderSchema(f"The database is of a version that is too old for this one (its schema is {revision}).")
    raise NewerSchema(f"The database is of a newer version of the product (its schema is {revision}).")


def _dagster_has_its_schema(connection: Connection) -> bool:
    owner = connection.scalar(text("SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'dagster'"))
    return owner == DAGSTER_ROLE


def _newest_revision() -> str | None:
    return _revisions().get_current_head()


def alembic_configuration() -> "Config":
    """Return Alembic's configuration, which names the revisions."""
    from alembic.config import Config

    configuration = Config()
    configuration.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return configuration


def known_revisions() -> set[str]:
    """Return the revisions that this version of the product can upgrade from."""
    return {script.revision for script in _revisions().walk_revisions()}


def _revisions() -> "ScriptDirectory":
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(alembic_configuration())


def create_roles(connection: Connection) -> None:
    """Create the product's roles in the server, where they are missing; databases hold none."""
    with naming_who_may_not(connection):
        for role in (*ROLES, DAGSTER_ROLE):
            connection.execute(text(_CREATE_ROLE.format(role=role)))
            connection.execute(text(f"GRANT {role} TO CURRENT_USER"))
            schema = "dagster" if role == DAGSTER_ROLE else "coppermind"
            connection.execute(text(f"ALTER ROLE {role} SET search_path = {schema}"))


# Roles belong to the whole server, so another database of it may have made them, even at this moment.
_CREATE_ROLE = """
DO $$ BEGIN
    CREATE ROLE {role} NOLOGIN NOBYPASSRLS;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""

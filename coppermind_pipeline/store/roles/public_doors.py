"""What PostgreSQL lets every session do by default, and this product its own roles alone.

Whoever held the login of one mind could stop another's sync by taking its lock, or fill the disk that all share.
"""

from sqlalchemy import Connection, text

# Locks are taken by whoever writes; large objects, and messages in the write-ahead log, are made by nobody. Giving a
# lock back harms no one: pools do so.
_FUNCTIONS = "^(pg_(try_)?advisory_(xact_)?lock(_shared)?|lo_creat|lo_create|lo_from_bytea|pg_logical_emit_message)$"
_WRITERS = "coppermind_owner, coppermind_app, coppermind_scheduler"


def close_public_doors(connection: Connection) -> list[str]:
    """Take advisory locks, temporary tables and what else writes from PUBLIC; return what the server leaves open.

    In the database of `connection`, for every role that there is or will be; where it is done already, only look.
    Only an administrator of the server may do it; for anybody else PostgreSQL changes nothing, with a warning.
    """
    for privilege, thing in _open_doors(connection):
        connection.execute(text(f"GRANT {privilege} ON {thing} TO {_WRITERS}, CURRENT_USER"))
        connection.execute(text(f"REVOKE {privilege} ON {thing} FROM PUBLIC"))
    return [f"{privilege} ON {thing}" for privilege, thing in _open_doors(connection)]


def _open_doors(connection: Connection) -> list[tuple[str, str]]:
    """Return each privilege that PUBLIC has and should not have, and on what, in SQL's words."""
    found = connection.execute(_OPEN_DOORS, {"functions": _FUNCTIONS})
    return [(privilege, thing) for privilege, thing in found]


_OPEN_DOORS = text(
    """SELECT 'EXECUTE', 'FUNCTION ' || oid::regprocedure FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace AND proname ~ :functions
          AND has_function_privilege('public', oid, 'EXECUTE')
       UNION ALL
       SELECT 'TEMPORARY', format('DATABASE %I', datname) FROM pg_database
        WHERE datname = current_database() AND has_database_privilege('public', oid, 'TEMPORARY')
       UNION ALL  -- the one database that holds nothing, and whose locks and temporary tables nobody needs
       SELECT 'CONNECT', 'DATABASE template1' FROM pg_database
        WHERE datname = 'template1' AND has_database_privilege('public', oid, 'CONNECT')"""
)

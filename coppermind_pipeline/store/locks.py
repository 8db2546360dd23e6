"""Every advisory lock of the product, by name."""

from collections.abc import Mapping

from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

UPGRADE_LOCK = 0x436F7070_00000001
_DAEMON_LOCK = 0x436F7070_00000002
_CONNECTOR_WRITES = 0x436F7071
_CONNECTOR_PUBLISHES = 0x436F7072
_CONNECTOR_LOCKS = 0x436F7070  # first half of a two-part key; the second is the connector's hash


def lock_connector(connection: Connection, connector_id: str, *, wait_s: float) -> bool:
    """Become the connector's one writer for as long as `connection`, which commits by itself, stays open.

    Return False where another process still is after `wait_s`.
    """
    return _lock(connection, _connector_key(), {"id": connector_id}, wait_s)


def unlock_connector(connection: Connection, connector_id: str) -> None:
    """Let the next writer in."""
    connection.execute(text(f"SELECT pg_advisory_unlock({_connector_key()})"), {"id": connector_id})


def _connector_key() -> str:
    return f"{_CONNECTOR_LOCKS}, hashtext(:id)"


def lock_daemon(connection: Connection, *, wait_s: float) -> bool:
    """Become the one Dagster daemon on this database for as long as `connection`, which commits by itself, stays open.

    Return False where another one still is after `wait_s`.
    """
    return _lock(connection, str(_DAEMON_LOCK), {}, wait_s)


def unlock_daemon(connection: Connection) -> None:
    """Let the next daemon in."""
    connection.execute(text(f"SELECT pg_advisory_unlock({_DAEMON_LOCK})"))


def _lock(connection: Connection, key: str, values: Mapping[str, str], wait_s: float) -> bool:
    if connection.scalar(text(f"SELECT pg_try_advisory_lock({key})"), values):
        return True
    if not wait_s:
        return False
    connection.execute(text("SELECT set_config('lock_timeout', :ms, false)"), {"ms": f"{wait_s * 1000:.0f}"})
    try:
        connection.execute(text(f"SELECT pg_advisory_lock({key})"), values)
    except OperationalError as error:
        if isinstance(error.orig, LockNotAvailable):
            return False
        raise
    finally:
        connection.execute(text("RESET lock_timeout"))
    return True


def lock_writing(connection: Connection, connector_id: str) -> None:
    """Wait until no transaction is writing the connector's raw log, and keep others from it until this one ends."""
    connection.execute(text(f"SELECT pg_advisory_xact_lock({_CONNECTOR_WRITES}, hashtext(:id))"), {"id": connector_id})


def share_publishing(connection: Connection, connector_id: str) -> None:
    """Publish memories of the connector until this transaction ends, beside others; wait for who has it alone."""
    connection.execute(
        text(f"SELECT pg_advisory_xact_lock_shared({_CONNECTOR_PUBLISHES}, hashtext(:id))"), {"id": connector_id}
    )


def lock_publishing(connection: Connection, connector_id: str) -> None:
    """Wait until no transaction is publishing memories of the connector, and keep others from it until this one ends.

    To be asked before anything is written: then neither of the two can wait for what the other has locked.
    """
    connection.execute(
        text(f"SELECT pg_advisory_xact_lock({_CONNECTOR_PUBLISHES}, hashtext(:id))"), {"id": connector_id}
    )

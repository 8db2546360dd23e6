"""How many memories and entries of the queue a connector has, where that is quickly counted."""

from sqlalchemy import Connection, text

from coppermind_pipeline.store import count_if_few


def rows_of_memories(connection: Connection, connector_id: str, asset: str) -> int | None:
    """Return the rows of an asset of this room, in the open mind; None where it has no table, or too many rows."""
    return count_if_few(connection, _ROWS[asset], connector_id) if asset in _ROWS else None


_ROWS = {
    "record_memories": text(
        "SELECT count(*) FROM (SELECT FROM memory_queue WHERE connector_id = :connector LIMIT :most) AS few"
    ),
    "memories": text("SELECT count(*) FROM (SELECT FROM memories WHERE connector_id = :connector LIMIT :most) AS few"),
}

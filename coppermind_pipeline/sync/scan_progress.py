"""How far a connector's scans are, what is left of them, and whether a slice got on."""

from sqlalchemy import Connection, text

from coppermind_pipeline.sync.context import Progress


def backfill_scans(connection: Connection, connector_id: str) -> list[Progress]:
    """Return how far the backfill of each type is, whoever is reading it."""
    rows = connection.execute(_SCANS, {"connector": connector_id})
    return [Progress(row.object_type, row.records, row.total) for row in rows]


_SCANS = text(
    """SELECT object_type, records, CAST(totals ->> object_type AS bigint) AS total
         FROM hubspot_cursors JOIN hubspot_backfills USING (connector_id)
        WHERE connector_id = :connector AND scan = 'backfill'"""
)


def left_to_read(connection: Connection, connector_id: str) -> str | None:
    """Say what the next slice goes on with; None if everything has been read."""
    left = connection.execute(_LEFT, {"connector": connector_id}).one()
    if not left.backfilled:
        return "The backfill goes on with the next slice."
    return "The poll goes on with the next slice." if left.scans else None


_LEFT = text(
    """SELECT (SELECT completed_at IS NOT NULL FROM hubspot_backfills
                WHERE connector_id = :connector) AS backfilled,
              (SELECT count(*) FROM hubspot_cursors
                WHERE connector_id = :connector AND scan = 'incremental' AND started_at IS NOT NULL
                  AND completed_at IS NULL) AS scans"""
)


def advancement(connection: Connection, connector_id: str) -> tuple[int | None, int | None]:
    """Return what is different after a slice that got on: pages read so far, and how far the stages after them are."""
    row = connection.execute(_ADVANCEMENT, {"connector": connector_id}).one()
    return row.pages, row.stages


_ADVANCEMENT = text(
    """SELECT (SELECT sum(pages) FROM hubspot_cursors WHERE connector_id = :connector) AS pages,
              (SELECT sum(seq) FROM checkpoints WHERE connector_id = :connector) AS stages"""
)

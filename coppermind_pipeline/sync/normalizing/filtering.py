"""Filtering again: where the filters alone have changed, stored records are asked for what filters look at alone."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from coppermind_pipeline.connectors import Connector
from coppermind_pipeline.crm import Filters
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database, Scope, copy_rows
from coppermind_pipeline.sync.context import Progress

BATCH_RECORDS = 5_000

_EMAIL = "email"


def filter_again(
    database: Database, connector: Connector, filters: Filters, *, on_progress: Callable[[Progress], None]
) -> tuple[int, int]:
    """Filter the stored records by these filters, and return how many there are, and how many changed by it.

    Batch by batch; a record that stays filtered or unfiltered as it was is not written.
    """
    read, changed, last = 0, 0, ("", "")
    names = sorted({_EMAIL}.union(*(filters.properties_of(object_type) for object_type in ObjectType)))
    while True:
        with database.mind(connector.mind_id) as connection:
            values = connector.scope.values(type=last[0], id=last[1], most=BATCH_RECORDS, names=names)
            rows = connection.execute(_STORED, values).all()
            if not rows:
                return read, changed
            changed += _write(connection, connector.scope, rows, filters)
        last = (rows[-1].object_type, rows[-1].hubspot_id)
        read += len(rows)
        on_progress(Progress("normalize", read))


_STORED = text(
    """SELECT object_type, hubspot_id, filtered_reason,
              (SELECT jsonb_object_agg(name, properties ->> name) FROM unnest(CAST(:names AS text[])) AS name)
              AS properties
         FROM hubspot_crm_objects
        WHERE connector_id = :connector AND (object_type, hubspot_id) > (:type, :id)
        ORDER BY object_type, hubspot_id LIMIT :most"""
)


def _write(connection: Connection, scope: Scope, rows: Sequence[Row[Any]], filters: Filters) -> int:
    reasons = ((row, filters.reason(ObjectType(row.object_type), row.properties)) for row in rows)
    changed = [(row.object_type, row.hubspot_id, reason) for row, reason in reasons if reason != row.filtered_reason]
    if changed:
        columns = ("object_type", "hubspot_id", "filtered_reason")
        copy_rows(connection, like="hubspot_crm_objects", columns=columns, rows=changed)
        connection.execute(_FILTER, scope.values())
    return len(changed)


_FILTER = text(
    """UPDATE hubspot_crm_objects AS stored
          SET filtered_reason = incoming.filtered_reason, change_seq = nextval('change_seq')
         FROM incoming
        WHERE stored.connector_id = :connector AND stored.object_type = incoming.object_type
          AND stored.hubspot_id = incoming.hubspot_id"""
)

"""What a connector's filters do to the records that are stored already."""

from sqlalchemy import Connection, text

from coppermind_pipeline import crm
from coppermind_pipeline.connectors.connector import Connector
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.wording import number

# Filters that remove more than this share of a type are most likely a mistake.
REMOVED_SHARE_WARNED = 0.9

_ROWS_AT_ONCE = 5_000


def count_filtered(
    connection: Connection, connector: Connector, filters: crm.Filters
) -> dict[ObjectType, tuple[int, int]]:
    """Return, by type, how many of the window's stored records the filters keep and remove.

    Reads only the properties that the filters look at, grouped by their values, as a stream.
    """
    return {object_type: _count(connection, connector, filters, object_type) for object_type in ObjectType}


def removal_warning(object_type: str, *, removed: int, of: int) -> str | None:
    """Return a warning where the filters remove more of a type than anybody is likely to want; else None."""
    if removed <= REMOVED_SHARE_WARNED * of:
        return None
    return f"The filters remove {number(removed)} of {number(of)} {object_type}."


def _count(
    connection: Connection, connector: Connector, filters: crm.Filters, object_type: ObjectType
) -> tuple[int, int]:
    by_mail = object_type is ObjectType.CONTACTS and (filters.excluded_emails or filters.excluded_domains)
    names = sorted(filters.properties_of(object_type) | ({"email"} if by_mail else set()))
    rows = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(
        _VALUES, {"connector": connector.id, "type": object_type.value, "names": names}
    )
    kept = removed = 0
    for values, records in rows:
        if filters.reason(object_type, dict(zip(names, values, strict=True))) is None:
            kept += records
        else:
            removed += records
    return kept, removed


_VALUES = text(
    """SELECT ARRAY(SELECT properties ->> wanted.name
                      FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS wanted (name, place)
                     ORDER BY wanted.place) AS found,
              count(*) AS records
         FROM live_records
        WHERE connector_id = :connector AND object_type = :type AND NOT referenced_only
        GROUP BY found"""
)

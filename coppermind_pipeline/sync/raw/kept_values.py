"""Values that could not be read at present: what was known of them stays, as nothing says otherwise."""

from collections.abc import Sequence, Set

import msgspec
from sqlalchemy import Connection, text

from coppermind_pipeline import crm
from coppermind_pipeline.hubspot import Record
from coppermind_pipeline.json_text import sorted_json
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Scope, lock_writing


def keep_stored_values(
    connection: Connection,
    scope: Scope,
    object_type: ObjectType,
    records: Sequence[Record],
    names: Set[str],
) -> list[Record]:
    """Return the records with the stored values of the named properties, which they were read without.

    Nobody else appends a version from here to the end of the transaction.
    """
    lock_writing(connection, scope.connector_id)
    rows = connection.execute(_NEWEST, scope.values(type=object_type, hubspot_ids=[record.id for record in records]))
    # Picked out here, because PostgreSQL's own JSON functions refuse U+0000 and lone surrogates anywhere in the text.
    stored = {
        row.hubspot_id: {
            name: value
            for name, value in crm.decode_properties(row.payload).items()
            if name in names and value is not None
        }
        for row in rows
    }
    return [
        msgspec.structs.replace(record, content=sorted_json(record.properties | kept))
        if (kept := stored.get(record.id))
        else record
        for record in records
    ]


_NEWEST = text(
    """SELECT wanted.hubspot_id, CAST(newest.payload AS text) AS payload
         FROM unnest(CAST(:hubspot_ids AS text[])) AS wanted (hubspot_id)
         CROSS JOIN newest_version(:connector, :type, wanted.hubspot_id) AS newest"""
)

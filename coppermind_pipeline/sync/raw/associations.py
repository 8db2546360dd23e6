"""Associations in the raw log: what HubSpot last answered that each deal is associated with."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from sqlalchemy import Connection, text

from coppermind_pipeline import crm
from coppermind_pipeline.hubspot import NOT_FOUND, Associations
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Scope, copy_rows, lock_writing
from coppermind_pipeline.sync.raw.skipped import note_skipped

# What deals are asked for: which records of these types they are associated with.
ASSOCIATED_TYPES: tuple[ObjectType, ...] = (ObjectType.CONTACTS, ObjectType.COMPANIES)


def store_associations(connection: Connection, scope: Scope, answers: Mapping[ObjectType, Associations]) -> None:
    """Keep what HubSpot answered that deals are associated with, by type, and note those it had no answer about."""
    for to_type, associations in answers.items():
        _store_answers(connection, scope, to_type, associations)
    failed = {i for a in answers.values() for i, error in a.failed.items() if error.category != NOT_FOUND}
    answered = {i for a in answers.values() for i in (*a.links, *a.failed)}
    note_skipped(connection, scope, ObjectType.DEALS, failed=failed, answered=answered, part="links")


def _store_answers(connection: Connection, scope: Scope, to_type: ObjectType, associations: Associations) -> None:
    """Keep what each deal is associated with, if the answer is complete; else what is stored of the deal stays."""
    copy_rows(
        connection,
        like="hubspot_raw_associations",
        columns=("from_id", "links"),
        rows=((deal_id, _entries_json(links)) for deal_id, links in associations.links.items()),
    )
    lock_writing(connection, scope.connector_id)
    connection.execute(_KEEP_ASSOCIATIONS, scope.values(to_type=to_type))


_KEEP_ASSOCIATIONS = text(
    """INSERT INTO hubspot_raw_associations AS stored
              (connector_id, mind_id, from_type, from_id, to_type, links)
       SELECT :connector, :mind, 'deals', from_id, :to_type, links FROM incoming
       ON CONFLICT (connector_id, from_type, from_id, to_type) DO UPDATE
          SET links = excluded.links, seq = excluded.seq, read_at = excluded.read_at
        WHERE stored.links IS DISTINCT FROM excluded.links"""
)


def _entries_json(links: Iterable[Any]) -> str:
    return orjson.dumps(
        [
            {
                "id": link.to_id,
                "types": [
                    {"category": t.category, "type_id": t.type_id, "label": t.label and crm.read_label(t.label)}
                    for t in sorted(link.types, key=lambda t: (t.category, t.type_id))
                ],
            }
            for link in sorted(links, key=lambda link: crm.id_order(link.to_id))
        ]
    ).decode()

"""Reference reads: HubSpot's answers about what a portal defines, as rows, and stored if they say something new.

What HubSpot no longer lists is kept and marked as missing, because old records keep its labels.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, text

from coppermind_pipeline import crm
from coppermind_pipeline.hubspot import Owner, Pipeline, PropertyDefinition
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import copy_rows


@dataclass(frozen=True, slots=True)
class ReferenceRead:
    """One answer about what the portal defines: how many entries, and whether it differs from the stored one."""

    entries: int
    changed: bool


@dataclass(frozen=True, slots=True)
class ReferenceAnswer:
    """One answer of HubSpot about what the portal defines, as rows of the tables that keep it.

    Attributes:
        kind: an object type for its property definitions, `pipelines` or `owners`.
        tables: each table with its rows; the first one's rows are the entries of the answer.
        object_type: whose definitions these are; None for the other kinds.
    """

    kind: str
    tables: tuple[tuple["_Table", list[tuple[Any, ...]]], ...]
    object_type: ObjectType | None = None

    @property
    def digest(self) -> str:
        """The same for the same answer, in whatever order HubSpot lists it."""
        return hashlib.sha256(repr([sorted(map(repr, rows)) for _, rows in self.tables]).encode()).hexdigest()


def definitions_answer(object_type: ObjectType, definitions: Iterable[PropertyDefinition]) -> ReferenceAnswer:
    """Return what HubSpot says about a type's properties."""
    rows = [_definition_row(object_type, definition) for definition in definitions]
    return ReferenceAnswer(object_type.value, ((_PROPERTIES, rows),), object_type)


def pipelines_answer(pipelines: Iterable[Pipeline]) -> ReferenceAnswer:
    """Return what HubSpot says about the deal pipelines and their stages."""
    pipelines = tuple(pipelines)
    rows = [(pipeline.id, crm.read_label(pipeline.label), pipeline.display_order) for pipeline in pipelines]
    stages = [row for pipeline in pipelines for row in _stage_rows(pipeline)]
    return ReferenceAnswer("pipelines", ((_PIPELINES, rows), (_STAGES, stages)))


def owners_answer(owners: Iterable[Owner]) -> ReferenceAnswer:
    """Return what HubSpot says about owners, archived ones too."""
    return ReferenceAnswer("owners", ((_OWNERS, [_owner_row(owner) for owner in owners]),))


def store_answer(connection: Connection, connector_id: str, answer: ReferenceAnswer) -> ReferenceRead:
    """Store an answer; nothing is written if it says what the stored one does."""
    entries, digest = len(answer.tables[0][1]), answer.digest
    if stored_digests(connection, connector_id).get(answer.kind) == digest:
        return ReferenceRead(entries, changed=False)
    for table, rows in answer.tables:
        copy_rows(connection, like=table.name, columns=table.columns, rows=rows)
        connection.execute(text(table.merge), {"connector": connector_id})
        connection.execute(text(table.mark_missing), {"connector": connector_id, "object_type": answer.object_type})
    connection.execute(text(_NOTE_READ), {"connector": connector_id, "kind": answer.kind, "digest": digest})
    return ReferenceRead(entries, changed=True)


def stored_digests(connection: Connection, connector_id: str) -> dict[str, str]:
    """Return the digest of the stored answer of each kind."""
    return {row.kind: row.digest for row in connection.execute(text(_DIGESTS), {"connector": connector_id})}


def _definition_row(object_type: ObjectType, definition: PropertyDefinition) -> tuple[Any, ...]:
    options = sorted(definition.options, key=lambda option: option.display_order)
    return (
        object_type.value,
        crm.storable_text(definition.name),
        crm.read_label(definition.label),
        definition.type,
        definition.field_type,
        orjson.dumps([{"value": crm.read_label(o.value), "label": crm.read_label(o.label)} for o in options]).decode(),
        definition.calculated,
    )


def _stage_rows(pipeline: Pipeline) -> Iterable[tuple[Any, ...]]:
    for stage in pipeline.stages:
        closed = None if stage.is_closed is None else str(stage.is_closed)
        is_closed, probability = crm.read_stage_metadata({"isClosed": closed, "probability": stage.probability})
        yield (
            pipeline.id,
            stage.id,
            crm.read_label(stage.label),
            stage.display_order,
            is_closed,
            probability,
        )


def _owner_row(owner: Owner) -> tuple[Any, ...]:
    names = [name for name in (owner.first_name, owner.last_name) if name]
    user_id = owner.user_id_including_inactive if owner.user_id is None else owner.user_id
    return (
        owner.id,
        crm.read_label(" ".join(names) or owner.email or ""),
        *(text and crm.read_label(text) for text in (owner.email, owner.first_name, owner.last_name)),
        None if user_id is None else str(user_id),
        owner.archived,
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of what the portal defines, and the statements that bring it up to date with the rows in `incoming`.

    Attributes:
        columns: what HubSpot says.
        merge: write the rows that are new or differ.
        mark_missing: mark those that the answer does not list.
    """

    name: str
    columns: tuple[str, ...]
    merge: str
    mark_missing: str


def _table(name: str, *, key: tuple[str, ...], columns: tuple[str, ...], each_answer: str = "") -> _Table:
    """Compose a table's statements.

    Args:
        name: of the table.
        key: the columns that tell one entry of a connector from another.
        columns: all that HubSpot says.
        each_answer: which rows one answer speaks of, if not of all of the connector's.
    """
    names = {
        "table": name,
        "columns": ", ".join(columns),
        "stored_columns": _of("stored", columns),
        "excluded_columns": _of("excluded", columns),
        "key": ", ".join(key),
        "stored_key": _of("stored", key),
        "incoming_key": _of("incoming", key),
        "each_answer": each_answer,
    }
    return _Table(name, columns, _MERGE.format_map(names), _MARK_MISSING.format_map(names))


def _of(relation: str, columns: tuple[str, ...]) -> str:
    return ", ".join(f"{relation}.{column}" for column in columns)


_MERGE = """
INSERT INTO {table} AS stored (connector_id, mind_id, {columns})
SELECT DISTINCT ON ({key}) :connector, current_mind(), {columns} FROM incoming ORDER BY {key}
ON CONFLICT (connector_id, {key}) DO UPDATE SET ({columns}, missing_since) = ROW({excluded_columns}, NULL)
 WHERE ({stored_columns}, stored.missing_since) IS DISTINCT FROM ({excluded_columns}, NULL)
"""

_MARK_MISSING = """
UPDATE {table} AS stored SET missing_since = clock_timestamp()
 WHERE connector_id = :connector AND missing_since IS NULL {each_answer}
   AND NOT EXISTS (SELECT FROM incoming WHERE ({incoming_key}) = ({stored_key}))
"""

_PROPERTIES = _table(
    "hubspot_properties",
    key=("object_type", "name"),
    columns=("object_type", "name", "label", "type", "field_type", "options", "calculated"),
    each_answer="AND object_type = :object_type",
)
_PIPELINES = _table("hubspot_pipelines", key=("hubspot_id",), columns=("hubspot_id", "label", "display_order"))
_STAGES = _table(
    "hubspot_stages",
    key=("pipeline_id", "hubspot_id"),
    columns=("pipeline_id", "hubspot_id", "label", "display_order", "is_closed", "probability"),
)
_OWNERS = _table(
    "hubspot_owners",
    key=("hubspot_id",),
    columns=("hubspot_id", "label", "email", "first_name", "last_name", "user_id", "archived"),
)

_NOTE_READ = """
INSERT INTO hubspot_reference_reads (connector_id, mind_id, kind, digest)
VALUES (:connector, current_mind(), :kind, :digest)
ON CONFLICT (connector_id, kind) DO UPDATE SET digest = excluded.digest, read_at = excluded.read_at
"""

_DIGESTS = "SELECT kind, digest FROM hubspot_reference_reads WHERE connector_id = :connector"

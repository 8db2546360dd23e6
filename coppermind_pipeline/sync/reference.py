"""What a portal defines (properties, pipelines, owners, its account), read on each sync and kept by connector."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, text

from coppermind_pipeline import crm
from coppermind_pipeline.connectors import note_account
from coppermind_pipeline.hubspot import (
    HubSpotClient,
    Owner,
    Pipeline,
    PortalUnavailable,
    PropertyDefinition,
    RequestRefused,
    RetryLimits,
    ScopeMissing,
)
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import copy_rows
from coppermind_pipeline.sync.context import SyncContext

# Nothing stands still without the account's details: the next sync asks again.
_ACCOUNT_RETRY_LIMITS = RetryLimits(attempts=3, time_s=30.0)


@dataclass(frozen=True, slots=True)
class ReferenceRead:
    """One answer about what the portal defines: how many entries, and whether it differs from the stored one."""

    entries: int
    changed: bool


@dataclass(frozen=True, slots=True)
class _Table:
    """A reference table: `columns` are what HubSpot says, those in `key` tell one entry of a connector from another."""

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]


_PROPERTIES = _Table(
    "hubspot_properties",
    ("object_type", "name"),
    ("object_type", "name", "label", "type", "field_type", "options", "calculated"),
)
_PIPELINES = _Table("hubspot_pipelines", ("hubspot_id",), ("hubspot_id", "label", "display_order"))
_STAGES = _Table(
    "hubspot_stages",
    ("pipeline_id", "hubspot_id"),
    ("pipeline_id", "hubspot_id", "label", "display_order", "is_closed", "probability"),
)
_OWNERS = _Table(
    "hubspot_owners",
    ("hubspot_id",),
    ("hubspot_id", "label", "email", "first_name", "last_name", "user_id", "archived"),
)


@dataclass(frozen=True, slots=True)
class ReferenceAnswer:
    """One answer of HubSpot about what the portal defines, as rows of the tables that keep it.

    Attributes:
        kind: an object type for its property definitions, `pipelines` or `owners`.
        object_type: whose definitions these are; None for the other kinds.
    """

    kind: str
    tables: tuple[tuple[_Table, list[tuple[Any, ...]]], ...]
    object_type: ObjectType | None = None

    @property
    def digest(self) -> str:
        """The same for the same answer, in whatever order HubSpot lists it."""
        return hashlib.sha256(repr([sorted(map(repr, rows)) for _, rows in self.tables]).encode()).hexdigest()


async def ask_definitions(client: HubSpotClient, object_type: ObjectType) -> ReferenceAnswer:
    """Return what HubSpot says about a type's properties."""
    rows = [_definition_row(object_type, definition) for definition in await client.properties(object_type)]
    return ReferenceAnswer(object_type.value, ((_PROPERTIES, rows),), object_type)


async def ask_pipelines(client: HubSpotClient) -> ReferenceAnswer:
    """Return what HubSpot says about the deal pipelines and their stages."""
    pipelines = await client.pipelines()
    rows = [(pipeline.id, crm.read_label(pipeline.label), pipeline.display_order) for pipeline in pipelines]
    stages = [row for pipeline in pipelines for row in _stage_rows(pipeline)]
    return ReferenceAnswer("pipelines", ((_PIPELINES, rows), (_STAGES, stages)))


async def ask_owners(client: HubSpotClient) -> ReferenceAnswer:
    """Return what HubSpot says about owners, archived ones too."""
    return ReferenceAnswer("owners", ((_OWNERS, [_owner_row(owner) for owner in await client.owners()]),))


async def read_definitions(context: SyncContext, object_type: ObjectType) -> ReferenceRead:
    """Read and store the property definitions of one type; those that disappeared are kept, marked as missing."""
    return await context.write(_store, context.ids(), await ask_definitions(context.client, object_type))


async def read_pipelines(context: SyncContext) -> ReferenceRead:
    """Read and store the deal pipelines and their stages."""
    return await context.write(_store, context.ids(), await ask_pipelines(context.client))


async def read_owners(context: SyncContext) -> ReferenceRead:
    """Read and store the owners, archived ones too."""
    return await context.write(_store, context.ids(), await ask_owners(context.client))


async def read_account(context: SyncContext) -> None:
    """Read and store the portal's account details: time zone, company currency, host of its pages.

    Where HubSpot refuses them, or answers what can't be read, that is noted and the sync goes on. Ask after something
    that is needed: a portal that answers nothing at all is no fault of the account's.
    """
    hub_id = context.connector.hub_id
    assert hub_id is not None  # noqa: S101 - an active connector has a portal, by the table's check
    try:
        account = await context.client.account(retry_limits=_ACCOUNT_RETRY_LIMITS)
    except (RequestRefused, ScopeMissing, PortalUnavailable) as error:
        account = error
    await context.write(note_account, context.connector, hub_id, account)


def stored_digests(connection: Connection, ids: dict[str, Any]) -> dict[str, str]:
    """Return the digest of the stored answer of each kind."""
    rows = connection.execute(
        text("SELECT kind, digest FROM hubspot_reference_reads WHERE connector_id = :connector"), ids
    )
    return {row.kind: row.digest for row in rows}


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


def _store(connection: Connection, ids: dict[str, Any], answer: ReferenceAnswer) -> ReferenceRead:
    entries, digest = len(answer.tables[0][1]), answer.digest
    if stored_digests(connection, ids).get(answer.kind) == digest:
        return ReferenceRead(entries, changed=False)
    for table, rows in answer.tables:
        _replace(connection, ids, table, rows, answer.object_type)
    connection.execute(
        text(
            """INSERT INTO hubspot_reference_reads (connector_id, mind_id, kind, digest)
               VALUES (:connector, :mind, :kind, :digest)
               ON CONFLICT (connector_id, kind) DO UPDATE SET digest = excluded.digest, read_at = excluded.read_at"""
        ),
        {**ids, "kind": answer.kind, "digest": digest},
    )
    return ReferenceRead(entries, changed=True)


def _replace(
    connection: Connection,
    ids: dict[str, Any],
    table: _Table,
    rows: list[tuple[Any, ...]],
    object_type: ObjectType | None,
) -> None:
    copy_rows(connection, like=table.name, columns=table.columns, rows=rows)
    columns, key = ", ".join(table.columns), ", ".join(table.key)
    stored = ", ".join(f"stored.{column}" for column in table.columns)
    excluded = ", ".join(f"excluded.{column}" for column in table.columns)
    connection.execute(
        text(
            f"""INSERT INTO {table.name} AS stored (connector_id, mind_id, {columns})
                SELECT DISTINCT ON ({key}) :connector, :mind, {columns} FROM incoming ORDER BY {key}
                ON CONFLICT (connector_id, {key}) DO UPDATE SET ({columns}, missing_since) = ROW({excluded}, NULL)
                WHERE ({stored}, stored.missing_since) IS DISTINCT FROM ({excluded}, NULL)"""
        ),
        ids,
    )
    connection.execute(
        text(
            f"""UPDATE {table.name} AS stored SET missing_since = clock_timestamp()
                 WHERE connector_id = :connector AND missing_since IS NULL
                   {"AND object_type = :object_type" if object_type else ""}
                   AND NOT EXISTS (SELECT FROM incoming WHERE ({_of("incoming", table)}) = ({_of("stored", table)}))"""
        ),
        {**ids, "object_type": object_type} if object_type else ids,
    )


def _of(relation: str, table: _Table) -> str:
    return ", ".join(f"{relation}.{column}" for column in table.key)

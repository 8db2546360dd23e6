"""Hydration: reading records with every property that the portal defines, and with fewer where it refuses some."""

import asyncio
import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import structlog
from sqlalchemy import Connection, text

from coppermind_pipeline import crm
from coppermind_pipeline.catalog import load_stages, property_names
from coppermind_pipeline.connectors import record_event
from coppermind_pipeline.hubspot import BATCH_READ_IDS_MAX, BatchRead, Record, RequestRefused
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import analyze_grown_tables
from coppermind_pipeline.sync.concurrency import run_together
from coppermind_pipeline.sync.context import SyncContext
from coppermind_pipeline.sync.hydrating.batching import PackedReads
from coppermind_pipeline.sync.hydrating.required import required_properties
from coppermind_pipeline.sync.raw.kept_values import keep_unread_values
from coppermind_pipeline.sync.raw.records import append_records
from coppermind_pipeline.sync.raw.skipped import note_skipped

log = structlog.get_logger(__name__)

RETRY_FULL_AFTER_HOURS = 24


@dataclass(frozen=True, slots=True)
class PropertySet:
    """The property names that records of a type are read with.

    Attributes:
        full: all that the portal defines.
        required: those that the product can't do without; search returns them.
        calculated: those that HubSpot computes.
        refused: those of `full` that the portal refuses; all of them where it does not say which.
    """

    full: tuple[str, ...]
    required: tuple[str, ...]
    calculated: frozenset[str]
    refused: frozenset[str] = frozenset()

    @property
    def names(self) -> tuple[str, ...]:
        """What a batch read asks for; nothing where search has brought all that the portal lets us read."""
        if self.refused.issuperset(self.full):
            return ()
        return tuple(name for name in self.full if name not in self.refused)

    @property
    def unread(self) -> frozenset[str]:
        """Of `full`, what records are read without because the portal refuses it."""
        return self.refused if self.names else self.refused.difference(self.required)

    @property
    def digest(self) -> str:
        """A short name of `names`, stored with each record read."""
        return hashlib.blake2b("\0".join(self.names or self.required).encode(), digest_size=8).hexdigest()


def load_property_set(connection: Connection, ids: dict[str, Any], object_type: ObjectType) -> PropertySet:
    """Return the names that a type is read with, by the stored definitions and what the portal refused of late."""
    calculated = property_names(connection, ids["connector"], object_type)
    defined = frozenset(calculated)
    required = required_properties(
        object_type,
        defined=defined,
        of_stages=crm.won_stage_properties(load_stages(connection, ids["connector"]), defined)
        if object_type == ObjectType.DEALS
        else (),
    )
    refused = connection.execute(_REFUSED, {**ids, "type": object_type}).scalar_one_or_none()
    full = tuple(sorted(defined | set(required)))
    return PropertySet(
        full=full,
        required=tuple(required),
        calculated=frozenset(name for name in defined if calculated[name]),
        refused=frozenset() if refused is None else frozenset(refused) or frozenset(full),
    )


_REFUSED = text(
    f"""SELECT refused FROM hubspot_hydrations WHERE connector_id = :connector AND object_type = :type
           AND tried_at > clock_timestamp() - interval '{RETRY_FULL_AFTER_HOURS} hours'"""
)


@dataclass(slots=True)
class Hydrator:
    """Reads records of one type in full, a hundred at a time, as many requests at once as the budgets let through.

    With `packed`, what several readers ask for at a time shares batches.

    Attributes:
        failed: ids that HubSpot had no answer about when they were asked for last, not even alone.
    """

    context: SyncContext
    object_type: ObjectType
    properties: PropertySet
    packed: PackedReads | None = None
    failed: frozenset[str] = frozenset()
    _deciding: asyncio.Lock = field(default_factory=asyncio.Lock)
    _confirmed: bool = False

    async def hydrate(self, found: Sequence[Record]) -> list[Record]:
        """Return the records that a search found, in full; without those that are gone since, with their survivors."""
        if not self.properties.names:
            return list(found)
        ids = [record.id for record in found]
        answers = await self._answers(ids)
        if not self.properties.names:
            return list(found)
        failed = frozenset().union(*(answer.failed_ids for answer in answers))
        as_searched = (msgspec.structs.replace(record, is_partial=True) for record in found if record.id in failed)
        return [*_records_of(answers, ids), *as_searched]

    async def read_all(self, ids: Sequence[str]) -> list[Record]:
        """Return the records with these ids in full, as many as there are, and the survivors of merged ones."""
        return _records_of(await self._answers(ids), ids)

    async def read(self, ids: Sequence[str], *, archived: bool = False) -> BatchRead:
        """Read up to 100 records by id, with the full list of names, or as much of it as the portal accepts.

        Args:
            ids: 100 at most; none asks nothing.
            archived: archived records alone, instead of live ones alone.
        """
        while True:
            asked = self.properties
            # Names that HubSpot has taken before, or that it has to take, can't be what a refusal is about.
            of_size = self._confirmed or not asked.names
            try:
                answer = await self._read(ids, asked, archived=archived, halve_refused=of_size)
            except RequestRefused as error:
                if not asked.names:
                    raise
                await self._decide(asked, error, ids, halved=of_size)
            else:
                await self._confirm(asked)
                self.failed = self.failed.difference(ids) | answer.failed_ids
                return answer

    async def _read(self, ids: Sequence[str], asked: PropertySet, **options: bool) -> BatchRead:
        return await self.context.client.batch_read(self.object_type, ids, asked.names or asked.required, **options)

    async def _answers(self, ids: Sequence[str]) -> list[BatchRead]:
        if self.packed is not None:
            return await self.packed.answers(ids)
        batches = [ids[i : i + BATCH_READ_IDS_MAX] for i in range(0, len(ids), BATCH_READ_IDS_MAX)]
        return await run_together(map(self.read, batches))

    async def _decide(self, asked: PropertySet, error: RequestRefused, ids: Sequence[str], *, halved: bool) -> None:
        """Leave out what the portal refuses: the names that the error lists, else all but the required ones.

        Nothing, where it was the number of records that it refused: then fewer at once are the remedy.
        """
        async with self._deciding:
            if self.properties is not asked:
                return  # another request met the same refusal
            named = frozenset(error.refused_properties) & frozenset(asked.names)
            if not (named or halved) and (self._confirmed or await self._takes_names(asked, ids)):
                await self._confirm(asked)
                return
            refused = asked.refused | named if named else frozenset(asked.full)
            self.properties = replace(asked, refused=refused)
            self._confirmed = True
            log.warning("hydration degraded", object_type=self.object_type.value, refused=len(named) or "all")
            await self.context.write(_store_refusal, self.context, self.object_type, named and refused, error.message)

    async def _takes_names(self, asked: PropertySet, ids: Sequence[str]) -> bool:
        """Find out whether the portal takes the names where it is asked for one record."""
        try:
            return len(ids) > 1 and bool(await self._read(ids[:1], asked))
        except RequestRefused:
            return False

    async def _confirm(self, asked: PropertySet) -> None:
        """Note once that the names are accepted, and that the full list is, where it was not before."""
        if self._confirmed:
            return
        self._confirmed = True
        if not asked.refused:
            await self.context.write(_store_acceptance, self.context, self.object_type)


def _records_of(answers: Sequence[BatchRead], ids: Iterable[str]) -> list[Record]:
    """Return the wanted records and survivors, each once: one reader's batches may hold a record for another, too."""
    wanted = frozenset(ids)
    survivors = frozenset(record.id for answer in answers for record in answer.survivors)
    found = {record.id: record for answer in answers for record in answer.records}
    return [record for record in found.values() if record.id in wanted or record.id in survivors]


def store_records(
    connection: Connection,
    context: SyncContext,
    records: Sequence[Record],
    hydrator: Hydrator,
    *,
    asked: Collection[str] = (),
) -> None:
    """Append hydrated records to the raw log and count what was new of them, in the caller's transaction.

    Args:
        connection: the caller's.
        context: whose records these are.
        records: what HubSpot answered with, or what its search said where it had no answer.
        hydrator: what read them.
        asked: further ids that HubSpot was asked for, and has answered where `hydrator` does not say otherwise.
    """
    partial = [record for record in records if record.is_partial]
    note_skipped(
        connection,
        context.ids(),
        hydrator.object_type,
        failed=hydrator.failed.union(record.id for record in partial),
        answered=[*asked, *(record.id for record in records)],
    )
    if not records:
        return
    properties = hydrator.properties
    if properties.unread:
        records = keep_unread_values(connection, context.ids(), hydrator.object_type, records, properties.unread)
    if partial:
        unread = frozenset(properties.full).difference(properties.required)
        kept = keep_unread_values(connection, context.ids(), hydrator.object_type, partial, unread)
        records = [*(record for record in records if not record.is_partial), *kept]
    appended = append_records(
        connection,
        context.ids(),
        hydrator.object_type,
        records,
        definitions_hash=properties.digest,
        calculated=properties.calculated,
    )
    connection.execute(_COUNT_PULLED, {**context.ids(), "type": hydrator.object_type.value, "count": appended})
    analyze_grown_tables(connection)


_COUNT_PULLED = text(
    """INSERT INTO hubspot_polls AS stored (connector_id, mind_id, pulled_counts)
       VALUES (:connector, :mind, jsonb_build_object(CAST(:type AS text), CAST(:count AS bigint)))
       ON CONFLICT (connector_id) DO UPDATE
          SET pulled_counts = stored.pulled_counts || jsonb_build_object(CAST(:type AS text),
              coalesce(CAST(stored.pulled_counts ->> CAST(:type AS text) AS bigint), 0)
              + CAST(:count AS bigint))"""
)


def _store_refusal(
    connection: Connection, context: SyncContext, object_type: ObjectType, refused: frozenset[str], error: str
) -> None:
    connection.execute(
        _KEEP_REFUSAL, {**context.ids(), "type": object_type, "refused": sorted(refused), "error": error}
    )
    record_event(
        connection,
        context.connector,
        "warning",
        "hydration_degraded",
        f"HubSpot refuses the full list of {object_type.value} properties: {error}",
        {"object_type": object_type.value, "refused": sorted(refused)},
    )


_KEEP_REFUSAL = text(
    """INSERT INTO hubspot_hydrations AS stored (connector_id, mind_id, object_type, refused, error)
       VALUES (:connector, :mind, :type, :refused, :error)
       ON CONFLICT (connector_id, object_type) DO UPDATE
          SET refused = excluded.refused, error = excluded.error, tried_at = excluded.tried_at"""
)


def _store_acceptance(connection: Connection, context: SyncContext, object_type: ObjectType) -> None:
    restored = connection.execute(
        text("DELETE FROM hubspot_hydrations WHERE connector_id = :connector AND object_type = :type"),
        {**context.ids(), "type": object_type},
    ).rowcount
    if restored:
        # What was read with fewer properties meanwhile is read again.
        connection.execute(_READ_AGAIN, {**context.ids(), "type": object_type})
        record_event(
            connection,
            context.connector,
            "info",
            "hydration_restored",
            f"HubSpot accepts the full list of {object_type.value} properties again.",
            {"object_type": object_type.value},
        )


_READ_AGAIN = text(
    """UPDATE hubspot_rereads SET definitions_hash = ''
        WHERE connector_id = :connector AND object_type = :type"""
)

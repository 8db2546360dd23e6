"""Hydration: reading records with every property that the portal defines, and with fewer if it refuses some."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import msgspec
import structlog

from coppermind_pipeline.hubspot import BATCH_READ_IDS_MAX, BatchRead, Record, RequestRefused
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sync.concurrency import run_together
from coppermind_pipeline.sync.context import SyncContext
from coppermind_pipeline.sync.hydrating.batching import BatchedReads
from coppermind_pipeline.sync.hydrating.property_set import (
    PropertySet,
    load_property_set,
    note_acceptance,
    note_refusal,
)

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Hydrator:
    """Reads records of one type in full, a hundred at a time, as many requests at once as the budgets let through.

    With `batched`, what several readers ask for at a time shares batches.

    Attributes:
        failed: ids that HubSpot had no answer about when they were asked for last, not even alone.
    """

    context: SyncContext
    object_type: ObjectType
    properties: PropertySet
    batched: BatchedReads | None = None
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
                await self._decide(asked, error, ids)
            else:
                await self._confirm(asked)
                self.failed = self.failed.difference(ids) | answer.failed_ids
                return answer

    async def _read(self, ids: Sequence[str], asked: PropertySet, **options: bool) -> BatchRead:
        return await self.context.client.batch_read(self.object_type, ids, asked.names or asked.searched, **options)

    async def _answers(self, ids: Sequence[str]) -> list[BatchRead]:
        """Return the answers that between them cover `ids`; what they leave out is asked for once more.

        What is left out again has failed, unless a survivor may stand for it: nothing says that it is gone.
        """
        answers = await (self._read_batches(ids) if self.batched is None else self.batched.answers(ids))
        left_out = [hubspot_id for hubspot_id in ids if any(hubspot_id in each.unanswered_ids for each in answers)]
        return [*answers, *map(_failed_where_left_out, await self._read_batches(left_out))]

    async def _read_batches(self, ids: Sequence[str]) -> list[BatchRead]:
        batches = [ids[i : i + BATCH_READ_IDS_MAX] for i in range(0, len(ids), BATCH_READ_IDS_MAX)]
        return await run_together(map(self.read, batches))

    async def _decide(self, asked: PropertySet, error: RequestRefused, ids: Sequence[str]) -> None:
        """Leave out what the portal refuses: the names that the error lists, else all but the required ones.

        Nothing, where it was the number of records that it refused: then fewer at once are the remedy. And nothing
        where it is no refusal of names, such as a proxy's page: then the required ones alone are refused as well.

        Raises:
            RequestRefused: it is not the names.
        """
        async with self._deciding:
            if self.properties is not asked:
                return  # another request met the same refusal
            named = frozenset(error.refused_properties) & frozenset(asked.names)
            refused = asked.refused | named if named else frozenset(asked.full)
            fewer = replace(asked, refused=refused)
            if not named:
                if not await self._takes(fewer, ids):
                    raise error
                # Asked last: a refusal that has passed meanwhile is none of the names either.
                if await self._takes(asked, ids):
                    await self._confirm(asked)
                    return
            self.properties = fewer
            self._confirmed = True
            log.warning("hydration degraded", object_type=self.object_type.value, refused=len(named) or "all")
            await self.context.write(note_refusal, self.context, self.object_type, named and refused, error.message)

    async def _takes(self, properties: PropertySet, ids: Sequence[str]) -> bool:
        """Find out whether the portal takes the names where it is asked for one record."""
        try:
            await self._read(ids[:1], properties)
        except RequestRefused:
            return False
        return True

    async def _confirm(self, asked: PropertySet) -> None:
        """Note once that the names are accepted, and that the full list is, where it was not before."""
        if self._confirmed:
            return
        self._confirmed = True
        if not asked.refused:
            await self.context.write(note_acceptance, self.context, self.object_type)


async def load_hydrators(context: SyncContext) -> dict[ObjectType, Hydrator]:
    """Return what reads the records of each type, with the properties that the portal lets us read by now."""
    return {
        object_type: Hydrator(context, object_type, await context.read(load_property_set, context.scope, object_type))
        for object_type in ObjectType
    }


def _failed_where_left_out(answer: BatchRead) -> BatchRead:
    return answer if answer.survivors else replace(answer, failed_ids=answer.failed_ids | answer.unanswered_ids)


def _records_of(answers: Sequence[BatchRead], ids: Iterable[str]) -> list[Record]:
    """Return the wanted records and survivors, each once: one reader's batches may hold a record for another, too."""
    wanted = frozenset(ids)
    survivors = frozenset(record.id for answer in answers for record in answer.survivors)
    found = {record.id: record for answer in answers for record in answer.records}
    return [record for record in found.values() if record.id in wanted or record.id in survivors]

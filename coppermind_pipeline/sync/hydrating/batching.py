"""Batching: what several readers ask for by id goes out in full batches, and no record twice at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from coppermind_pipeline.hubspot import BATCH_READ_IDS_MAX, BatchRead

# How long a batch that is not full waits for more. Pages of a scan come five a second under HubSpot's limits.
FILLING_WAIT_S = 0.4


@dataclass(slots=True)
class _Batch:
    ids: list[str] = field(default_factory=list)
    is_full: asyncio.Event = field(default_factory=asyncio.Event)
    answer: asyncio.Future[BatchRead] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


@dataclass(slots=True)
class BatchedReads:
    """The reads of one object type within one task group.

    Attributes:
        read: reads up to 100 records.
        group: whose tasks the reads are; it ends them when anything in it fails.
    """

    read: Callable[[Sequence[str]], Awaitable[BatchRead]]
    group: asyncio.TaskGroup
    _open: _Batch | None = None
    _under_way: dict[str, _Batch] = field(default_factory=dict)

    async def answers(self, ids: Iterable[str]) -> list[BatchRead]:
        """Return the answers that between them cover `ids`; they hold what other readers asked for, too."""
        batches = {id(batch): batch for batch in map(self._batch_of, ids)}
        # A reader that is cancelled must not cancel what others wait for.
        return [await asyncio.shield(batch.answer) for batch in batches.values()]

    def _batch_of(self, hubspot_id: str) -> _Batch:
        batch = self._under_way.get(hubspot_id)
        if batch is not None:
            return batch
        if self._open is None:
            self._open = self._opened()
        batch = self._open
        batch.ids.append(hubspot_id)
        self._under_way[hubspot_id] = batch
        if len(batch.ids) == BATCH_READ_IDS_MAX:
            self._open = None
            batch.is_full.set()
        return batch

    def _opened(self) -> _Batch:
        batch = _Batch()
        reading = self._fill_and_read(batch)
        try:
            self.group.create_task(reading)
        except RuntimeError:  # the group is ending, and takes no more tasks: Python 3.11 leaves the coroutine to us
            reading.close()
            raise asyncio.CancelledError from None
        return batch

    async def _fill_and_read(self, batch: _Batch) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(batch.is_full.wait(), FILLING_WAIT_S)
        if self._open is batch:
            self._open = None
        try:
            batch.answer.set_result(await self.read(batch.ids))
        except Exception as error:  # noqa: BLE001 - it is raised where the answer is awaited
            batch.answer.set_exception(error)
        finally:
            for hubspot_id in batch.ids:
                del self._under_way[hubspot_id]
            batch.answer.cancel()  # where this task was: a finished one stays as it is

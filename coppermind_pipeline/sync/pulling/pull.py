"""The pull: what HubSpot holds in the windows under way, into the raw log.

One event loop; scans, hydration, associations and writing overlap, and the portal's rate budgets are the only bound.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

from coppermind_pipeline.garbage_collection import rare_collections
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sync.concurrency import first_error, run_together
from coppermind_pipeline.sync.context import SyncContext
from coppermind_pipeline.sync.hydrating.batching import BatchedReads
from coppermind_pipeline.sync.hydrating.hydration import Hydrator, load_hydrators
from coppermind_pipeline.sync.normalizing.associations import link_so_far
from coppermind_pipeline.sync.normalizing.normalize import normalize
from coppermind_pipeline.sync.pulling.associations import read_associations
from coppermind_pipeline.sync.pulling.cursors import Scan, begin_scans
from coppermind_pipeline.sync.pulling.feed import Feed
from coppermind_pipeline.sync.pulling.pages import read_scan
from coppermind_pipeline.sync.pulling.references import read_referenced

FOLLOW_EVERY_S = 5.0


@dataclass(slots=True)
class Pulled:
    """What a pull did.

    Attributes:
        found: records of the windows under way, by type.
        read: records read in full because they were new or changed, by type.
        linked: deals whose associations were read.
        referenced: records that were read because a deal is associated with them.
        complete: all came to its end; False if the time was up before.
        current: what changed was read to its end, and so was a first backfill; one that was asked for again may go on.
    """

    found: dict[ObjectType, int] = field(default_factory=lambda: dict.fromkeys(ObjectType, 0))
    read: dict[ObjectType, int] = field(default_factory=lambda: dict.fromkeys(ObjectType, 0))
    linked: int = 0
    referenced: int = 0
    complete: bool = False
    current: bool = False


async def pull(
    context: SyncContext, *, types: Collection[ObjectType] = tuple(ObjectType), time_is_up: Callable[[], bool]
) -> Pulled:
    """Read what is new into the raw log, until all is read or the time is up; a later pull goes on from there.

    Each page's rows commit together with the cursor that vouches for them, so that a process killed anywhere loses at
    most the pages in flight, and a run after it reads those again.

    Args:
        context: whose portal is read.
        types: the object types to read; associations are read if deals are.
        time_is_up: asked after each page or batch, so that even the shortest slice gets on; what is begun is finished.
    """
    since = context.connector.config.hubspot_backfill_since
    begun = await context.write(begin_scans, context.scope, backfill_since=since)
    scans = [scan for scan in begun if scan.object_type in types]
    under_way = _Pull(context, types, scans, await load_hydrators(context), time_is_up)
    try:
        with rare_collections():
            await under_way.run()
    except BaseExceptionGroup as failed:
        raise first_error(failed) from None
    return under_way.pulled


@dataclass(slots=True)
class _Pull:
    """A pull under way: deals alone at first, then what they name beside the rest, so that both are there early.

    Attributes:
        deals: tells that deals have come, whose associations can be asked for.
        answers: tells that answers about associations have come, whose records can be asked for.
        unfinished: scans that did not come to their end in the time.
    """

    context: SyncContext
    types: Collection[ObjectType]
    scans: Sequence[Scan]
    hydrators: Mapping[ObjectType, Hydrator]
    time_is_up: Callable[[], bool]
    pulled: Pulled = field(default_factory=Pulled)
    deals: Feed = field(default_factory=Feed)
    answers: Feed = field(default_factory=Feed)
    unfinished: list[Scan] = field(default_factory=list)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for hydrator in self.hydrators.values():
                hydrator.batched = BatchedReads(hydrator.read, group)
            scans = group.create_task(self._read_scans())
            associations = group.create_task(self._read_associations())
            referenced = group.create_task(self._read_referenced(beside=scans))
            group.create_task(_follow(self.context, (scans, associations, referenced)))
        associated = associations.result() and referenced.result()
        self._conclude(scanned=scans.result(), associated=associated)

    async def _read_scans(self) -> bool:
        try:
            ended = [await self._read_scan(scan) for scan in self.scans if scan.object_type == ObjectType.DEALS]
        finally:
            self.deals.finish()
        others = (self._read_scan(scan) for scan in self.scans if scan.object_type != ObjectType.DEALS)
        return all([*ended, *await run_together(others)])

    async def _read_scan(self, scan: Scan) -> bool:
        def on_pages(found: int, read: int) -> None:
            self.pulled.found[scan.object_type] += found
            self.pulled.read[scan.object_type] += read
            if scan.object_type == ObjectType.DEALS:
                self.deals.advance()

        hydrator = self.hydrators[scan.object_type]
        ended = await read_scan(self.context, scan, hydrator, time_is_up=self.time_is_up, on_pages=on_pages)
        if not ended:
            self.unfinished.append(scan)
        return ended

    async def _read_associations(self) -> bool:
        if ObjectType.DEALS not in self.types:
            return True
        self.pulled.linked, ended = await read_associations(
            self.context, self.time_is_up, deals=self.deals, answers=self.answers
        )
        return ended

    async def _read_referenced(self, *, beside: "asyncio.Task[bool]") -> bool:
        if ObjectType.DEALS not in self.types:
            return True
        await self.deals.end()
        self.pulled.referenced, ended = await read_referenced(
            self.context, self.hydrators, self.time_is_up, answers=self.answers, beside_scans=lambda: not beside.done()
        )
        return ended

    def _conclude(self, *, scanned: bool, associated: bool) -> None:
        polling = any(scan.kind == "incremental" for scan in self.scans)
        rest_is_backfill = polling and associated and all(scan.kind == "backfill" for scan in self.unfinished)
        self.pulled.complete = scanned and associated
        self.pulled.current = len(self.types) == len(ObjectType) and (self.pulled.complete or rest_is_backfill)


async def _follow(context: SyncContext, reading: Sequence[asyncio.Task[bool]]) -> None:
    """Normalize and link what has come so far, while a long pull waits for HubSpot; the rest is left to later steps.

    If the pull waits for this machine instead, associations are left too: they are taken up again with each record at
    one of their ends.
    """
    while (await asyncio.wait(reading, timeout=FOLLOW_EVERY_S))[1]:
        started = monotonic()
        await asyncio.to_thread(normalize, context.database, context.connector)
        if monotonic() - started < FOLLOW_EVERY_S / 4:
            await asyncio.to_thread(
                link_so_far, context.database, context.connector, enough=lambda: all(task.done() for task in reading)
            )

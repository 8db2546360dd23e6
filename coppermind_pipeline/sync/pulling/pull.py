"""The pull: what HubSpot holds in the windows under way, into the raw log.

One event loop; scans, hydration, associations and writing overlap, and the portal's rate budgets are the only bound.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

import structlog

from coppermind_pipeline.garbage_collection import rare_collections
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sync.concurrency import first_error, run_together, to_its_end
from coppermind_pipeline.sync.context import SyncContext
from coppermind_pipeline.sync.hydrating.batching import BatchedReads
from coppermind_pipeline.sync.hydrating.hydration import Hydrator, load_hydrators
from coppermind_pipeline.sync.normalizing.associations import (
    Linked,
    answered_until,
    changed_until,
    link_so_far,
    settled_deals,
)
from coppermind_pipeline.sync.normalizing.normalize import Normalized, normalize
from coppermind_pipeline.sync.pulling.associations import read_associations
from coppermind_pipeline.sync.pulling.cursors import Scan, begin_scans
from coppermind_pipeline.sync.pulling.feed import Feed
from coppermind_pipeline.sync.pulling.pages import read_scan
from coppermind_pipeline.sync.pulling.references import read_referenced

# A poll is mostly over before the first; the shorter the others are, the less is left to do when a backfill ends.
FOLLOW_AFTER_S, FOLLOW_EVERY_S = 5.0, 2.0
# A pull waits for HubSpot, and not for this machine, where its records are normalized in so much of the time.
NORMALIZING_SHARE_MAX = 0.5

log = structlog.get_logger(__name__)


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
        normalized, associated: what was done of what follows, beside the pull.
    """

    found: dict[ObjectType, int] = field(default_factory=lambda: dict.fromkeys(ObjectType, 0))
    read: dict[ObjectType, int] = field(default_factory=lambda: dict.fromkeys(ObjectType, 0))
    linked: int = 0
    referenced: int = 0
    complete: bool = False
    current: bool = False
    normalized: Normalized = field(default_factory=Normalized)
    associated: Linked = field(default_factory=Linked)


class Then(Protocol):
    """What else follows records that are normalized and linked, in a room above."""

    def __call__(self, *, contacts: bool, deals: Iterator[Sequence[str]], enough: Callable[[], bool]) -> None:
        """Take up what has come, as far as it gets.

        Args:
            contacts: take up contacts and companies; the companies that contacts name are stored.
            deals: take up those with these ids, a batch at a time; what they name is stored and linked.
            enough: asked between batches; once it says so, the rest is left to later steps.
        """
        ...


def nothing_else(*, contacts: bool, deals: Iterator[Sequence[str]], enough: Callable[[], bool]) -> None:
    """Leave all else to later steps."""


async def pull(
    context: SyncContext,
    *,
    types: Collection[ObjectType] = tuple(ObjectType),
    time_is_up: Callable[[], bool],
    then: Then = nothing_else,
) -> Pulled:
    """Read what is new into the raw log, until all is read or the time is up; a later pull goes on from there.

    Each page's rows commit together with the cursor that vouches for them, so that a process killed anywhere loses at
    most the pages in flight, and a run after it reads those again.

    Args:
        context: whose portal is read.
        types: the object types to read; associations are read if deals are.
        time_is_up: asked after each page or batch, so that even the shortest slice gets on; what is begun is finished.
        then: called in a thread from time to time, while a long pull waits for HubSpot.
    """
    since = context.connector.config.hubspot_backfill_since
    begun = await context.write(begin_scans, context.scope, backfill_since=since)
    scans = [scan for scan in begun if scan.object_type in types]
    under_way = _Pull(context, types, scans, await load_hydrators(context), time_is_up, then)
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
        ended: scans that have come to their end.
        answered, changed: answers about associations and changes of records up to these numbers have been followed by
            all else.
    """

    context: SyncContext
    types: Collection[ObjectType]
    scans: Sequence[Scan]
    hydrators: Mapping[ObjectType, Hydrator]
    time_is_up: Callable[[], bool]
    then: Then
    pulled: Pulled = field(default_factory=Pulled)
    deals: Feed = field(default_factory=Feed)
    answers: Feed = field(default_factory=Feed)
    ended: list[Scan] = field(default_factory=list)
    answered: int = 0
    changed: int = 0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for hydrator in self.hydrators.values():
                hydrator.batched = BatchedReads(hydrator.read, group)
            scans = group.create_task(self._read_scans())
            associations = group.create_task(self._read_associations())
            referenced = group.create_task(self._read_referenced(beside=scans))
            group.create_task(self._follow((scans, associations, referenced)))
        associated = associations.result() and referenced.result()
        self._conclude(scanned=scans.result(), associated=associated)

    async def _read_scans(self) -> bool:
        """Read the deals, and then the rest; in a backfill, its searches go on while the last deals are read in full.

        In a poll they don't: what its deals are associated with shares batches with the rest.
        """
        all_found = asyncio.Event()

        async def read_deals() -> bool:
            deals = [scan for scan in self.scans if scan.object_type == ObjectType.DEALS]
            try:
                ended = [await self._read_scan(scan, all_found) for scan in deals]
            finally:
                self.deals.finish()
            all_found.set()
            return all(ended)

        async def read_others() -> bool:
            await all_found.wait()
            others = (self._read_scan(scan) for scan in self.scans if scan.object_type != ObjectType.DEALS)
            return all(await run_together(others))

        return all(await run_together([read_deals(), read_others()]))

    async def _read_scan(self, scan: Scan, all_found: asyncio.Event | None = None) -> bool:
        def on_found() -> None:
            if all_found is not None and scan.kind == "backfill":
                all_found.set()

        def on_pages(found: int, read: int) -> None:
            self.pulled.found[scan.object_type] += found
            self.pulled.read[scan.object_type] += read
            if scan.object_type == ObjectType.DEALS:
                self.deals.advance()

        ended = await read_scan(
            self.context,
            scan,
            self.hydrators[scan.object_type],
            time_is_up=self.time_is_up,
            on_found=on_found,
            on_pages=on_pages,
        )
        if ended:
            self.ended.append(scan)
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

    async def _follow(self, reading: Sequence[asyncio.Task[bool]]) -> None:
        """Do what follows with what has come so far, while a long pull waits for HubSpot; later steps do the rest.

        So they do where it fails. If the pull waits for this machine instead, nothing but normalization is done:
        associations are taken up again with each record at one of their ends.
        """
        begun, wait_s = monotonic(), FOLLOW_AFTER_S
        try:
            connector_id = self.context.connector.id
            self.answered = await self.context.read(answered_until, connector_id)
            self.changed = await self.context.read(changed_until, connector_id)
            while (await asyncio.wait(reading, timeout=wait_s))[1]:
                wait_s = FOLLOW_EVERY_S
                before, begun = begun, monotonic()
                within_s = (begun - before) * NORMALIZING_SHARE_MAX
                await self._follow_once(within_s=within_s, enough=lambda: all(task.done() for task in reading))
        except Exception as error:  # noqa: BLE001 - whatever it is, the step whose work it is meets it as well
            log.warning("following failed", error=type(error).__name__)

    async def _follow_once(self, *, within_s: float, enough: Callable[[], bool]) -> None:
        """Normalize, and go on with the rest if that took no longer than `within_s`."""
        begun, connector = monotonic(), self.context.connector
        # Asked before: what has been read by now is what is normalized and linked below.
        contacts, answered = self._contacts_settled(), await self.context.read(answered_until, connector.id)
        stored = self.context.database, connector
        self.pulled.normalized += await to_its_end(normalize, *stored)
        if monotonic() - begun > within_s:
            return
        self.pulled.associated += await to_its_end(link_so_far, *stored, enough=enough)
        if not enough() and len(self.types) == len(ObjectType):
            changed = await self.context.read(changed_until, connector.id)
            deals = settled_deals(*stored, answered=(self.answered, answered), changed=(self.changed, changed))
            with closing(deals):
                await to_its_end(self.then, contacts=contacts, deals=deals, enough=enough)
            self.answered, self.changed = answered, changed

    def _contacts_settled(self) -> bool:
        """Say whether all companies have been read, which contacts name."""
        companies = [scan for scan in self.scans if scan.object_type == ObjectType.COMPANIES]
        return all(scan in self.ended for scan in companies)

    def _conclude(self, *, scanned: bool, associated: bool) -> None:
        polling = any(scan.kind == "incremental" for scan in self.scans)
        unfinished = [scan for scan in self.scans if scan not in self.ended]
        rest_is_backfill = polling and associated and all(scan.kind == "backfill" for scan in unfinished)
        self.pulled.complete = scanned and associated
        self.pulled.current = len(self.types) == len(ObjectType) and (self.pulled.complete or rest_is_backfill)

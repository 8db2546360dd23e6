"""The pull: what HubSpot holds in the windows under way, into the raw log.

One event loop; scans, hydration, links and writing overlap, and the portal's rate budgets are the only bound.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import TypeAlias

from sqlalchemy import Connection

from coppermind_pipeline.hubspot import HubSpotError, Record
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sync.concurrency import first_error, run_together
from coppermind_pipeline.sync.context import Progress, SyncContext
from coppermind_pipeline.sync.hydrating.batching import PackedReads
from coppermind_pipeline.sync.hydrating.hydration import Hydrator, load_property_set, store_records
from coppermind_pipeline.sync.normalizing.associations import link_so_far
from coppermind_pipeline.sync.normalizing.normalize import normalize
from coppermind_pipeline.sync.pulling.associations import read_associations, read_referenced
from coppermind_pipeline.sync.pulling.cursors import Scan, advance, begin_scans, complete
from coppermind_pipeline.sync.pulling.feed import Feed
from coppermind_pipeline.sync.pulling.garbage_collection import rare_collections
from coppermind_pipeline.sync.pulling.scan import ScanPage, scan_modified
from coppermind_pipeline.sync.raw.records import is_news, known_versions

# Pages of one scan that may be hydrated or wait to be written, and those that share a transaction: enough to hide
# latency, few enough to hold in memory.
PAGES_AHEAD_MAX, PAGES_WRITTEN_MAX = 6, 3
FOLLOW_EVERY_S = 5.0

_Pages: TypeAlias = "asyncio.Queue[tuple[ScanPage, asyncio.Task[list[Record]]] | None]"


@dataclass(slots=True)
class Pulled:
    """What a pull did.

    Attributes:
        found: records of the windows under way, by type.
        read: records read in full because they were new or changed, by type.
        linked: deals whose associations were read.
        referenced: records that were read because a deal is linked to them.
        complete: all came to its end; False where the time was up before.
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
        types: the object types to read; associations are read where deals are.
        time_is_up: asked after each page or batch, so that even the shortest slice gets on; what is begun is finished.
    """
    since = context.connector.config.hubspot_backfill_since
    scans = [
        scan
        for scan in await context.write(begin_scans, context.ids(), backfill_since=since)
        if scan.object_type in types
    ]
    hydrators = {
        object_type: Hydrator(context, object_type, await context.read(load_property_set, context.ids(), object_type))
        for object_type in ObjectType
    }
    pulled = Pulled()
    deals, links = Feed(), Feed()
    unfinished: list[Scan] = []

    async def read(scan: Scan) -> bool:
        on_page = deals.advance if scan.object_type == ObjectType.DEALS else _unheard
        ended = await _read_scan(
            context, scan, hydrators[scan.object_type], time_is_up=time_is_up, on_page=on_page, pulled=pulled
        )
        if not ended:
            unfinished.append(scan)
        return ended

    async def read_records() -> bool:
        # Deals alone at first, then what they link to beside the rest, so that both are there early.
        try:
            ended = [await read(scan) for scan in scans if scan.object_type == ObjectType.DEALS]
        finally:
            deals.finish()
        others = (read(scan) for scan in scans if scan.object_type != ObjectType.DEALS)
        return all([*ended, *await run_together(others)])

    async def read_links() -> bool:
        if ObjectType.DEALS not in types:
            return True
        (pulled.linked, linked_all), (pulled.referenced, referenced_all) = await run_together(
            (read_associations(context, time_is_up, deals=deals, links=links), read_references())
        )
        return linked_all and referenced_all

    async def read_references() -> tuple[int, bool]:
        await deals.end()
        return await read_referenced(
            context, hydrators, time_is_up, links=links, beside_scans=lambda: not scanned.done()
        )

    try:
        with rare_collections():
            async with asyncio.TaskGroup() as group:
                for hydrator in hydrators.values():
                    hydrator.packed = PackedReads(hydrator.read, group)
                scanned, linked = group.create_task(read_records()), group.create_task(read_links())
                group.create_task(_follow(context, (scanned, linked)))
    except BaseExceptionGroup as failed:
        raise first_error(failed) from None
    pulled.complete = scanned.result() and linked.result()
    polling = any(scan.kind == "incremental" for scan in scans)
    rest_is_backfill = polling and linked.result() and all(scan.kind == "backfill" for scan in unfinished)
    pulled.current = len(types) == len(ObjectType) and (pulled.complete or rest_is_backfill)
    return pulled


async def _follow(context: SyncContext, reading: Sequence[asyncio.Task[bool]]) -> None:
    """Normalize and link what has come so far, while a long pull waits for HubSpot; the rest is left to later steps.

    Where the pull waits for this machine instead, links are left too: they are taken up again with each record at one
    of their ends.
    """
    while (await asyncio.wait(reading, timeout=FOLLOW_EVERY_S))[1]:
        started = monotonic()
        await asyncio.to_thread(normalize, context.database, context.connector)
        if monotonic() - started < FOLLOW_EVERY_S / 4:
            await asyncio.to_thread(
                link_so_far, context.database, context.connector, enough=lambda: all(task.done() for task in reading)
            )


def _unheard() -> None:
    pass


async def _read_scan(
    context: SyncContext,
    scan: Scan,
    hydrator: Hydrator,
    *,
    time_is_up: Callable[[], bool],
    on_page: Callable[[], None],
    pulled: Pulled,
) -> bool:
    """Read one scan to its end, or until the time is up; pages are hydrated side by side, and written in order.

    Where a search fails, what the searches before it found is still written.
    """
    pages: _Pages = asyncio.Queue(PAGES_AHEAD_MAX)

    async def search(group: asyncio.TaskGroup) -> bool | HubSpotError:
        ended: bool | HubSpotError = True
        try:
            async for page in scan_modified(
                context.client,
                scan.object_type,
                since=scan.since,
                properties=hydrator.properties.required,
                start=scan.position,
            ):
                await pages.put((page, group.create_task(_news(context, hydrator, page.records))))
                if time_is_up() and not page.is_last:
                    ended = False
                    break
        except HubSpotError as error:
            ended = error
        await pages.put(None)
        return ended

    async def write() -> None:
        found, total = scan.records, scan.total
        while hydrated := await _waiting_pages(pages):
            await context.append(_write_pages, context, scan, hydrated, hydrator)
            for page, records in hydrated:
                found += len(page.records)
                total = total if page.total is None else page.total
                pulled.found[scan.object_type] += len(page.records)
                pulled.read[scan.object_type] += len(records)
            on_page()
            context.on_progress(Progress(scan.object_type.value, found, total))

    async with asyncio.TaskGroup() as group:
        searching, writing = group.create_task(search(group)), group.create_task(write())
    # A group keeps silent about a task that was cancelled; its result does not, and then nothing is vouched for.
    writing.result()
    ended = searching.result()
    if isinstance(ended, HubSpotError):
        raise ended
    if ended:
        await context.write(complete, context.ids(), scan)
    return ended


async def _waiting_pages(pages: _Pages) -> list[tuple[ScanPage, list[Record]]]:
    """Return what has come while the last pages were written, so that it shares a transaction; none at the end."""
    hydrated: list[tuple[ScanPage, list[Record]]] = []
    while len(hydrated) < PAGES_WRITTEN_MAX and not (hydrated and pages.empty()):
        entry = await pages.get()
        if entry is None:
            pages.put_nowait(None)  # for the next call
            break
        page, hydrating = entry
        hydrated.append((page, await hydrating))
    return hydrated


async def _news(context: SyncContext, hydrator: Hydrator, found: Sequence[Record]) -> list[Record]:
    """Return in full those of the found records that the log does not hold as of their modified date."""
    known = await context.read(known_versions, context.ids(), hydrator.object_type, [record.id for record in found])
    news = [record for record in found if is_news(hydrator.object_type, record, known.get(record.id))]
    return await hydrator.hydrate(news)


def _write_pages(
    connection: Connection,
    context: SyncContext,
    scan: Scan,
    hydrated: Sequence[tuple[ScanPage, list[Record]]],
    hydrator: Hydrator,
) -> None:
    store_records(connection, context, [record for _, records in hydrated for record in records], hydrator)
    advance(connection, context.ids(), scan, [page for page, _ in hydrated])

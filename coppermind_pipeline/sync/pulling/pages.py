"""The pages of one scan: found by search or in a listing, read in full side by side, and written in order."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeAlias

from sqlalchemy import Connection

from coppermind_pipeline.hubspot import HubSpotError, Record
from coppermind_pipeline.sync.context import Progress, SyncContext
from coppermind_pipeline.sync.hydrating.hydration import Hydrator
from coppermind_pipeline.sync.hydrating.storing import store_records
from coppermind_pipeline.sync.pulling.cursors import Scan, advance, complete
from coppermind_pipeline.sync.pulling.scan import ScanPage, scan_modified
from coppermind_pipeline.sync.raw.records import is_news, known_versions

# Pages of one scan that may be hydrated or wait to be written, and those that share a transaction: enough to hide
# latency, few enough to hold in memory.
PAGES_AHEAD_MAX, PAGES_WRITTEN_MAX = 6, 3

_Pages: TypeAlias = "asyncio.Queue[tuple[ScanPage, asyncio.Task[list[Record]]] | None]"


async def read_scan(
    context: SyncContext,
    scan: Scan,
    hydrator: Hydrator,
    *,
    time_is_up: Callable[[], bool],
    on_found: Callable[[], None],
    on_pages: Callable[[int, int], None],
) -> bool:
    """Read one scan to its end, or until the time is up; return whether it came to its end.

    If a search fails, what the searches before it found is still written.

    Args:
        context: whose portal is read.
        scan: where it stands.
        hydrator: reads what is new in full.
        time_is_up: asked after each page.
        on_found: hears that there will be no more searches; pages may still be read in full, and written.
        on_pages: hears of pages that are written: the records found, and those of them that were read in full.
    """
    pages: _Pages = asyncio.Queue(PAGES_AHEAD_MAX)

    async def search(group: asyncio.TaskGroup) -> bool | HubSpotError:
        ended: bool | HubSpotError = True
        try:
            async for page in _pages_of(context, scan, hydrator):
                await pages.put((page, group.create_task(_news(context, hydrator, page.records))))
                if time_is_up() and not page.is_last:
                    ended = False
                    break
            on_found()
        except HubSpotError as error:
            ended = error
        await pages.put(None)
        return ended

    async with asyncio.TaskGroup() as group:
        searching = group.create_task(search(group))
        writing = group.create_task(_write(context, scan, hydrator, pages, on_pages))
    # A group keeps silent about a task that was cancelled; its result does not, and then nothing is vouched for.
    writing.result()
    ended = searching.result()
    if isinstance(ended, HubSpotError):
        raise ended
    if ended:
        await context.write(complete, context.scope, scan)
    return ended


def _pages_of(context: SyncContext, scan: Scan, hydrator: Hydrator) -> AsyncIterator[ScanPage]:
    properties = hydrator.properties.searched
    return scan_modified(context.client, scan.object_type, since=scan.since, properties=properties, start=scan.position)


async def _news(context: SyncContext, hydrator: Hydrator, found: Sequence[Record]) -> list[Record]:
    """Return in full those of the found records that the log does not hold as of their modified date."""
    known = await context.read(known_versions, context.scope, hydrator.object_type, [record.id for record in found])
    news = [record for record in found if is_news(hydrator.object_type, record, known.get(record.id))]
    return await hydrator.hydrate(news)


async def _write(
    context: SyncContext, scan: Scan, hydrator: Hydrator, pages: _Pages, on_pages: Callable[[int, int], None]
) -> None:
    found, total = scan.records, scan.total
    while hydrated := await _waiting_pages(pages):
        await context.append(_store, context, scan, hydrated, hydrator)
        found_here = sum(len(page.records) for page, _ in hydrated)
        found += found_here
        total = next((page.total for page, _ in reversed(hydrated) if page.total is not None), total)
        on_pages(found_here, sum(len(records) for _, records in hydrated))
        context.on_progress(Progress(scan.object_type.value, found, total))


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


def _store(
    connection: Connection,
    context: SyncContext,
    scan: Scan,
    hydrated: Sequence[tuple[ScanPage, list[Record]]],
    hydrator: Hydrator,
) -> None:
    store_records(connection, context, [record for _, records in hydrated for record in records], hydrator)
    advance(connection, context.scope, scan, [page for page, _ in hydrated])

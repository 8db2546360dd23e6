"""The scan: every record of one type modified at or after a moment, each once, in pages, whatever changes meanwhile."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from coppermind_pipeline.hubspot import (
    LIST_PAGE_RECORDS_MAX,
    MODIFIED_PROPERTY,
    SEARCH_PAGE_RECORDS_MAX,
    Filter,
    HubSpotClient,
    Operator,
    PortalUnavailable,
    Record,
    RequestRefused,
    SearchPage,
)
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sync.raw.records import modified_at

log = structlog.get_logger(__name__)

# A window of so many records is read from both its ends at once: each search waits for the answer before it, and
# answers that take more than 0.2 s would leave HubSpot's five searches a second unused. Below, it isn't worth the two
# or three searches more that it takes to meet.
FROM_BOTH_ENDS_RECORDS = 5_000
_ABOVE_ALL_IDS = 2**63


@dataclass(frozen=True, slots=True)
class Position:
    """Where a scan stands; what it has read up to here, it need not read again.

    Attributes:
        last_id: all records of the window with an id up to this one are read, where the scan goes by search.
        first_id: so are those from this one on, where it goes from both ends.
        list_after: cursor of the next page, where it goes by the list.
    """

    last_id: int = 0
    first_id: int | None = None
    by_list: bool = False
    list_after: str | None = None


@dataclass(frozen=True, slots=True)
class ScanPage:
    """Records of the window, and the position behind them.

    Attributes:
        is_last: nothing is left behind this page.
        total: records of the window as the portal counts them, on a search's first page.
    """

    records: tuple[Record, ...]
    position: Position
    is_last: bool
    total: int | None = None


class _SearchNotTrusted(Exception):
    """The portal's search broke one of the promises that a scan by keyset stands on."""


async def scan_modified(
    client: HubSpotClient,
    object_type: ObjectType,
    *,
    since: datetime,
    properties: Sequence[str],
    start: Position = Position(),
) -> AsyncIterator[ScanPage]:
    """Yield pages of all records modified at or after `since`.

    Goes by keyset: records with an id above the last one, ids ascending. So an edit during the scan can neither hide
    nor repeat a record, and no query comes near the 10,000 results at which a search ends. The order that this stands
    on is checked on each page; if the portal breaks it, the scan starts over by listing all records, which knows no
    cap and no index, and compares the dates itself.

    Args:
        since: inclusive lower bound, aware; HubSpot compares whole milliseconds.
        properties: names that each record brings; the id and the modified date come besides.
        start: where an earlier scan of the same window was interrupted.

    Raises:
        PortalUnavailable: the list goes round in a circle; besides what every call may raise.
    Source: HubSpot, "Search the CRM".
    """
    if not start.by_list:
        try:
            async for page in _by_keyset(client, object_type, since, properties, start):
                yield page
        except _SearchNotTrusted as reason:
            log.warning("search not trusted", object_type=object_type.value, reason=str(reason))
            start = Position(by_list=True)
        else:
            return
    async for page in _by_listing(client, object_type, since, properties, start.list_after):
        yield page


async def _by_keyset(
    client: HubSpotClient, object_type: ObjectType, since: datetime, properties: Sequence[str], start: Position
) -> AsyncIterator[ScanPage]:
    """Read the window by id, upward, and if it is large downward at the same time, until the two meet."""
    window = _Window(client, object_type, since, _with_modified(object_type, properties))
    last_id, first_id = start.last_id, start.first_id
    upward = window.pages(above=last_id)
    downward = window.pages(below=first_id) if first_id is not None else None
    under_way = {asyncio.create_task(_next(pages)): pages for pages in (upward, downward) if pages is not None}
    try:
        while True:
            done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            task = done.pop()
            pages = under_way.pop(task)
            try:
                page = task.result()
            except (_SearchNotTrusted, RequestRefused) as reason:
                if pages is upward:
                    raise
                # What goes upward needs nobody to meet.
                log.warning("no search from the upper end", object_type=object_type.value, reason=str(reason))
                first_id = None
                continue
            if pages is upward:
                records = [r for r in page.records if first_id is None or int(r.id) < first_id]
                last_id = page.up_to_id
            else:
                records = [r for r in page.records if int(r.id) > last_id]
                first_id = page.up_to_id
            is_last = page.is_last or (first_id is not None and last_id >= first_id - 1)
            yield ScanPage(_in_window(object_type, records, since), Position(last_id, first_id), is_last, page.total)
            if is_last:
                return
            under_way[asyncio.create_task(_next(pages))] = pages
            if downward is None and (page.total or 0) >= FROM_BOTH_ENDS_RECORDS:
                downward = window.pages(below=_ABOVE_ALL_IDS)
                under_way[asyncio.create_task(_next(downward))] = downward
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _next(pages: "AsyncGenerator[_KeysetPage, None]") -> "_KeysetPage":
    return await anext(pages)


@dataclass(frozen=True, slots=True)
class _KeysetPage:
    """A page of a keyset scan in one direction.

    Attributes:
        up_to_id: the id that it has come to, itself included.
        is_last: nothing is left beyond it.
        total: records of the window as the portal counts them, on the first page of a scan through all of it.
    """

    records: Sequence[Record]
    up_to_id: int
    is_last: bool
    total: int | None


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Ids above one and up to another that a page covers, the records that it brought, and those left beyond it."""

    above: int
    up_to: int
    records: int
    left: int


@dataclass(frozen=True, slots=True)
class _Window:
    """The records of a type modified since a moment, as search finds them, in the order of their ids."""

    client: HubSpotClient
    object_type: ObjectType
    since: datetime
    properties: Sequence[str]

    async def pages(self, *, above: int = 0, below: int | None = None) -> "AsyncGenerator[_KeysetPage, None]":
        """Yield the pages above an id, upward, or those below one, downward.

        A page is handed out once the one behind it has shown that nothing was skipped.
        """
        bound, downward = (above, False) if below is None else (below, True)
        from_its_end = bound in {0, _ABOVE_ALL_IDS}
        unproven: tuple[_KeysetPage, _Stretch] | None = None
        while True:
            answer = await (self._search(up_to=bound - 1, downward=True) if downward else self._search(above=bound))
            if unproven is not None:
                page, stretch = unproven
                await self._check_nothing_skipped(stretch, left=answer.total)
                yield page
            reached = _checked_last_id(answer.records, beyond=bound, downward=downward)
            # Either may say that more is left, and neither alone that nothing is.
            is_last = answer.after is None and len(answer.records) >= answer.total
            total = answer.total if from_its_end and unproven is None else None
            page = _KeysetPage(answer.records, reached, is_last, total)
            if is_last:
                yield page
                return
            if not answer.records:
                raise _SearchNotTrusted(f"an empty page where {answer.total} records are left")
            above, up_to = (reached - 1, bound - 1) if downward else (bound, reached)
            unproven = page, _Stretch(above, up_to, len(answer.records), answer.total - len(answer.records))
            bound = reached

    async def _search(
        self, *, above: int = 0, up_to: int | None = None, downward: bool = False, count_only: bool = False
    ) -> SearchPage:
        filters = [Filter(MODIFIED_PROPERTY[self.object_type], Operator.GTE, self.since)]
        if above:
            filters.append(Filter("hs_object_id", Operator.GT, above))
        if up_to is not None and up_to < _ABOVE_ALL_IDS - 1:
            filters.append(Filter("hs_object_id", Operator.LTE, up_to))
        return await self.client.search(
            self.object_type,
            filters=filters,
            by_id="descending" if downward else "ascending",
            properties=("hs_object_id",) if count_only else self.properties,
            limit=1 if count_only else SEARCH_PAGE_RECORDS_MAX,
        )

    async def _check_nothing_skipped(self, stretch: _Stretch, *, left: int) -> None:
        """Raise if the stretch holds more records than its page did, as happens if ids are sorted as text.

        Records come into a window and leave it only by being deleted. So more than expected beyond the stretch proves
        nothing, and fewer were either deleted or passed over: then the stretch itself is counted.
        """
        if left >= stretch.left:
            return
        counted = await self._search(above=stretch.above, up_to=stretch.up_to, count_only=True)
        if counted.total > stretch.records:
            raise _SearchNotTrusted(
                f"{stretch.records} of {counted.total} records up to id {stretch.up_to} on a page in order of ids"
            )


async def _by_listing(
    client: HubSpotClient, object_type: ObjectType, since: datetime, properties: Sequence[str], after: str | None
) -> AsyncIterator[ScanPage]:
    names = _with_modified(object_type, properties)
    seen = {after}
    while True:
        page = await client.list_page(object_type, after=after, properties=names, limit=LIST_PAGE_RECORDS_MAX)
        after = page.after
        if after is not None and after in seen:
            raise PortalUnavailable(f"HubSpot's list of {object_type.value} goes round in a circle.")
        seen.add(after)
        is_last = after is None
        yield ScanPage(_in_window(object_type, page.records, since), Position(by_list=True, list_after=after), is_last)
        if is_last:
            return


def _with_modified(object_type: ObjectType, properties: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*properties, MODIFIED_PROPERTY[object_type]]))


def _checked_last_id(records: Sequence[Record], *, beyond: int, downward: bool) -> int:
    """Return the last id; raise if ids do not ascend, or descend, as numbers from the one asked for."""
    for record in records:
        if not record.id.isdecimal() or (int(record.id) >= beyond if downward else int(record.id) <= beyond):
            raise _SearchNotTrusted(f"id {record.id} after {beyond}, {'downward' if downward else 'upward'}")
        beyond = int(record.id)
    return beyond


def _in_window(object_type: ObjectType, records: Iterable[Record], since: datetime) -> tuple[Record, ...]:
    """Return the records of the window, each once; one whose date can't be read counts as inside."""
    floor = since.replace(microsecond=since.microsecond // 1000 * 1000)
    inside = {
        record.id: record
        for record in records
        if (modified := modified_at(object_type, record)) is None or modified >= floor
    }
    return tuple(inside.values())

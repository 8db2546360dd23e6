"""The scan: every record of one type modified at or after a moment, each once, in pages, whatever changes meanwhile."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
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
from coppermind_pipeline.sync.pulling.position import ABOVE_ALL_IDS, Front, Position
from coppermind_pipeline.sync.raw.records import modified_at

log = structlog.get_logger(__name__)

# A window of so many records is read from both its ends at once: each search waits for the answer before it, and
# answers that take more than 0.2 s would leave HubSpot's five searches a second unused. Below, it isn't worth the two
# or three searches more that it takes to meet.
FROM_BOTH_ENDS_RECORDS = 5_000
# One of so many is read from its middle as well, both ways, if that leaves turns to search unused: two searches under
# way are too few for answers that take more than 0.4 s, this machine's own work on each included.
FROM_THE_MIDDLE_RECORDS = 10_000


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
    """Read the window by id, upward, and if it is large from its upper end and its middle too, until all have met."""
    fronts = _Fronts(_Window(client, object_type, since, _with_modified(object_type, properties)))
    position, total, found, only_upward = start, 0, 0, False
    for front in start.fronts:
        fronts.begin(front, start)
    try:
        while True:
            front, answered = await fronts.first()
            try:
                page = answered.result()
            except (_SearchNotTrusted, RequestRefused) as reason:
                if front == "up":
                    raise
                # What goes upward needs nobody to meet.
                log.warning("no search but upward", object_type=object_type.value, reason=str(reason))
                position, only_upward = Position(position.last_id), True
                fronts.become({"up": "up"})
                continue
            records = [record for record in page.records if not position.has(int(record.id))]
            before, position = position, position.after(front, page.up_to_id, is_last=page.is_last)
            is_last = position.is_whole or (page.is_last and front in {"up", "down"})
            total, found = page.total or total, found + len(records)
            yield ScanPage(_in_window(object_type, records, since), position, is_last, page.total)
            if is_last:
                return
            fronts.go_on(front)
            if before.middle is not None and position.middle is None:
                lower = position.last_id >= before.middle[0] - 1
                fronts.become(_LOWER_GAP_CLOSED if lower else _UPPER_GAP_CLOSED)
            if only_upward:
                continue
            if "down" not in fronts.at_work and total >= FROM_BOTH_ENDS_RECORDS:
                fronts.begin("down", position)
            elif (
                position.can_begin_in_the_middle
                and total - found >= FROM_THE_MIDDLE_RECORDS
                and front == "down"  # both ends have been at work for a while
                and not client.searches_wait
            ):
                position = position.from_the_middle()
                fronts.begin("middle up", position)
                fronts.begin("middle down", position)
    finally:
        await fronts.end()


class _Fronts:
    """The fronts of a scan, each with the search that it waits for."""

    def __init__(self, window: "_Window") -> None:
        self._window = window
        self.at_work: dict[Front, AsyncGenerator[_KeysetPage, None]] = {}
        self._asked: dict[Front, asyncio.Task[_KeysetPage]] = {}
        self._stopped: list[asyncio.Task[_KeysetPage]] = []

    def begin(self, front: Front, position: Position) -> None:
        """Let a front begin at its place."""
        self.at_work[front] = self._window.beyond(front, position)
        self.go_on(front)

    def go_on(self, front: Front) -> None:
        """Ask for the next page of a front."""
        self._asked[front] = asyncio.create_task(_next(self.at_work[front]))

    async def first(self) -> "tuple[Front, asyncio.Task[_KeysetPage]]":
        """Wait for the first answer, and return whose it is."""
        await asyncio.wait(self._asked.values(), return_when=asyncio.FIRST_COMPLETED)
        answered: Front = next(front for front in self._asked if self._asked[front].done())
        return answered, self._asked.pop(answered)

    def become(self, kept: Mapping[Front, Front]) -> None:
        """Keep some of the fronts, each as another, and stop the rest."""
        stopped = [task for front, task in self._asked.items() if front not in kept]
        for task in stopped:
            task.cancel()
        self._stopped += stopped
        self.at_work = {kept[front]: pages for front, pages in self.at_work.items() if front in kept}
        self._asked = {kept[front]: task for front, task in self._asked.items() if front in kept}

    async def end(self) -> None:
        """Stop them all."""
        self.become({})
        await asyncio.gather(*self._stopped, return_exceptions=True)


# Where two fronts have met, the other two go on; those from the middle take the place of those from the ends.
_LOWER_GAP_CLOSED: Mapping[Front, Front] = {"middle up": "up", "down": "down"}
_UPPER_GAP_CLOSED: Mapping[Front, Front] = {"up": "up", "middle down": "down"}


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

    def beyond(self, front: Front, position: Position) -> "AsyncGenerator[_KeysetPage, None]":
        """Return the pages of a front beyond where the scan stands."""
        if front == "up":
            return self.pages(above=position.last_id)
        if front == "down" or position.middle is None:
            return self.pages(below=ABOVE_ALL_IDS if position.first_id is None else position.first_id)
        lowest, highest = position.middle
        return self.pages(above=highest) if front == "middle up" else self.pages(below=lowest)

    async def pages(self, *, above: int = 0, below: int | None = None) -> "AsyncGenerator[_KeysetPage, None]":
        """Yield the pages above an id, upward, or those below one, downward.

        A page is handed out once the one behind it has shown that nothing was skipped.
        """
        bound, downward = (above, False) if below is None else (below, True)
        from_its_end = bound in {0, ABOVE_ALL_IDS}
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
        if up_to is not None and up_to < ABOVE_ALL_IDS - 1:
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

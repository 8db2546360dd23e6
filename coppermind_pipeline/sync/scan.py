"""The scan: every record of one type modified at or after a moment, each once, in pages, whatever changes meanwhile."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from coppermind_pipeline import crm
from coppermind_pipeline.hubspot import (
    LIST_PAGE_RECORDS_MAX,
    MODIFIED_PROPERTY,
    SEARCH_PAGE_RECORDS_MAX,
    Filter,
    HubSpotClient,
    Operator,
    PortalUnavailable,
    Record,
    SearchPage,
)
from coppermind_pipeline.object_types import ObjectType

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a scan stands; what it has read up to here, it need not read again.

    Attributes:
        last_id: all records of the window with an id up to this one are read, where the scan goes by search.
        list_after: cursor of the next page, where it goes by the list.
    """

    last_id: int = 0
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
    """The portal's search broke one of the promises that a walk by id stands on."""


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
    on is checked on each page; where the portal breaks it, the scan starts over by the list of all records, which
    knows no cap and no index, and compares the dates itself.

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
            async for page in _by_search(client, object_type, since, properties, start.last_id):
                yield page
        except _SearchNotTrusted as reason:
            log.warning("search not trusted", object_type=object_type.value, reason=str(reason))
            start = Position(by_list=True)
        else:
            return
    async for page in _by_list(client, object_type, since, properties, start.list_after):
        yield page


async def _by_search(
    client: HubSpotClient, object_type: ObjectType, since: datetime, properties: Sequence[str], last_id: int
) -> AsyncIterator[ScanPage]:
    """Walk the window by id. A page is handed out once the one behind it has shown that nothing was skipped."""
    window = _Window(client, object_type, since)
    names = _with_modified(object_type, properties)
    unproven: tuple[ScanPage, _Stretch] | None = None
    while True:
        answer = await window.search(above=last_id, properties=names, limit=SEARCH_PAGE_RECORDS_MAX)
        if unproven is not None:
            page, stretch = unproven
            await window.check_nothing_skipped(stretch, left=answer.total)
            yield page
        total = answer.total if last_id == 0 else None
        highest_id = _checked_highest_id(answer.records, above=last_id)
        # Either may say that more is left, and neither alone that nothing is.
        is_last = answer.after is None and len(answer.records) >= answer.total
        page = ScanPage(_in_window(object_type, answer.records, since), Position(highest_id), is_last, total)
        if is_last:
            yield page
            return
        if not answer.records:
            raise _SearchNotTrusted(f"an empty page where {answer.total} records are left")
        unproven = page, _Stretch(last_id, highest_id, len(answer.records), answer.total - len(answer.records))
        last_id = highest_id


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Ids above one and up to another that a page covers, the records that it brought, and those it left above."""

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

    async def search(
        self, *, above: int, up_to: int | None = None, properties: Sequence[str], limit: int
    ) -> SearchPage:
        filters = [Filter(MODIFIED_PROPERTY[self.object_type], Operator.GTE, self.since)]
        if above:
            filters.append(Filter("hs_object_id", Operator.GT, above))
        if up_to is not None:
            filters.append(Filter("hs_object_id", Operator.LTE, up_to))
        return await self.client.search(self.object_type, filters=filters, properties=properties, limit=limit)

    async def check_nothing_skipped(self, stretch: _Stretch, *, left: int) -> None:
        """Raise where the stretch holds more records than its page did, as where ids are sorted as text.

        Records come into a window and leave it only by being deleted. So more than expected above the stretch proves
        nothing, and fewer were either deleted or passed over: then the stretch itself is counted.
        """
        if left >= stretch.left:
            return
        counted = await self.search(above=stretch.above, up_to=stretch.up_to, properties=("hs_object_id",), limit=1)
        if counted.total > stretch.records:
            raise _SearchNotTrusted(
                f"{stretch.records} of {counted.total} records up to id {stretch.up_to} on a page in order of ids"
            )


async def _by_list(
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


def _checked_highest_id(records: Sequence[Record], *, above: int) -> int:
    """Return the highest id; raise where ids do not ascend as numbers from the one asked for."""
    for record in records:
        if not record.id.isdecimal() or int(record.id) <= above:
            raise _SearchNotTrusted(f"id {record.id} after {above}")
        above = int(record.id)
    return above


def _in_window(object_type: ObjectType, records: Sequence[Record], since: datetime) -> tuple[Record, ...]:
    """Return the records of the window, each once; one whose date can't be read counts as inside."""
    floor = since.replace(microsecond=since.microsecond // 1000 * 1000)
    inside = {
        record.id: record
        for record in records
        if (modified := modified_at(object_type, record)) is None or modified >= floor
    }
    return tuple(inside.values())


def modified_at(object_type: ObjectType, record: Record) -> datetime | None:
    """Return when HubSpot says that the record was last modified; None where it does not say, or not readably."""
    value = record.properties.get(MODIFIED_PROPERTY[object_type]) or record.updated_at
    return crm.read_datetime(value) if value else None

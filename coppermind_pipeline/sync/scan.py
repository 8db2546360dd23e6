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
    Record,
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
    Source: HubSpot, "Search the CRM".
    """
    if not start.by_list:
        try:
            async for page in _by_search(client, object_type, since, properties, start):
                yield page
        except _SearchNotTrusted as reason:
            log.warning("search not trusted", object_type=object_type.value, reason=str(reason))
            start = Position(by_list=True)
        else:
            return
    async for page in _by_list(client, object_type, since, properties, start):
        yield page


async def _by_search(
    client: HubSpotClient, object_type: ObjectType, since: datetime, properties: Sequence[str], start: Position
) -> AsyncIterator[ScanPage]:
    modified = Filter(MODIFIED_PROPERTY[object_type], Operator.GTE, since)
    names = _with_modified(object_type, properties)
    last_id = start.last_id
    while True:
        page = await client.search(
            object_type,
            filters=[modified, Filter("hs_object_id", Operator.GT, last_id)],
            properties=names,
            limit=SEARCH_PAGE_RECORDS_MAX,
        )
        total = page.total if last_id == 0 else None
        last_id = _checked_last_id(page.records, after=last_id)
        is_last = len(page.records) >= page.total
        yield ScanPage(_in_window(object_type, page.records, since), Position(last_id=last_id), is_last, total)
        if is_last:
            return
        if not page.records:
            raise _SearchNotTrusted(f"an empty page where {page.total} records are left")


async def _by_list(
    client: HubSpotClient, object_type: ObjectType, since: datetime, properties: Sequence[str], start: Position
) -> AsyncIterator[ScanPage]:
    names = _with_modified(object_type, properties)
    after = start.list_after
    while True:
        page = await client.list_page(object_type, after=after, properties=names, limit=LIST_PAGE_RECORDS_MAX)
        if page.after is not None and page.after == after:
            msg = f"the list of {object_type.value} repeats its cursor"
            raise RuntimeError(msg)
        after = page.after
        is_last = after is None
        yield ScanPage(_in_window(object_type, page.records, since), Position(by_list=True, list_after=after), is_last)
        if is_last:
            return


def _with_modified(object_type: ObjectType, properties: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*properties, MODIFIED_PROPERTY[object_type]]))


def _checked_last_id(records: Sequence[Record], *, after: int) -> int:
    """Return the highest id; raise where ids do not ascend as numbers from the one asked for."""
    for record in records:
        if not record.id.isdecimal() or int(record.id) <= after:
            raise _SearchNotTrusted(f"id {record.id} after {after}")
        after = int(record.id)
    return after


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

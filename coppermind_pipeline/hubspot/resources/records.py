"""Records as HubSpot returns them, and the filters that search for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from coppermind_pipeline.hubspot.errors import ErrorItem
from coppermind_pipeline.hubspot.http.answers import decoded, error_items
from coppermind_pipeline.object_types import ObjectType

SEARCH_PAGE_RECORDS_MAX = 200
LIST_PAGE_RECORDS_MAX = 100
BATCH_READ_IDS_MAX = 100

NOT_FOUND = "OBJECT_NOT_FOUND"

# Contacts define `hs_lastmodifieddate` too, but a search on it finds nothing, without an error.
MODIFIED_PROPERTY = {
    ObjectType.CONTACTS: "lastmodifieddate",
    ObjectType.COMPANIES: "hs_lastmodifieddate",
    ObjectType.DEALS: "hs_lastmodifieddate",
}


class Record(msgspec.Struct, frozen=True, gc=False):
    """One CRM record.

    Attributes:
        content: its properties as a JSON object of text, names in any order. Thousands of records wait to be written
            at a time; as objects, their values would take more than twice the memory.
        created_at, updated_at, archived_at: ISO 8601 texts as received.
        url: the record's page in HubSpot.
        is_partial: it could not be read by its id: it is as a search shows it, without most of its properties.
    """

    id: str
    content: bytes
    created_at: str | None = None
    updated_at: str | None = None
    archived: bool = False
    archived_at: str | None = None
    url: str | None = None
    is_partial: bool = False

    @property
    def properties(self) -> dict[str, str]:
        """The values as text, those that there are: most of what a portal defines is empty in most records."""
        return decoded(self.content)


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of a search.

    Attributes:
        total: records that match the whole search, this page's included.
        after: cursor of the next page; None on the last.
    """

    total: int
    records: tuple[Record, ...]
    after: str | None


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a list; `after` is the cursor of the next page, None on the last."""

    records: tuple[Record, ...]
    after: str | None


@dataclass(frozen=True, slots=True)
class BatchRead:
    """What a read by ids found.

    Attributes:
        records: each record once, in any order. Asked by the id of a record that was merged away, HubSpot answers
            with the survivor, under the survivor's id.
        missing_ids: asked, and answered as not found: deleted, erased, or never there.
        failed_ids: asked, and answered with another error: nothing is known about them.
        unanswered_ids: asked, and in neither results nor errors: merged into one of `survivors`, or left out.
        errors: HubSpot's own entries.
    """

    records: tuple[Record, ...] = ()
    missing_ids: frozenset[str] = frozenset()
    failed_ids: frozenset[str] = frozenset()
    unanswered_ids: frozenset[str] = frozenset()
    survivors: tuple[Record, ...] = ()
    errors: tuple[ErrorItem, ...] = ()


class Operator(StrEnum):
    """The comparisons of HubSpot's search that the product asks for."""

    LT = "LT"
    LTE = "LTE"
    GT = "GT"
    GTE = "GTE"
    IN = "IN"


FilterValue = str | int | datetime


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition of a search.

    Attributes:
        value: for the comparisons with one value. A datetime (aware) goes out in whole milliseconds, finer digits
            cut, because HubSpot compares no finer.
        values: for IN; HubSpot wants them in lower case for text properties.
    """

    property_name: str
    operator: Operator
    value: FilterValue | None = None
    values: Sequence[FilterValue] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the filter as HubSpot's search takes it."""
        condition: dict[str, Any] = {"propertyName": self.property_name, "operator": self.operator.value}
        if self.value is not None:
            condition["value"] = _filter_text(self.value)
        if self.values:
            condition["values"] = [_filter_text(value) for value in self.values]
        return condition


def _filter_text(value: FilterValue) -> str:
    if isinstance(value, datetime):
        # Not timestamp() times 1000: the product of floats is off by one for some milliseconds.
        return str(int(value.replace(microsecond=0).timestamp()) * 1000 + value.microsecond // 1000)
    return str(value)


def read_search_page(data: Mapping[str, Any]) -> SearchPage:
    """Return a search's answer as a page."""
    return SearchPage(int(data["total"]), data["results"], next_after(data))


def read_list_page(data: Mapping[str, Any]) -> ListPage:
    """Return a list's answer as a page."""
    return ListPage(data["results"], next_after(data))


def read_batch(data: Mapping[str, Any], *, asked: Sequence[str]) -> BatchRead:
    """Return a batch read's answer, with the fate of each id that was asked for.

    HubSpot tells partial success by status 207 in some versions and by the body alone in others: `errors` decides.
    """
    records = tuple({record.id: record for record in data["results"]}.values())
    errors = error_items(data)
    asked_ids, found_ids = frozenset(asked), {record.id for record in records}
    missing = frozenset(i for item in errors if item.category == NOT_FOUND for i in item.ids) & asked_ids - found_ids
    failed = frozenset(i for item in errors for i in item.ids) & asked_ids - found_ids - missing
    return BatchRead(
        records=records,
        missing_ids=missing,
        failed_ids=failed,
        unanswered_ids=asked_ids - found_ids - missing - failed,
        survivors=tuple(record for record in records if record.id not in asked_ids),
        errors=errors,
    )


def joined(parts: Sequence[BatchRead], *, asked: Sequence[str], failed: Mapping[str, str]) -> BatchRead:
    """Return a batch that was read in parts as one; `failed` are the ids that could not be read even alone, and why."""
    records = {record.id: record for part in parts for record in part.records}
    missing = frozenset().union(*(part.missing_ids for part in parts)) - records.keys()
    unreadable = frozenset(failed).union(*(part.failed_ids for part in parts)) - records.keys()
    return BatchRead(
        records=tuple(records.values()),
        missing_ids=missing,
        failed_ids=unreadable,
        unanswered_ids=frozenset(asked) - records.keys() - missing - unreadable,
        survivors=tuple(record for record in records.values() if record.id not in asked),
        errors=(
            *(item for part in parts for item in part.errors),
            *(ErrorItem(message=words, context={"ids": (hubspot_id,)}) for hubspot_id, words in failed.items()),
        ),
    )


def next_after(data: Mapping[str, Any]) -> str | None:
    """Return the cursor of the next page, or None on the last."""
    following = (data.get("paging") or {}).get("next") or {}
    after = following.get("after")
    return None if after is None or after == "" else str(after)

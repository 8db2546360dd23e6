"""Search over one portal.

A query's matching ids are computed once, sorted, and kept while the portal does not change. Pages are cut from
them, by offset or, where a query walks ids upward or downward, by bisection: so a walk through a million records costs
one scan and not five thousand.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field

from coppermind_pipeline.sandbox.portal.object_kinds import ObjectKind
from coppermind_pipeline.sandbox.portal.portal import Portal
from coppermind_pipeline.sandbox.portal.record_store import StoredRecord
from coppermind_pipeline.sandbox.search.filters import (
    Condition,
    Filter,
    all_of,
    any_of,
    compile_filter,
    sort_terms,
    words_condition,
)
from coppermind_pipeline.sandbox.search.request import SearchRequest

KEPT_RESULTS_MAX = 8

_UPWARD, _DOWNWARD = ("hs_object_id", False), ("hs_object_id", True)


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of a search: `next_after` is the offset of the page that follows, if one does."""

    total: int
    records: list[StoredRecord]
    next_after: int | None


@dataclass(slots=True)
class SearchIndex:
    """The sorted ids of the last queries of one portal."""

    portal: Portal
    _kept: OrderedDict[Hashable, "array[int]"] = field(default_factory=OrderedDict)
    _version: int = -1

    def search(self, kind: ObjectKind, request: SearchRequest) -> SearchPage:
        """Answer a search; raises Refusal where a filter makes no sense."""
        self.portal.records.catch_up(self.portal.clock.now_ms())
        groups, low, high = self._bounds_of_ids(request)
        ids = self._matching(kind, groups, request)
        start = 0 if low is None else bisect_left(ids, low)
        end = len(ids) if high is None else bisect_right(ids, high)
        total = max(0, end - start)
        offset = request.after or 0
        limit = self._page_size(request)
        if self._walks_ids(request) and request.sort == _DOWNWARD:
            page = ids[max(end - offset - limit, start) : max(end - offset, start)][::-1]
        else:
            page = ids[start + offset : min(start + offset + limit, end)]
        read_to = offset + len(page)
        more = read_to < total or (limit == 0 and total > 0)
        return SearchPage(total, self.portal.records.read_indexed(kind, page), read_to if more else None)

    def _page_size(self, request: SearchRequest) -> int:
        switches = self.portal.switches
        if switches.empty_pages and request.after is None:
            return 0
        if switches.short_pages:
            return max(1, request.limit // 2)
        return request.limit

    def _bounds_of_ids(self, request: SearchRequest) -> tuple[tuple[tuple[Filter, ...], ...], int | None, int | None]:
        """Take id bounds out of the filters where the sort makes them a cut through the sorted ids."""
        if not self._walks_ids(request) or len(request.groups) != 1:
            return request.groups, None, None
        low: int | None = None
        high: int | None = None
        rest: list[Filter] = []
        for each in request.groups[0]:
            bound = _bound(each)
            if bound is None:
                rest.append(each)
            elif each.operator in {"GT", "GTE"}:
                low = max(bound, low) if low is not None else bound
            else:
                high = min(bound, high) if high is not None else bound
        return (tuple(rest),), low, high

    def _walks_ids(self, request: SearchRequest) -> bool:
        return request.sort in {_UPWARD, _DOWNWARD} and self.portal.switches.id_order == "number"

    def _matching(
        self, kind: ObjectKind, groups: tuple[tuple[Filter, ...], ...], request: SearchRequest
    ) -> "array[int]":
        records = self.portal.records
        version = records.version
        if self._version != version:
            self._kept.clear()
            self._version = version
        # One order of the ids serves walks in both directions.
        sort = _UPWARD if self._walks_ids(request) else request.sort
        key = (kind.name, groups, request.query, sort, self.portal.switches)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = self._scan(kind, groups, request)
            if len(self._kept) > KEPT_RESULTS_MAX:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return found

    def _scan(self, kind: ObjectKind, groups: tuple[tuple[Filter, ...], ...], request: SearchRequest) -> "array[int]":
        portal = self.portal
        where = any_of([all_of([compile_filter(portal, kind, each) for each in group]) for group in groups])
        if request.query:
            where = all_of([where, words_condition(kind, request.query)])
        ids = f"SELECT id FROM {portal.records.indexed_source(kind)} WHERE {where.sql}"
        if self._walks_ids(request):
            # Asked to sort by id, SQLite would read the whole table in that order instead of the index on dates.
            rows = portal.records.connection.execute(ids, where.parameters)
            return array("q", sorted(row[0] for row in rows))
        if request.sort is None:
            order = Condition("created_ms, id")
        else:
            name, descending = request.sort
            order = sort_terms(portal, kind, name, descending=descending)
        rows = portal.records.connection.execute(f"{ids} ORDER BY {order.sql}", (*where.parameters, *order.parameters))
        return array("q", (row[0] for row in rows))


def _bound(wanted: Filter) -> int | None:
    """Return an id filter's bound as an inclusive one; None where it is no bound on ids."""
    if wanted.property_name != "hs_object_id" or wanted.operator not in {"GT", "GTE", "LT", "LTE"}:
        return None
    try:
        value = int(wanted.value or "")
    except ValueError:
        return None
    return value + {"GT": 1, "LT": -1}.get(wanted.operator, 0)

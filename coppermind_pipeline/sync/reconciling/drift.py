"""Drift: HubSpot's count of a window beside ours, like with like, and which ids differ where the difference stays.

A difference is looked into only when it has outlasted the index delay, and then for what was modified before it was
first seen: what changes meanwhile proves nothing. What turns out to be wrong in the store is put right; drift is what
remains, on which HubSpot's search and its records disagree.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, TextClause, text

from coppermind_pipeline.connectors import record_event
from coppermind_pipeline.hubspot import MODIFIED_PROPERTY, SEARCH_PAGE_RECORDS_MAX, Filter, Operator, SearchPage
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sync.backfill import note_total
from coppermind_pipeline.sync.context import SyncContext
from coppermind_pipeline.sync.hydrating.hydration import Hydrator
from coppermind_pipeline.sync.reconciling.lookup import Lookup

INDEX_DELAY = timedelta(minutes=60)

# Bounds of the search for the ids that differ: requests, and ids kept as a sample.
REQUESTS_MAX = 200
SAMPLE_IDS_MAX = 100

_HIGHEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference that outlasted the index delay; the ids are samples, none where the portal's search has no order.

    Attributes:
        portal_total, stored_total: records of the window as HubSpot's search counts them, and as they are stored.
        missing_ids: found by search, and neither stored nor readable.
        surplus_ids: stored and readable, and not found by search.
    """

    portal_total: int
    stored_total: int
    missing_ids: tuple[str, ...] = ()
    surplus_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Compared:
    """The comparison before: since when the totals differ, whether that is drift, and whether another one is due."""

    differs_since: datetime | None
    drift: Drift | None
    due: bool


async def compare_window(
    hydrator: Hydrator,
    since: datetime,
    settle: Callable[[Sequence[str]], Awaitable[Lookup]],
    *,
    every: timedelta,
    index_delay: timedelta,
) -> Drift | None:
    """Compare the totals of a type's window where that is due; return the drift that is known then.

    Args:
        settle: finds out what became of records, and stores it.
        every: between comparisons of totals that were the same.
        index_delay: until totals that differed are compared again.
    """
    context, object_type = hydrator.context, hydrator.object_type
    before = await context.read(_load, context, object_type, every=every, index_delay=index_delay)
    if not before.due:
        return before.drift
    window = _Window(context, object_type, since)
    portal_total, stored_total = await window.totals()
    if portal_total == stored_total:
        await context.write(_save_same, context, object_type, portal_total, healed=before.drift is not None)
        return None
    drift = None
    if before.differs_since is not None:
        drift = await _look_into(_Window(context, object_type, since, before.differs_since), settle)
    if drift is not None:
        drift = Drift(portal_total, stored_total, drift.missing_ids, drift.surplus_ids)
        await context.write(_save_drift, context, object_type, drift, is_new=before.drift is None)
    else:
        await context.write(_save_difference, context, object_type, portal_total, stored_total)
    return drift


async def _look_into(window: "_Window", settle: Callable[[Sequence[str]], Awaitable[Lookup]]) -> Drift | None:
    """Find what differs in a window that was at rest; put right what is wrong in the store, and return what is not."""
    portal_total, stored_total = await window.totals()
    if portal_total == stored_total:
        return None
    differences = await window.differences()
    if not differences.trusted:
        return Drift(portal_total, stored_total)
    found = await settle([*differences.missing, *differences.surplus])
    missing = tuple(i for i in differences.missing if i not in found.live)
    surplus = tuple(i for i in differences.surplus if i in found.live)
    still = await window.without_found(surplus)
    return Drift(portal_total, stored_total, missing, still) if missing or still else None


@dataclass(slots=True)
class _Differences:
    """Ids found by search and not stored in the window, and the reverse; `trusted`: the search keeps to its filters."""

    missing: list[str] = field(default_factory=list)
    surplus: list[str] = field(default_factory=list)
    trusted: bool = True

    @property
    def enough(self) -> bool:
        return not self.trusted or len(self.missing) + len(self.surplus) >= SAMPLE_IDS_MAX


@dataclass(frozen=True, slots=True)
class _Window:
    """What was modified from `since` on, and before `until` where that is given."""

    context: SyncContext
    object_type: ObjectType
    since: datetime
    until: datetime | None = None

    async def totals(self) -> tuple[int, int]:
        """Return the number of records by HubSpot's search, and of those stored."""
        page = await self._search([], limit=1)
        stored = await self.context.read(self._stored, 0, _HIGHEST_ID)
        return page.total, stored.count

    async def differences(self) -> _Differences:
        """Halve ranges of ids whose counts differ until they fit one page, whose ids are compared."""
        found = _Differences()
        ranges = [(0, _HIGHEST_ID)]
        requests = 0
        while ranges and not found.enough and requests < REQUESTS_MAX:
            low, high = ranges.pop()
            page = await self._search([Filter("hs_object_id", Operator.GTE, low),
                                       Filter("hs_object_id", Operator.LTE, high)])  # fmt: skip
            requests += 1
            stored = await self.context.read(self._stored, low, high)
            if page.after is None:
                await self._compare_ids(page, low, high, found)
            elif page.total != stored.count and low < high:
                middle = stored.middle if low <= stored.middle < high else (low + high) // 2
                ranges += [(middle + 1, high), (low, middle)]
        return found

    async def without_found(self, hubspot_ids: Sequence[str]) -> tuple[str, ...]:
        """Return those of the ids that search does not find anywhere in time."""
        if not hubspot_ids:
            return ()
        wanted = [Filter("hs_object_id", Operator.IN, values=list(hubspot_ids))]
        found: set[str] = set()
        after: str | None = None
        for _ in hubspot_ids:  # a page of one record each, at worst
            page = await self.context.client.search(self.object_type, filters=wanted, after=after)
            found.update(record.id for record in page.records)
            after = page.after
            if after is None:
                break
        return tuple(hubspot_id for hubspot_id in hubspot_ids if hubspot_id not in found)

    async def _compare_ids(self, page: SearchPage, low: int, high: int, found: _Differences) -> None:
        in_portal = {record.id for record in page.records}
        if len(in_portal) != page.total or not all(i.isdecimal() and low <= int(i) <= high for i in in_portal):
            found.trusted = False
            return
        stored = set(await self.context.read(self._stored_ids, low, high))
        # Stored outside the window is stored: it changed after the window was at rest.
        changed = await self.context.read(self._stored_live, sorted(in_portal - stored))
        found.missing += sorted(in_portal - stored - changed)
        found.surplus += sorted(stored - in_portal)

    async def _search(self, more: Sequence[Filter], *, limit: int = SEARCH_PAGE_RECORDS_MAX) -> SearchPage:
        name = MODIFIED_PROPERTY[self.object_type]
        filters = [Filter(name, Operator.GTE, self.since), *more]
        if self.until is not None:
            filters.append(Filter(name, Operator.LT, self.until))
        return await self.context.client.search(
            self.object_type, filters=filters, properties=["hs_object_id"], limit=limit
        )

    def _stored(self, connection: Connection, low: int, high: int) -> Any:
        return connection.execute(_COUNT_STORED, self._bound(low, high)).one()

    def _stored_ids(self, connection: Connection, low: int, high: int) -> Sequence[str]:
        return connection.scalars(
            _STORED_IDS,
            {**self._bound(low, high), "most": SEARCH_PAGE_RECORDS_MAX + SAMPLE_IDS_MAX},
        ).all()

    def _stored_live(self, connection: Connection, hubspot_ids: Sequence[str]) -> set[str]:
        return set(
            connection.scalars(
                _STORED_LIVE, self.context.scope.values(type=self.object_type, hubspot_ids=list(hubspot_ids))
            )
        )

    def _bound(self, low: int, high: int) -> dict[str, Any]:
        window = {"type": self.object_type, "since": self.since, "until": self.until, "low": low, "high": high}
        return self.context.scope.values(**window)


# Ids are numbers, as far as anybody has seen.
_ID = "CASE WHEN hubspot_id ~ '^[0-9]{1,18}$' THEN CAST(hubspot_id AS bigint) ELSE 0 END"

# HubSpot compares whole milliseconds.
_STORED = f"""live_records
    WHERE connector_id = :connector AND object_type = :type AND NOT referenced_only
      AND modified_at >= date_trunc('milliseconds', CAST(:since AS timestamptz))
      AND (CAST(:until AS timestamptz) IS NULL
           OR modified_at < date_trunc('milliseconds', CAST(:until AS timestamptz)))
      AND {_ID} BETWEEN :low AND :high"""

_COUNT_STORED = text(
    f"""SELECT count(*) AS count,
               coalesce(percentile_disc(0.5) WITHIN GROUP (ORDER BY {_ID}), 0) AS middle
          FROM {_STORED}"""
)

_STORED_IDS = text(f"SELECT hubspot_id FROM {_STORED} ORDER BY {_ID} LIMIT :most")

_STORED_LIVE = text(
    """SELECT hubspot_id FROM live_records
        WHERE connector_id = :connector AND object_type = :type AND hubspot_id = ANY(:hubspot_ids)"""
)


def _load(
    connection: Connection, context: SyncContext, object_type: ObjectType, *, every: timedelta, index_delay: timedelta
) -> _Compared:
    row = connection.execute(
        _LAST_COMPARED, context.scope.values(type=object_type, every=every, index_delay=index_delay)
    ).one_or_none()
    if row is None:
        return _Compared(differs_since=None, drift=None, due=True)
    drift = Drift(row.portal_total, row.stored_total, tuple(row.missing_ids), tuple(row.surplus_ids))
    return _Compared(row.differs_since, drift if row.confirmed_at else None, row.due)


_LAST_COMPARED = text(
    """SELECT *, compared_at <= clock_timestamp()
                 - CASE WHEN differs_since IS NULL THEN CAST(:every AS interval)
                        ELSE CAST(:index_delay AS interval) END AS due
         FROM hubspot_drifts WHERE connector_id = :connector AND object_type = :type"""
)


def _save(
    connection: Connection, context: SyncContext, object_type: ObjectType, drift: Drift, state: TextClause
) -> None:
    connection.execute(
        _SAVE,
        context.scope.values(
            type=object_type,
            portal_total=drift.portal_total,
            stored_total=drift.stored_total,
            missing_ids=list(drift.missing_ids),
            surplus_ids=list(drift.surplus_ids),
        ),
    )
    note_total(connection, context.scope, object_type, drift.portal_total, when_complete=True)
    connection.execute(state, context.scope.values(type=object_type))


_SAVE = text(
    """INSERT INTO hubspot_drifts AS stored
               (connector_id, mind_id, object_type, portal_total, stored_total, missing_ids, surplus_ids)
        VALUES (:connector, :mind, :type, :portal_total, :stored_total, :missing_ids, :surplus_ids)
        ON CONFLICT (connector_id, object_type) DO UPDATE
           SET portal_total = excluded.portal_total, stored_total = excluded.stored_total,
               missing_ids = excluded.missing_ids, surplus_ids = excluded.surplus_ids,
               compared_at = excluded.compared_at"""
)

_OF_TYPE = "WHERE connector_id = :connector AND object_type = :type"
_SAME = text(f"UPDATE hubspot_drifts SET differs_since = NULL, confirmed_at = NULL {_OF_TYPE}")
_DIFFERENT = text(f"UPDATE hubspot_drifts SET differs_since = compared_at, confirmed_at = NULL {_OF_TYPE}")
_CONFIRMED = text(f"UPDATE hubspot_drifts SET confirmed_at = coalesce(confirmed_at, compared_at) {_OF_TYPE}")


def _save_same(
    connection: Connection, context: SyncContext, object_type: ObjectType, total: int, *, healed: bool
) -> None:
    _save(connection, context, object_type, Drift(total, total), _SAME)
    if healed:
        record_event(
            connection, context.connector, "info", "drift_healed",
            f"HubSpot and the store count the same {object_type.value} again.", {"object_type": object_type.value},
        )  # fmt: skip


def _save_difference(
    connection: Connection, context: SyncContext, object_type: ObjectType, portal_total: int, stored_total: int
) -> None:
    """Note a difference that may pass; it is looked into when it is still there after the index delay."""
    totals = Drift(portal_total, stored_total)
    _save(connection, context, object_type, totals, _DIFFERENT)


def _save_drift(
    connection: Connection, context: SyncContext, object_type: ObjectType, drift: Drift, *, is_new: bool
) -> None:
    _save(connection, context, object_type, drift, _CONFIRMED)
    if is_new:
        record_event(
            connection, context.connector, "warning", "drift",
            f"HubSpot counts {drift.portal_total} {object_type.value} in the window, {drift.stored_total} are stored.",
            {"object_type": object_type.value, "missing_ids": list(drift.missing_ids),
             "surplus_ids": list(drift.surplus_ids)},
        )  # fmt: skip

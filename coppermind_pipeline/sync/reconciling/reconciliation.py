"""Reconciliation: what HubSpot does not announce about which records it has, found by walking its lists.

Archives, restorations, merges, purges, erasures, and records that no scan brought. Nothing goes because of what an
answer lacks: a record that is in no list is asked for by its id, and only what that answer says counts. A walk that was
interrupted goes on where it stands; one that failed has proved nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection, text

from coppermind_pipeline.connectors import record_event
from coppermind_pipeline.hubspot import MODIFIED_PROPERTY, ListPage, PortalUnavailable, Record
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sync.concurrency import run_together
from coppermind_pipeline.sync.context import Progress, SyncContext
from coppermind_pipeline.sync.hydrating.hydration import Hydrator, load_property_set, store_records
from coppermind_pipeline.sync.normalizing.merges import Merge, merges_named_by, record_merges
from coppermind_pipeline.sync.raw.records import KnownVersion, known_versions, modified_at
from coppermind_pipeline.sync.raw.tombstones import bury
from coppermind_pipeline.sync.reconciling.drift import INDEX_DELAY, Drift, compare_window
from coppermind_pipeline.sync.reconciling.listing import (
    Walk,
    absent_ids,
    begin_walk,
    complete_walk,
    count_found,
    note_page,
    note_settled,
)
from coppermind_pipeline.sync.reconciling.lookup import Fates, find_fates

log = structlog.get_logger(__name__)

WALK_EVERY = timedelta(days=1)

ABSENT_AT_ONCE_MAX = 1_000

# Beside the modified date, what tells of merges: even a survivor that is archived itself says whom it replaced.
_MERGE_PROPERTIES = ("hs_merged_object_ids", "hs_calculated_merged_vids")


@dataclass(slots=True)
class Reconciled:
    """What a reconciliation found and put right, in records.

    Attributes:
        archived, restored, merged, purged, erased: now marked so.
        repaired: records of the window that were missing or out of date, and were read.
        drift: by type, what HubSpot's search and its records disagree about, where that outlasts the index delay.
        complete: all came to its end; False where the time was up before.
    """

    archived: int = 0
    restored: int = 0
    merged: int = 0
    purged: int = 0
    erased: int = 0
    repaired: int = 0
    drift: dict[ObjectType, Drift] = field(default_factory=dict)
    complete: bool = False


async def reconcile(
    context: SyncContext,
    *,
    time_is_up: Callable[[], bool],
    every: timedelta = WALK_EVERY,
    index_delay: timedelta = INDEX_DELAY,
) -> Reconciled:
    """Compare what is stored with what HubSpot has, and put right what differs; a later call goes on from there.

    Expects what was pulled to be normalized, and is to be followed by another normalization. Does nothing before the
    first backfill is complete.

    Args:
        time_is_up: asked after each page or batch; what is begun is finished.
        every: a type is walked again where its last walk began that long ago; an unfinished one goes on at once.
        index_delay: a difference of totals is drift if it is still there after this time.
    """
    reconciled = Reconciled()
    since = await context.read(_window, context)
    if since is None:
        reconciled.complete = True
        return reconciled

    async def walk_type(object_type: ObjectType) -> bool:
        properties = await context.read(load_property_set, context.ids(), object_type)
        walking = _Walking(context, Hydrator(context, object_type, properties), since, reconciled)
        drift = await compare_window(walking.hydrator, since, walking.settle, every=every, index_delay=index_delay)
        if drift is not None:
            reconciled.drift[object_type] = drift
        return await walking.run(time_is_up, every=every)

    reconciled.complete = all(await run_together(walk_type(object_type) for object_type in ObjectType))
    return reconciled


def _window(connection: Connection, context: SyncContext) -> datetime | None:
    return connection.scalar(_WINDOW, context.ids())


_WINDOW = text(
    """SELECT since FROM hubspot_backfills
        WHERE connector_id = :connector AND first_completed_at IS NOT NULL"""
)


@dataclass(slots=True)
class _Walking:
    """The walk of one type."""

    context: SyncContext
    hydrator: Hydrator
    since: datetime
    reconciled: Reconciled

    @property
    def object_type(self) -> ObjectType:
        return self.hydrator.object_type

    async def run(self, time_is_up: Callable[[], bool], *, every: timedelta) -> bool:
        """Walk from where the type's walk stands; return whether it came to its end, or is not due."""
        walk = await self.context.write(begin_walk, self.context.ids(), self.object_type, every=every)
        while walk is not None:
            if walk.phase == "absent":
                walk = await self._settle_absent(walk)
            else:
                walk = await self._read_page(walk)
            if walk is not None and time_is_up():
                return False
        return True

    async def settle(self, hubspot_ids: Sequence[str]) -> Fates:
        """Find out what became of records, and store that."""
        fates = await find_fates(self.hydrator, hubspot_ids)
        await self.context.write(self._store_fates, fates)
        return fates

    async def _read_page(self, walk: Walk) -> Walk:
        page = await self.context.client.list_page(
            self.object_type, after=walk.after, properties=self._listed_properties(), archived=walk.phase == "archived"
        )
        if page.after is not None and page.after == walk.after:
            raise PortalUnavailable(f"HubSpot's list of {self.object_type.value} repeats its cursor.")
        found = await self._news_of_archived(page) if walk.phase == "archived" else await self._news_of_live(page)
        walk = await self.context.write(self._store_page, walk, page, found)
        self.context.on_progress(Progress("reconciliation", walk.pages))
        return walk

    async def _news_of_live(self, page: ListPage) -> Fates:
        """Read what is live and not stored so, as far as it belongs to the window or was stored before."""
        known = await self._known(page.records)

        def is_news(record: Record) -> bool:
            modified, stored = modified_at(self.object_type, record), known.get(record.id)
            if stored is None:
                return modified is None or modified >= self.since
            if stored.archived:
                return True
            return modified is not None and stored.modified_at is not None and modified > stored.modified_at

        return await find_fates(self.hydrator, [record.id for record in page.records if is_news(record)])

    async def _news_of_archived(self, page: ListPage) -> Fates:
        """Read what is archived and stored as live."""
        known = await self._known(page.records)
        merged = await self.context.read(_losers, self.context, self.object_type, [r.id for r in page.records])
        news = [r.id for r in page.records if r.id in known and not known[r.id].archived and r.id not in merged]
        return await find_fates(self.hydrator, news)

    async def _known(self, records: Iterable[Record]) -> dict[str, KnownVersion]:
        return await self.context.read(
            known_versions, self.context.ids(), self.object_type, [record.id for record in records]
        )

    async def _settle_absent(self, walk: Walk) -> Walk | None:
        """Settle the next ids that neither list has; None: that was all."""
        ids = self.context.ids()
        absent = await self.context.read(absent_ids, ids, walk, most=ABSENT_AT_ONCE_MAX)
        if not absent:
            await self.context.write(self._complete, walk)
            return None
        fates = await find_fates(self.hydrator, absent)

        def store(connection: Connection) -> Walk:
            self._store_fates(connection, fates)
            purged, erased = bury(connection, ids, self.object_type, fates.gone)
            self._count(connection, purged=purged, erased=erased)
            return note_settled(connection, ids, walk, absent[-1])

        return await self.context.write(store)

    def _listed_properties(self) -> list[str]:
        readable = self.hydrator.properties.names or self.hydrator.properties.required
        return [MODIFIED_PROPERTY[self.object_type], *(name for name in _MERGE_PROPERTIES if name in readable)]

    def _store_page(self, connection: Connection, walk: Walk, page: ListPage, found: Fates) -> Walk:
        ids = self.context.ids()
        self._store_merges(connection, merges_named_by(self.object_type, page.records))
        self._store_fates(connection, found)
        return note_page(connection, ids, walk, [record.id for record in page.records], after=page.after)

    def _store_fates(self, connection: Connection, fates: Fates) -> None:
        """Store records in the state that they turned out to be in; those that are gone are another matter."""
        before = known_versions(connection, self.context.ids(), self.object_type, [*fates.live, *fates.archived])
        records = {record.id: record for record in fates.survivors.values()} | fates.live | fates.archived
        store_records(connection, self.context, list(records.values()), self.hydrator)
        merges = merges_named_by(self.object_type, records.values())
        merges += [Merge(self.object_type, loser_id, record.id) for loser_id, record in fates.survivors.items()]
        self._store_merges(connection, merges)
        restored = [i for i in fates.live if i in before and before[i].archived]
        repaired = [
            hubspot_id
            for hubspot_id, record in fates.live.items()
            if hubspot_id not in before or before[hubspot_id].modified_at != modified_at(self.object_type, record)
        ]
        self._count(
            connection,
            archived=sum(1 for i in fates.archived if i in before and not before[i].archived),
            restored=len(restored),
            repaired=len(set(repaired).difference(restored)),
        )

    def _store_merges(self, connection: Connection, merges: Sequence[Merge]) -> None:
        self._count(connection, merged=record_merges(connection, self.context.ids(), merges))

    def _count(self, connection: Connection, **found: int) -> None:
        if not any(found.values()):
            return
        for kind, count in found.items():
            setattr(self.reconciled, kind, getattr(self.reconciled, kind) + count)
        count_found(connection, self.context.ids(), self.object_type, found)

    def _complete(self, connection: Connection, walk: Walk) -> None:
        found = complete_walk(connection, self.context.ids(), walk)
        log.info("walked", object_type=self.object_type.value, pages=walk.pages, **found)
        if found:
            words = ", ".join(f"{count} {kind}" for kind, count in found.items())
            record_event(
                connection,
                self.context.connector,
                "info",
                "reconciled",
                f"Reconciliation put right {self.object_type.value}: {words}.",
                {"object_type": self.object_type.value, **found},
            )


def _losers(
    connection: Connection, context: SyncContext, object_type: ObjectType, hubspot_ids: Sequence[str]
) -> set[str]:
    return set(connection.scalars(_LOSERS, {**context.ids(), "type": object_type, "ids": list(hubspot_ids)}))


_LOSERS = text(
    """SELECT loser_id FROM hubspot_merges
        WHERE connector_id = :connector AND object_type = :type AND loser_id = ANY(:ids)"""
)

"""Reconciliation: what HubSpot does not announce about which records it has, found in its listings.

Archives, restorations, merges, purges, erasures, and records that no scan brought. Nothing goes because of what an
answer lacks: a record that is in no list is asked for by its id, and only what that answer says counts. A listing
that was interrupted goes on where it stands; one that failed has proved nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection, text

from coppermind_pipeline import crm
from coppermind_pipeline.connectors import record_event
from coppermind_pipeline.hubspot import MODIFIED_PROPERTY, ListPage, PortalUnavailable, Record
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.sync.backfill import backfilled_window
from coppermind_pipeline.sync.concurrency import run_together
from coppermind_pipeline.sync.context import Progress, SyncContext
from coppermind_pipeline.sync.hydrating.hydration import Hydrator
from coppermind_pipeline.sync.hydrating.property_set import load_property_set
from coppermind_pipeline.sync.hydrating.storing import store_records
from coppermind_pipeline.sync.normalizing.merges import Merge, merges_named_by, record_merges
from coppermind_pipeline.sync.raw.records import KnownVersion, known_versions, modified_at
from coppermind_pipeline.sync.raw.tombstones import bury
from coppermind_pipeline.sync.reconciling.drift import INDEX_DELAY, Drift, compare_window
from coppermind_pipeline.sync.reconciling.listing import (
    Listing,
    absent_ids,
    begin_listing,
    complete_listing,
    count_found,
    note_page,
    note_settled,
)
from coppermind_pipeline.sync.reconciling.lookup import Lookup, look_up

log = structlog.get_logger(__name__)

WALK_EVERY = timedelta(days=1)

ABSENT_AT_ONCE_MAX = 1_000


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
        every: a type is listed again if its last listing began that long ago; an unfinished one goes on at once.
        index_delay: a difference of totals is drift if it is still there after this time.
    """
    reconciled = Reconciled()
    since = await context.read(backfilled_window, context.scope)
    if since is None:
        reconciled.complete = True
        return reconciled

    async def reconcile_type(object_type: ObjectType) -> bool:
        properties = await context.read(load_property_set, context.scope, object_type)
        listed = _Listed(context, Hydrator(context, object_type, properties), since, reconciled)
        drift = await compare_window(listed.hydrator, since, listed.settle, every=every, index_delay=index_delay)
        if drift is not None:
            reconciled.drift[object_type] = drift
        return await listed.run(time_is_up, every=every)

    reconciled.complete = all(await run_together(reconcile_type(object_type) for object_type in ObjectType))
    return reconciled


@dataclass(slots=True)
class _Listed:
    """The reconciliation of one type by its lists."""

    context: SyncContext
    hydrator: Hydrator
    since: datetime
    reconciled: Reconciled

    @property
    def object_type(self) -> ObjectType:
        return self.hydrator.object_type

    async def run(self, time_is_up: Callable[[], bool], *, every: timedelta) -> bool:
        """Go on where the type's listing stands; return whether it came to its end, or is not due."""
        listing = await self.context.write(begin_listing, self.context.scope, self.object_type, every=every)
        while listing is not None:
            if listing.phase == "absent":
                listing = await self._settle_absent(listing)
            else:
                listing = await self._read_page(listing)
            if listing is not None and time_is_up():
                return False
        return True

    async def settle(self, hubspot_ids: Sequence[str]) -> Lookup:
        """Find out what became of records, and store that."""
        found = await look_up(self.hydrator, hubspot_ids)
        await self.context.write(self._store_lookup, found)
        return found

    async def _read_page(self, listing: Listing) -> Listing:
        page = await self.context.client.list_page(
            self.object_type,
            after=listing.after,
            properties=self._listed_properties(),
            archived=listing.phase == "archived",
        )
        if page.after is not None and page.after == listing.after:
            raise PortalUnavailable(f"HubSpot's list of {self.object_type.value} repeats its cursor.")
        found = await self._news_of_archived(page) if listing.phase == "archived" else await self._news_of_live(page)
        listing = await self.context.write(self._store_page, listing, page, found)
        self.context.on_progress(Progress("reconciliation", listing.pages))
        return listing

    async def _news_of_live(self, page: ListPage) -> Lookup:
        """Read what is live and not stored so, as far as it belongs to the window or was stored before."""
        known = await self._known(page.records)

        def is_news(record: Record) -> bool:
            modified, stored = modified_at(self.object_type, record), known.get(record.id)
            if stored is None:
                return modified is None or modified >= self.since
            if stored.archived:
                return True
            return modified is not None and stored.modified_at is not None and modified > stored.modified_at

        return await look_up(self.hydrator, [record.id for record in page.records if is_news(record)])

    async def _news_of_archived(self, page: ListPage) -> Lookup:
        """Read what is archived and stored as live."""
        known = await self._known(page.records)
        merged = await self.context.read(_losers, self.context, self.object_type, [r.id for r in page.records])
        news = [r.id for r in page.records if r.id in known and not known[r.id].archived and r.id not in merged]
        return await look_up(self.hydrator, news)

    async def _known(self, records: Iterable[Record]) -> dict[str, KnownVersion]:
        return await self.context.read(
            known_versions, self.context.scope, self.object_type, [record.id for record in records]
        )

    async def _settle_absent(self, listing: Listing) -> Listing | None:
        """Settle the next ids that neither list has; None: that was all."""
        scope = self.context.scope
        absent = await self.context.read(absent_ids, scope, listing, most=ABSENT_AT_ONCE_MAX)
        if not absent:
            await self.context.write(self._complete, listing)
            return None
        found = await look_up(self.hydrator, absent)

        def store(connection: Connection) -> Listing:
            self._store_lookup(connection, found)
            purged, erased = bury(connection, scope, self.object_type, found.gone)
            self._count(connection, purged=purged, erased=erased)
            return note_settled(connection, scope, listing, absent[-1])

        return await self.context.write(store)

    def _listed_properties(self) -> list[str]:
        readable = self.hydrator.properties.names or self.hydrator.properties.required
        # What tells of merges, too: even a survivor that is archived itself says whom it replaced.
        return [MODIFIED_PROPERTY[self.object_type], *(name for name in crm.MERGE_PROPERTIES if name in readable)]

    def _store_page(self, connection: Connection, listing: Listing, page: ListPage, found: Lookup) -> Listing:
        scope = self.context.scope
        self._store_merges(connection, merges_named_by(self.object_type, page.records))
        self._store_lookup(connection, found)
        return note_page(connection, scope, listing, [record.id for record in page.records], after=page.after)

    def _store_lookup(self, connection: Connection, found: Lookup) -> None:
        """Store records in the state that they turned out to be in; those that are gone are another matter."""
        before = known_versions(connection, self.context.scope, self.object_type, [*found.live, *found.archived])
        records = {record.id: record for record in found.survivors.values()} | found.live | found.archived
        store_records(connection, self.context, list(records.values()), self.hydrator)
        merges = merges_named_by(self.object_type, records.values())
        merges += [Merge(self.object_type, loser_id, record.id) for loser_id, record in found.survivors.items()]
        self._store_merges(connection, merges)
        restored = [i for i in found.live if i in before and before[i].archived]
        repaired = [
            hubspot_id
            for hubspot_id, record in found.live.items()
            if hubspot_id not in before or before[hubspot_id].modified_at != modified_at(self.object_type, record)
        ]
        self._count(
            connection,
            archived=sum(1 for i in found.archived if i in before and not before[i].archived),
            restored=len(restored),
            repaired=len(set(repaired).difference(restored)),
        )

    def _store_merges(self, connection: Connection, merges: Sequence[Merge]) -> None:
        self._count(connection, merged=record_merges(connection, self.context.scope, merges))

    def _count(self, connection: Connection, **found: int) -> None:
        if not any(found.values()):
            return
        for kind, count in found.items():
            setattr(self.reconciled, kind, getattr(self.reconciled, kind) + count)
        count_found(connection, self.context.scope, self.object_type, found)

    def _complete(self, connection: Connection, listing: Listing) -> None:
        found = complete_listing(connection, self.context.scope, listing)
        log.info("walked", object_type=self.object_type.value, pages=listing.pages, **found)
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
    return set(connection.scalars(_LOSERS, context.scope.values(type=object_type, ids=list(hubspot_ids))))


_LOSERS = text(
    """SELECT loser_id FROM hubspot_merges
        WHERE connector_id = :connector AND object_type = :type AND loser_id = ANY(:ids)"""
)

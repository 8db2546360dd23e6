"""The trust block: what an answer is made of, and how far it can be relied on."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, text

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.connectors import Freshness
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.reports.trust.portals import SyncedPortal, load_portals

DATA_SOURCE = "synced HubSpot reporting store (hubspot_crm_objects)"

# A block stays readable although a filter may list thousands of addresses.
FILTER_ENTRIES_SHOWN = 10


class Range(BaseModel):
    """Moments, `start` included and `end` excluded."""

    model_config = ConfigDict(frozen=True)

    start: datetime
    end: datetime


class RecordCounts(BaseModel):
    """Live records of one type.

    `stored`: in the window, filtered ones included. `portal_in_window`: what the portal said it holds there when it was
    asked last, which is daily; None where it was not asked yet. `referenced_only`: older ones, read because a deal is
    linked to them; in no count.
    """

    model_config = ConfigDict(frozen=True)

    stored: int = 0
    portal_in_window: int | None = None
    referenced_only: int = 0


class TrustBlock(BaseModel):
    """Opens every answer of the memory.

    Of several connectors the least favourable fact is given: the oldest sync, the latest start of coverage.
    `configured_filters` is what the stored records are filtered by; a change that waits for a sync is a caveat.
    Where a client reads the answer (`trust_for_client`), ids and filters are left out: null, or empty.
    """

    model_config = ConfigDict(frozen=True)

    data_source: str
    live_fallback_used: bool
    portal_ids: list[int]
    connector_ids: list[str]
    mind: str
    mind_id: UUID | None
    customer_id: UUID | None
    last_successful_sync: datetime | None
    report_range: Range | None
    date_basis: str | None
    configured_filters: dict[str, dict[str, Any]]
    record_counts: dict[ObjectType, RecordCounts]
    freshness: Freshness
    backfill_complete: bool
    coverage_since: datetime | None
    hydration: Literal["full", "degraded"]


def trust_block(
    connection: Connection, *, mind: Mind, now: datetime, connector_ids: Collection[str] | None = None
) -> TrustBlock:
    """Return the trust block of an answer that speaks of some connectors' records, or of all of the mind's.

    Args:
        connection: a transaction of this mind.
        now: what freshness is judged by.
        connector_ids: those whose rows the answer holds; None: all of the mind's.

    Raises:
        ConnectorNotFound: the mind has no connector of a given id.
    """
    portals = load_portals(connection, connector_ids=connector_ids)
    return trust_in(connection, portals, mind=mind, now=now)


def trust_in(
    connection: Connection,
    portals: Sequence[SyncedPortal],
    *,
    mind: Mind,
    now: datetime,
    report_range: Range | None = None,
    date_basis: str | None = None,
    data_source: str = DATA_SOURCE,
    live_fallback_used: bool = False,
) -> TrustBlock:
    """Return the trust block for portals that are loaded already."""
    return TrustBlock(
        data_source=data_source,
        live_fallback_used=live_fallback_used,
        portal_ids=[portal.hub_id for portal in portals if portal.hub_id is not None],
        connector_ids=[portal.connector_id for portal in portals],
        mind=mind.name,
        mind_id=mind.id,
        customer_id=mind.customer_id,
        last_successful_sync=last_successful_sync(portals),
        report_range=report_range,
        date_basis=date_basis,
        configured_filters={portal.connector_id: _shown(portal.filters) for portal in portals},
        record_counts=_record_counts(connection, portals),
        freshness=least_fresh([portal.freshness(now=now) for portal in portals]),
        backfill_complete=bool(portals) and all(portal.backfill_completed_at is not None for portal in portals),
        coverage_since=max((portal.since for portal in portals if portal.since is not None), default=None),
        hydration="degraded" if any(portal.degraded for portal in portals) else "full",
    )


def last_successful_sync(portals: Sequence[SyncedPortal]) -> datetime | None:
    """Return the end of the portals' last complete pulls, the oldest of them; None while one has had none."""
    pulls = [portal.last_pull_at for portal in portals if portal.last_pull_at is not None]
    return min(pulls, default=None) if len(pulls) == len(portals) else None


def least_fresh(each: Sequence[Freshness]) -> Freshness:
    """Return how fresh all are together: one that was never read makes the rest no fresher than stale."""
    if not each or all(one is Freshness.NEVER_SYNCED for one in each):
        return Freshness.NEVER_SYNCED
    return Freshness.FRESH if all(one is Freshness.FRESH for one in each) else Freshness.STALE


def _shown(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _shown(inner) for key, inner in value.items()}
    if isinstance(value, list) and len(value) > FILTER_ENTRIES_SHOWN:
        return [*value[:FILTER_ENTRIES_SHOWN], f"and {len(value) - FILTER_ENTRIES_SHOWN} more"]
    return value


def _record_counts(connection: Connection, portals: Sequence[SyncedPortal]) -> dict[ObjectType, RecordCounts]:
    rows = connection.execute(text(_COUNTS), {"connectors": [portal.connector_id for portal in portals]})
    stored = {row.object_type: row for row in rows}
    counts = {}
    for object_type in ObjectType:
        row = stored.get(object_type.value)
        totals = [portal.totals.get(object_type.value) for portal in portals]
        counts[object_type] = RecordCounts(
            stored=int(row.in_window) if row is not None else 0,
            portal_in_window=sum(total for total in totals if total is not None)
            if totals and None not in totals
            else None,
            referenced_only=int(row.referenced_only) if row is not None else 0,
        )
    return counts


_COUNTS = """
SELECT object_type, sum(stored - referenced_only) AS in_window, sum(referenced_only) AS referenced_only
  FROM record_counts
 WHERE connector_id = ANY(:connectors)
 GROUP BY object_type
"""

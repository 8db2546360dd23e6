"""What is measured."""

import math
import time
from typing import Any
from unittest.mock import patch

import uvloop
from sqlalchemy import text

from coppermind_pipeline.accounts import local_caller
from coppermind_pipeline.connectors import configure, open_portal, portal
from coppermind_pipeline.defs.sync_now import sync_connector
from coppermind_pipeline.memories import map_records
from coppermind_pipeline.store import move_checkpoint
from coppermind_pipeline.sync import Progress, SyncContext, found_nothing, link, normalize
from coppermind_pipeline_tests.benchmarks.installation import Installation, installation, peak_mib, stopwatch
from coppermind_pipeline_tests.sync.reconciled import Unpaced


def backfill_under_limits(*, contacts: int, companies: int, deals: int, latency_ms: float) -> dict[str, Any]:
    """A backfill under HubSpot's limits, as a multiple of the least time in which they allow it."""
    least_s = _least_s(contacts, companies, deals)
    with installation(contacts=contacts, companies=companies, deals=deals, latency_ms=latency_ms) as measured:
        started_ms = measured.sandbox.control.now_ms()
        with stopwatch() as took:
            pulled = uvloop.run(measured.pull(limited=True))
            normalize(measured.connected.database, measured.connected.connector)
            link(measured.connected.database, measured.connected.connector)
        refused = [r for r in measured.sandbox.control.requests(since_ms=started_ms) if r.status == 429]
    return {
        "records": sum(pulled.found.values()),
        "least_s": least_s,
        **took,
        "times_least": round(took["wall_s"] / least_s, 3),
        "refused_429": len(refused),
        "peak_mib": peak_mib(),
    }


def sync_under_limits(*, contacts: int, companies: int, deals: int, latency_ms: float) -> dict[str, Any]:
    """A first sync's whole command under HubSpot's limits, memories and synthesis included, as the same multiple.

    `first_s` and `last_s` are when each stage was first and last heard of; `rewritten` memories had a text before.
    """
    least_s = _least_s(contacts, companies, deals)
    with installation(contacts=contacts, companies=companies, deals=deals, latency_ms=latency_ms) as measured:
        started_ms = measured.sandbox.control.now_ms()
        synced = _synced(measured)
        refused = [r for r in measured.sandbox.control.requests(since_ms=started_ms) if r.status == 429]
    return {
        "least_s": least_s,
        **synced,
        "times_least": round(synced["wall_s"] / least_s, 3),
        "refused_429": len(refused),
        "peak_mib": peak_mib(),
    }


def sync_unlimited(*, records: int) -> dict[str, Any]:
    """Records a second by a first sync's whole command, with nothing but this machine as the limit.

    `first_s` and `last_s` are as of `sync_under_limits`; `records_per_s` is until the last memory, synthesis apart.
    """
    sizes = {"contacts": records * 5 // 8, "companies": records // 8, "deals": records // 4}
    with installation(**sizes, limits=False) as measured, patch.object(portal, "SharedBudgets", lambda *_: Unpaced()):
        synced = _synced(measured)
    remembered_s = max(synced["last_s"].get(stage, 0.0) for stage in ("memories", "queue"))
    return {"records_per_s": round(sum(sizes.values()) / remembered_s), **synced, "peak_mib": peak_mib()}


def _synced(measured: Installation) -> dict[str, Any]:
    first_s: dict[str, float] = {}
    last_s: dict[str, float] = {}
    connected, begun = measured.connected, time.perf_counter()

    def hear(progress: Progress) -> None:
        last_s[progress.stage] = round(time.perf_counter() - begun, 1)
        first_s.setdefault(progress.stage, last_s[progress.stage])

    with stopwatch() as took:
        outcome = sync_connector(
            connected.database, connected.settings, connected.connector_id, until_complete=True, on_progress=hear
        )
    assert outcome.complete, outcome.reason
    (made,) = connected.rows("SELECT count(*) AS memories, count(superseded_at) AS rewritten FROM memories")
    return {"memories": made.memories, "rewritten": made.rewritten, **took, "first_s": first_s, "last_s": last_s}


def _least_s(*sizes: int) -> float:
    """Return the least time in which HubSpot's limits allow a backfill of so many contacts, companies and deals."""
    *_, deals = sizes
    return max(
        sum(math.ceil(n / 200) for n in sizes) / 5,
        sum(math.ceil(n / 100) for n in sizes) / 11,
        2 * math.ceil(deals / 1_000) / 10,
    )


def backfill_unlimited(*, records: int) -> dict[str, Any]:
    """Records a second from HubSpot to normalized rows, with nothing but this machine as the limit."""
    sizes = {"contacts": records * 5 // 8, "companies": records // 8, "deals": records // 4}
    with installation(**sizes, limits=False) as measured:
        with stopwatch() as pulling:
            pulled = uvloop.run(measured.pull(limited=False))
        with stopwatch() as normalizing:
            normalized = normalize(measured.connected.database, measured.connected.connector)
        with stopwatch() as linking:
            link(measured.connected.database, measured.connected.connector)
        idle = _idle_poll(measured)
    found = sum(pulled.found.values())
    total_s = pulling["wall_s"] + normalizing["wall_s"]
    return {
        "records": found,
        "records_per_s": round(found / total_s),
        "pull": pulling,
        "normalize": normalizing | {"records_per_s": round(normalized.read / normalizing["wall_s"])},
        "link": linking,
        "requests_per_1000_records": round(measured.requests / found * 1_000, 2),
        "peak_mib": peak_mib(),
        "idle_poll": idle,
    }


def normalization(*, records: int) -> dict[str, Any]:
    """Records a second from the raw log to normalized rows: what has been pulled is normalized from nothing."""
    with installation(contacts=records * 5 // 8, companies=records // 8, deals=records // 4, limits=False) as measured:
        connected = measured.connected
        uvloop.run(measured.pull(limited=False))
        with connected.database.mind(connected.connector.mind_id) as connection:
            connection.execute(text("DELETE FROM hubspot_crm_objects"))
            move_checkpoint(connection, connected.connector_id, "normalize", 0, rules="")
        with stopwatch() as took:
            normalized = normalize(connected.database, connected.connector)
    return {
        "records": normalized.changed,
        "records_per_s": round(normalized.changed / took["wall_s"]),
        **took,
        "peak_mib": peak_mib(),
    }


def changed_filters(*, records: int) -> dict[str, Any]:
    """From a changed filter, which keeps out half of the contacts, to records that are filtered and linked by it."""
    with installation(contacts=records * 5 // 8, companies=records // 8, deals=records // 4, limits=False) as measured:
        connected = measured.connected
        uvloop.run(measured.pull(limited=False))
        normalize(connected.database, connected.connector)
        link(connected.database, connected.connector)
        caller = local_caller(connected.database)
        sources = {"contacts": {"hs_analytics_source": ["PAID_SEARCH", "ORGANIC_SEARCH", "OFFLINE"]}}
        configure(connected.database, caller, connected.connector_id, {"hubspot_filters": sources})
        with stopwatch() as took:
            normalized = normalize(connected.database, connected.connector)
            link(connected.database, connected.connector)
    return {"records": normalized.read, "changed": normalized.changed, **took, "peak_mib": peak_mib()}


def _idle_poll(measured: Installation) -> dict[str, Any]:
    connected = measured.connected
    map_records(connected.database, connector_id=connected.connector_id, mind_id=connected.connector.mind_id)
    requests = 0

    def count(_: object) -> None:
        nonlocal requests
        requests += 1

    async def probe() -> bool:
        async with open_portal(connected.database, connected.settings, connected.connector, on_request=count) as client:
            return await found_nothing(SyncContext(connected.database, connected.connector, client))

    uvloop.run(probe())  # the first one of a process pays for imports and connections
    requests = 0
    with stopwatch() as took:
        assert uvloop.run(probe())
    return {"requests": requests, **took}

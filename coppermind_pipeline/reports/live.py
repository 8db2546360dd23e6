"""A report that pulls the changed deals first, where the store is stale and the caller asked for it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from time import monotonic

import structlog

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.connectors import Freshness, Lifecycle
from coppermind_pipeline.errors import CoppermindError
from coppermind_pipeline.reports.models import CrmReport
from coppermind_pipeline.reports.question.request import ReportRequest
from coppermind_pipeline.reports.report import crm_report
from coppermind_pipeline.reports.trust.live_pull import NO_LIVE_PULL, LivePull
from coppermind_pipeline.reports.trust.portals import SyncedPortal, load_portals
from coppermind_pipeline.store import Database

LIVE_PULL_S = 20.0

Refresh = Callable[[str, float], Awaitable[None]]

log = structlog.get_logger()


async def live_crm_report(
    database: Database,
    *,
    mind: Mind,
    request: ReportRequest,
    now: datetime,
    refresh: Refresh | None,
    pull_s: float = LIVE_PULL_S,
    panoramic: bool = False,
) -> CrmReport:
    """Return the report; with `live_fallback`, stale connectors are pulled before, and the answer says what came of it.

    Args:
        refresh: pulls the changed deals of one connector into the store, within its rate budget and so many seconds;
            None where the caller has no way to HubSpot.
        pull_s: the most that all pulls together may take.
        panoramic: as of `crm_report`.

    Raises:
        The errors of `crm_report`. A failed pull is none: the answer is then made from the store as it is.
    """
    live_pull = await pull_stale(database, mind=mind, request=request, now=now, refresh=refresh, pull_s=pull_s)
    return await asyncio.to_thread(
        crm_report, database, mind=mind, request=request, now=now, live_pull=live_pull, panoramic=panoramic
    )


async def pull_stale(
    database: Database,
    *,
    mind: Mind,
    request: ReportRequest,
    now: datetime,
    refresh: Refresh | None,
    pull_s: float = LIVE_PULL_S,
) -> LivePull:
    """Pull the connectors of a report that are not fresh, one after another, where it asks for that.

    Never raises for a failed pull.
    """
    if not request.live_fallback or request.as_of is not None:
        return NO_LIVE_PULL
    stale = await asyncio.to_thread(_stale, database, mind, request, now)
    if not stale:
        return NO_LIVE_PULL
    if refresh is None:
        return LivePull(failure="there is no way to HubSpot from here")
    inactive = [portal.name for portal in stale if portal.status is not Lifecycle.ACTIVE]
    if inactive:
        return LivePull(failure=f"{inactive[0]} is not connected")
    ends_at = monotonic() + pull_s
    try:
        async with asyncio.timeout(pull_s):
            for portal in stale:
                await refresh(portal.connector_id, ends_at - monotonic())
    except TimeoutError:
        return LivePull(failure=f"it took longer than {pull_s:g} seconds")
    except CoppermindError as error:
        return LivePull(failure=error.message.rstrip("."))
    except Exception:
        log.exception("live pull failed", connector_ids=[portal.connector_id for portal in stale])
        return LivePull(failure="an unexpected error, which is in the log")
    return LivePull(done=True)


def _stale(database: Database, mind: Mind, request: ReportRequest, now: datetime) -> Sequence[SyncedPortal]:
    wanted = None if request.connector_id is None else [request.connector_id]
    with database.mind(mind.id) as connection:
        portals = load_portals(connection, connector_ids=wanted)
    return [portal for portal in portals if portal.freshness(now=now) is not Freshness.FRESH]

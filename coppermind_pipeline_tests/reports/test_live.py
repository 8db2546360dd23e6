"""Live fallback: a stale store is brought up to date first, or the answer says why not."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.errors import HealsByItself
from coppermind_pipeline.reports import CrmReport, Refresh, ReportRequest, live_crm_report
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

_LATER = NOW + timedelta(hours=3)


async def _report(portal: StoredPortal, mind: Mind, refresh: Refresh | None, **more: Any) -> CrmReport:
    request = ReportRequest(live_fallback=True)
    return await live_crm_report(portal.database, mind=mind, request=request, now=_LATER, refresh=refresh, **more)


async def test_a_stale_store_is_pulled_first(portal: StoredPortal, mind: Mind) -> None:
    async def refresh(connector_id: str, time_s: float) -> None:
        assert connector_id == portal.connector_id
        portal.deal("1", outcome="won", close_at=NOW, amount=10, currency="USD")
        portal.execute("UPDATE hubspot_polls SET last_succeeded_at = :at WHERE connector_id = :connector", at=_LATER)

    made = await _report(portal, mind, refresh)
    assert made.trust.live_fallback_used
    assert made.trust.freshness == "fresh"
    assert made.summary.closed_won.deals == 1
    assert made.audit.caveats == []


async def test_a_fresh_store_is_not_pulled(portal: StoredPortal, mind: Mind) -> None:
    async def refresh(connector_id: str, time_s: float) -> None:
        pytest.fail(f"{connector_id} was pulled")

    portal.execute("UPDATE hubspot_polls SET last_succeeded_at = :at WHERE connector_id = :connector", at=_LATER)
    made = await _report(portal, mind, refresh)
    assert not made.trust.live_fallback_used


async def test_a_failed_pull_is_answered_stale_and_told(portal: StoredPortal, mind: Mind) -> None:
    async def refused(connector_id: str, time_s: float) -> None:
        raise HealsByItself("HubSpot's daily limit is used up.")

    async def broken(connector_id: str, time_s: float) -> None:
        raise ZeroDivisionError

    async def endless(connector_id: str, time_s: float) -> None:
        await asyncio.Event().wait()

    for refresh, said in (
        (refused, "HubSpot's daily limit is used up"),
        (broken, "an unexpected error, which is in the log"),
        (endless, "it took longer than 0.05 seconds"),
        (None, "there is no way to HubSpot from here"),
    ):
        made = await _report(portal, mind, refresh, pull_s=0.05 if refresh is endless else 20.0)
        assert not made.trust.live_fallback_used
        assert made.trust.freshness == "stale"
        assert made.audit.caveats[1] == (
            f"The live pull that was asked for failed ({said}); the figures are those of the store."
        )
        assert "last synced 3 hours ago" in made.audit.caveats[0]

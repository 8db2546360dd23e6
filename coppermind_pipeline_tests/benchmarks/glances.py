"""What a person looks at first: all minds at a glance, and one page for a client. Milliseconds."""

import statistics
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from coppermind_pipeline.accounts import list_minds, local_caller
from coppermind_pipeline.reports import BriefRequest, DigestRequest, brief, digest
from coppermind_pipeline_tests.benchmarks.changes import read_versions
from coppermind_pipeline_tests.benchmarks.installation import stored_portal
from coppermind_pipeline_tests.benchmarks.reporting import fill
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

_CALLS = 10


def digests(*, minds: int, deals: int, changed: int) -> dict[str, Any]:
    """Median of a digest of many minds, each with a portal of so many deals, of which some were read anew."""
    with stored_portal() as first:
        with first.database.reader() as connection:
            customer = connection.execute(text("SELECT id FROM customers WHERE name = 'local'")).scalar_one()
        others = (
            StoredPortal.create(first.database, customer, mind=f"client-{number}", hub_id=1_000 + number)
            for number in range(1, minds)
        )
        for portal in (first, *others):
            fill(portal, deals=deals, others=0)
            read_versions(portal, changed=changed)
        caller = local_caller(first.database)
        request = DigestRequest.from_arguments({}, now=NOW)
        found = digest(first.database, caller, request=request, now=NOW)
        return {
            "minds": len(found.minds),
            "deals": minds * deals,
            "worth_a_look": sum(bool(each.worth_a_look) for each in found.minds),
            **_took(lambda: digest(first.database, caller, request=request, now=NOW)),
        }


def briefs(*, deals: int, changed: int) -> dict[str, Any]:
    """Median of a brief of last quarter, of a portal of many deals."""
    with stored_portal() as portal:
        fill(portal, deals=deals, others=0)
        read_versions(portal, changed=changed)
        (mind,) = list_minds(portal.database, local_caller(portal.database))
        request = BriefRequest.from_arguments({"period": "last_quarter"})
        brief(portal.database, mind=mind, request=request, now=NOW)
        return {"deals": deals, **_took(lambda: brief(portal.database, mind=mind, request=request, now=NOW))}


def _took(call: Callable[[], Any]) -> dict[str, float]:
    took = []
    for _ in range(_CALLS):
        started = time.perf_counter()
        call()
        took.append(1000 * (time.perf_counter() - started))
    return {"median_ms": round(statistics.median(took), 1), "slowest_ms": round(max(took), 1)}

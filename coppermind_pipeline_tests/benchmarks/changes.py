"""What changed in a portal of many deals, and how it stood before, where some were read anew: milliseconds."""

import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, text

from coppermind_pipeline.accounts import list_minds, local_caller
from coppermind_pipeline.catalog import load_interpretation
from coppermind_pipeline.reports import ChangesRequest, ReportRequest, changes, crm_report
from coppermind_pipeline.reports.trust.portals import load_portals
from coppermind_pipeline.store import move_checkpoint
from coppermind_pipeline_tests.benchmarks.installation import stored_portal
from coppermind_pipeline_tests.benchmarks.reporting import fill
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

_Answer = TypeVar("_Answer")

_CALLS = 10
_FOLLOWED_SINCE = NOW - timedelta(days=300)


def changed_deals(*, deals: int, changed: int) -> dict[str, Any]:
    """Median of the changes since the end of last month, with a version of each deal before and two of some since."""
    with stored_portal() as portal:
        fill(portal, deals=deals, others=0)
        read_versions(portal, changed=changed)
        (mind,) = list_minds(portal.database, local_caller(portal.database))
        found, took = _repeated(lambda: changes(portal.database, mind=mind, request=ChangesRequest(), now=NOW))
        return {
            "deals": deals,
            "steps": found.deals.total,
            "open": found.in_company_currency.closing.deals,
            **took,
        }


def deals_as_of(*, deals: int, changed: int) -> dict[str, Any]:
    """Median of a report on a quarter by source as of a week ago, where some deals changed twice since."""
    asked = {"period": "last_quarter", "group_by": "source", "as_of": (NOW - timedelta(days=7)).isoformat()}
    request = ReportRequest.from_arguments(asked)
    with stored_portal() as portal:
        fill(portal, deals=deals, others=0)
        read_versions(portal, changed=changed)
        (mind,) = list_minds(portal.database, local_caller(portal.database))
        found, took = _repeated(lambda: crm_report(portal.database, mind=mind, request=request, now=NOW))
        return {"deals": deals, "changed": changed, "open": found.summary.open.deals, **took}


def _repeated(ask: Callable[[], _Answer]) -> tuple[_Answer, dict[str, float]]:
    """Ask once, and then several times by the clock."""
    answer, took = ask(), []
    for _ in range(_CALLS):
        started = time.perf_counter()
        ask()
        took.append(1000 * (time.perf_counter() - started))
    return answer, {"median_ms": round(statistics.median(took), 1), "slowest_ms": round(max(took), 1)}


def read_versions(portal: StoredPortal, *, changed: int) -> None:
    """Store a version of each deal from before, and two of some from the last two days."""
    values: dict[str, Any] = {"followed": _FOLLOWED_SINCE, "now": NOW, "changed": changed}
    for statement in (_FOLLOWED, _FIRST_VERSIONS, _LATER_VERSIONS, "SELECT analyze_grown_tables()"):
        with portal.database.mind(portal.mind_id) as connection:
            connection.execute(text(statement), {"connector": portal.connector_id, **values})
    with portal.database.mind(portal.mind_id) as connection:
        _note_normalized(connection, portal.connector_id)


def _note_normalized(connection: Connection, connector_id: str) -> None:
    """Note that what was read stands in the store by today's rules, with its associations, as a sync does."""
    (known,) = load_portals(connection, connector_ids=[connector_id])
    rules = load_interpretation(connection, connector_id, known.config.of_records).digest
    move_checkpoint(connection, connector_id, "normalize", connection.scalar(text(_LAST)), rules=rules)
    move_checkpoint(connection, connector_id, "attribute", connection.scalar(text(_LAST_CHANGE)))


_FOLLOWED = "UPDATE hubspot_backfills SET first_completed_at = :followed WHERE connector_id = :connector"

# As many properties as a deal of a real portal has.
_PROPERTIES = """
jsonb_build_object('createdate', to_char(deal.created_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'dealname', deal.name,
                   'pipeline', deal.pipeline_id, 'dealstage', {stage}, 'amount', CAST({amount} AS text),
                   'amount_in_home_currency', CAST({amount} AS text), 'deal_currency_code', 'USD',
                   'closedate', to_char(deal.close_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
|| (SELECT jsonb_object_agg('property_' || known, 'a value of some length') FROM generate_series(1, {others}) AS known)
"""

_VERSIONS = """
INSERT INTO hubspot_raw_records (connector_id, mind_id, object_type, hubspot_id, content_hash, read_at, payload)
SELECT :connector, current_mind(), 'deals', deal.hubspot_id, convert_to(CAST({at} AS text), 'UTF8'), {at},
       CAST(jsonb_strip_nulls({properties}) AS json)
  FROM live_deals AS deal
"""

_FIRST_VERSIONS = _VERSIONS.format(
    at="CAST(:followed AS timestamptz) - interval '1 hour'",
    properties=_PROPERTIES.format(stage="deal.stage_id", amount="deal.amount", others=60),
)

# Half of them change their amount, and then all end as they are stored, which is won for some.
_LATER_VERSIONS = (
    _VERSIONS.format(
        at="CAST(:now AS timestamptz) - place * interval '1 day'",
        properties=_PROPERTIES.format(
            stage="CASE place WHEN 2 THEN 'contractsent' ELSE deal.stage_id END",
            amount="deal.amount + CASE place WHEN 2 THEN 10 ELSE 0 END",
            others=60,
        ),
    )
    + """ CROSS JOIN generate_series(1, 2) AS place
     WHERE CAST(deal.hubspot_id AS bigint) < 5000000 + CAST(:changed AS bigint)"""
)

_LAST = "SELECT max(seq) FROM hubspot_raw_records"
_LAST_CHANGE = "SELECT max(change_seq) FROM hubspot_crm_objects"

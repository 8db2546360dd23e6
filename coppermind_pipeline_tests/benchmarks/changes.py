"""What changed in the pipeline of a portal of many deals, of which some were read anew: milliseconds."""

import statistics
import time
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from coppermind_pipeline.accounts import list_minds, local_caller
from coppermind_pipeline.reports import ChangesRequest, changes
from coppermind_pipeline_tests.benchmarks.installation import stored_portal
from coppermind_pipeline_tests.benchmarks.reporting import fill
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

_CALLS = 10
_FOLLOWED_SINCE = NOW - timedelta(days=300)


def changed_deals(*, deals: int, changed: int) -> dict[str, Any]:
    """Median of the changes since the end of last month, with a version of each deal before and two of some since."""
    with stored_portal() as portal:
        fill(portal, deals=deals, others=0)
        read_versions(portal, changed=changed)
        (mind,) = list_minds(portal.database, local_caller(portal.database))
        found = changes(portal.database, mind=mind, request=ChangesRequest(), now=NOW)
        took = []
        for _ in range(_CALLS):
            started = time.perf_counter()
            changes(portal.database, mind=mind, request=ChangesRequest(), now=NOW)
            took.append(1000 * (time.perf_counter() - started))
        return {
            "deals": deals,
            "steps": found.deals.total,
            "open": found.in_company_currency.closing.deals,
            "median_ms": round(statistics.median(took), 1),
            "slowest_ms": round(max(took), 1),
        }


def read_versions(portal: StoredPortal, *, changed: int) -> None:
    """Store a version of each deal from before, and two of some from the last two days."""
    values: dict[str, Any] = {"followed": _FOLLOWED_SINCE, "now": NOW, "changed": changed}
    for statement in (_FOLLOWED, _FIRST_VERSIONS, _LATER_VERSIONS, _NORMALIZED, "SELECT analyze_grown_tables()"):
        with portal.database.mind(portal.mind_id) as connection:
            connection.execute(text(statement), {"connector": portal.connector_id, **values})


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

_NORMALIZED = """
INSERT INTO pipeline_stages (connector_id, mind_id, stage, seq)
SELECT :connector, current_mind(), 'normalize', max(seq) FROM hubspot_raw_records
"""

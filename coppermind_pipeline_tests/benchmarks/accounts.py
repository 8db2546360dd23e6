"""One account of a company with many contacts and deals, in a portal of any size: milliseconds, and where they go."""

import asyncio
import statistics
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import text

from coppermind_pipeline.accounts import Caller, local_caller, resolve_mind
from coppermind_pipeline.reports import memory_tool
from coppermind_pipeline_tests.benchmarks.installation import stored_portal
from coppermind_pipeline_tests.memories.filled import fill_published
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

_CALLS = 20


def accounts(*, portal_deals: int, contacts: int, deals: int) -> dict[str, Any]:
    """Median of an account whose company has so many contacts of its own, and deals with two contacts each."""
    with stored_portal() as portal:
        fill_published(portal, deals=portal_deals)
        values = {"connector": portal.connector_id, "mind": portal.mind_id, "contacts": contacts, "deals": deals}
        with portal.database.mind(portal.mind_id) as connection:
            for statement in (_COMPANY, _PEOPLE, _TIES, _OWN_DEALS, "SELECT analyze_grown_tables()"):
                connection.execute(text(statement), values)
        caller: Caller = local_caller(portal.database)
        mind = resolve_mind(portal.database, caller, "acme")

        def ask(**arguments: Any) -> Any:
            return asyncio.run(memory_tool(portal.database, mind=mind, action="account", now=NOW, **arguments))

        whole = ask(company="Megacorp")
        return {
            "records": _records(portal),
            "contacts": whole.contacts.total,
            "deals": whole.deals.total,
            "bytes": len(whole.model_dump_json().encode()),
            "median_ms": _median_ms(lambda: ask(company="Megacorp")),
            "median_ms_of_a_page": _median_ms(lambda: ask(company="Megacorp", cursor=whole.contacts.next_cursor)),
            "median_ms_of_a_small_company": _median_ms(lambda: ask(company="Company 900")),
            "median_ms_where_there_is_none": _median_ms(lambda: ask(company="Nobody Whatsoever")),
        }


def _median_ms(call: Callable[[], Any]) -> float:
    took = []
    for _ in range(_CALLS):
        started = time.perf_counter()
        call()
        took.append(1000 * (time.perf_counter() - started))
    return round(statistics.median(took), 1)


def _records(portal: StoredPortal) -> int:
    with portal.database.mind(portal.mind_id) as connection:
        return connection.execute(text("SELECT count(*) FROM hubspot_crm_objects")).scalar_one()


_COMPANY = """
INSERT INTO hubspot_crm_objects (connector_id, mind_id, object_type, hubspot_id, created_at, modified_at, read_at, name,
       domain, properties)
VALUES (:connector, :mind, 'companies', '999999999', now(), now(), now(), 'Megacorp', 'megacorp.example', '{}')
"""

_PEOPLE = """
UPDATE hubspot_crm_objects SET properties = properties || '{"associatedcompanyid": "999999999"}'
 WHERE connector_id = :connector AND object_type = 'contacts' AND CAST(hubspot_id AS bigint) <= :contacts
"""

_TIES = """
INSERT INTO hubspot_associations (connector_id, mind_id, from_type, from_id, to_type, to_id, type_ids, labels,
       valid_from)
SELECT :connector, :mind, 'deals', CAST(n AS text), 'companies', '999999999', '{341,5}', '{Primary}', now()
  FROM generate_series(1, :deals) AS n
"""

_OWN_DEALS = """
UPDATE hubspot_crm_objects SET primary_company_id = '999999999'
 WHERE connector_id = :connector AND object_type = 'deals' AND CAST(hubspot_id AS bigint) <= :deals
"""

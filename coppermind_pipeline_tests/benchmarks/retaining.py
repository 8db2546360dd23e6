"""What is measured of retention: a pass over a raw log of 500 days, and one over what that leaves."""

from time import perf_counter
from typing import Any

from coppermind_pipeline.sync import remove_old_versions
from coppermind_pipeline_tests.benchmarks.installation import stopwatch, stored_portal
from coppermind_pipeline_tests.stored_portal import StoredPortal


def retaining(*, records: int) -> dict[str, Any]:
    """Time of the pass that finds a hundred days' versions to remove, and of the daily one that finds hardly any.

    Two records in five have four versions, the others one.
    """
    with stored_portal() as portal:
        portal.execute("UPDATE connectors SET created_at = now() - interval '600 days' WHERE id = :connector")
        portal.execute(_FILL, records=records)
        portal.execute("SELECT analyze_grown_tables()")
        return {"records": records, "first": _pass(portal), "next": _pass(portal)}


def _pass(portal: StoredPortal) -> dict[str, Any]:
    looks = []

    def time_is_up() -> bool:
        looks.append(perf_counter())
        return False

    with stopwatch() as took:
        removed = remove_old_versions(portal.database, days=400, time_is_up=time_is_up)
    longest = max(after - before for before, after in zip(looks, [*looks[1:], perf_counter()], strict=True))
    return {"removed": removed.rows, "transactions": len(looks), "longest_s": round(longest, 3), **took}


_FILL = """
INSERT INTO hubspot_raw_records (connector_id, mind_id, object_type, hubspot_id, content_hash, read_at, payload)
SELECT :connector, current_mind(), (ARRAY['contacts', 'companies', 'deals'])[CAST(1 + n % 3 AS int)], CAST(n AS text),
       decode(md5(n || ' ' || day), 'hex'), now() - make_interval(days => CAST(day AS int)),
       json_build_object('lifecyclestage', CASE WHEN day > 300 THEN 'lead' ELSE 'customer' END,
                         'text', repeat(md5(CAST(n AS text)), 40))
  FROM (SELECT n, (n * 7919 + version * 167) % 501 AS day
          FROM generate_series(1, CAST(:records AS bigint)) AS n
         CROSS JOIN generate_series(1, CASE WHEN n % 5 < 2 THEN 4 ELSE 1 END) AS version
         ORDER BY day DESC, n) AS read_then
"""

"""`coppermind db size`, of an installation in which half of what is stored has been replaced long ago."""

import json
from uuid import UUID

from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.interfaces.conftest import CommandLine
from coppermind_pipeline_tests.stored_portal import StoredPortal


def test_sizes_are_told_by_kind_with_what_is_too_old(database: Database, local_customer: UUID, coppermind: CommandLine):
    portal = StoredPortal.create(database, local_customer)
    portal.execute(
        """INSERT INTO hubspot_raw_records (connector_id, mind_id, object_type, hubspot_id, content_hash, read_at,
                                            payload)
           SELECT :connector, current_mind(), 'deals', CAST(n AS text), convert_to(CAST(day AS text), 'UTF8'),
                  now() - make_interval(days => day), '{}'
             FROM generate_series(1, 500) AS n, unnest(ARRAY[600, 500]) AS day ORDER BY day DESC"""
    )
    portal.execute(
        """INSERT INTO hubspot_associations (connector_id, mind_id, from_type, from_id, to_type, to_id, valid_from,
                                             valid_to)
           SELECT :connector, current_mind(), 'deals', CAST(n AS text), 'contacts', '1', now() - interval '600 days',
                  CASE WHEN n % 4 > 0 THEN now() - make_interval(days => 300 + 100 * (n % 4)) END
             FROM generate_series(1, 2000) AS n"""
    )
    portal.execute(
        """INSERT INTO connector_events (connector_id, mind_id, severity, code, message, at)
           SELECT :connector, current_mind(), 'info', 'c', 'm', now() - make_interval(days => CAST(n / 2 AS int))
             FROM generate_series(1, 1000) AS n"""
    )
    found = {kind["kind"]: kind for kind in json.loads(coppermind("db", "size", "--json").stdout)["kinds"]}
    versions = found["versions"]
    assert versions["bytes"] > 100_000
    assert 0.45 < versions["old_bytes"] / versions["bytes"] < 0.55
    assert found["records"]["old_bytes"] == 0
    associations = found["associations"]  # a half of them ended 500 and 600 days ago
    assert 0.4 < associations["old_bytes"] / associations["bytes"] < 0.5, "those as they were read are not removed"
    assert 0.15 < found["logs"]["old_bytes"] / found["logs"]["bytes"] < 0.25
    portal.execute("DELETE FROM connector_events WHERE at > now() - interval '460 days'")
    found = {kind["kind"]: kind for kind in json.loads(coppermind("db", "size", "--json").stdout)["kinds"]}
    assert found["logs"]["old_bytes"] == 0, "the newest hundred stay"
    shown = coppermind("db", "size").stdout
    assert "too old" in shown
    assert "Runs: whole, 0 rows removed so far." in shown

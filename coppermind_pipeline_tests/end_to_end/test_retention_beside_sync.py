"""What is too old is removed while a sync writes, and both end as if they had been alone."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from coppermind_pipeline.connectors import event_retention, remove_old_log_entries
from coppermind_pipeline.memories import remove_old_texts
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import remove_old_versions
from coppermind_pipeline.sync.raw import retention
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.end_to_end.syncing import end_well, start_sync
from coppermind_pipeline_tests.portal_comparison import assert_store_equals_portal

DAYS = 400
_AGED = (
    "UPDATE connectors SET created_at = created_at - interval '450 days' WHERE id = :connector",
    "UPDATE hubspot_raw_records SET read_at = read_at - interval '450 days'",
    "UPDATE connector_events SET at = at - interval '450 days'",
)
# As if a link had been there, and had ended, for each one that holds.
_ONCE_LINKED = """
INSERT INTO hubspot_associations (connector_id, mind_id, from_type, from_id, to_type, to_id, valid_from, valid_to)
SELECT connector_id, mind_id, from_type, from_id, to_type, to_id,
       valid_from - interval '500 days', valid_from - interval '450 days'
  FROM hubspot_associations
"""
_LEFT = """
SELECT (SELECT max(versions) FROM (SELECT count(*) AS versions FROM hubspot_raw_records WHERE object_type = 'deals'
                                    GROUP BY hubspot_id) AS of_deals) AS versions,
       (SELECT count(*) FROM hubspot_associations WHERE valid_to IS NOT NULL) AS ended
"""


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=300, companies=60, deals=300, limits=False)) as running:
        yield running


@pytest.mark.slow
def test_what_is_too_old_goes_while_a_sync_writes(
    database: Database, database_url: str, sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(retention, "_RECORDS_MAX", 10)
    monkeypatch.setattr(retention, "_ASSOCIATIONS_MAX", 10)
    monkeypatch.setattr(event_retention, "NEWEST_KEPT", 1)
    connected = asyncio.run(Connected.create(database, settings_for(sandbox, tmp_path)))
    for amount in ("1", "2"):
        sandbox.control.edit("deals", None, {"amount": amount})
        end_well(start_sync(connected, database_url))
    with database.mind(connected.connector.mind_id) as connection:
        for statement in (*_AGED, _ONCE_LINKED):
            connection.exec_driver_sql(statement.replace(":connector", f"'{connected.connector_id}'"))
    sandbox.control.edit("deals", None, {"amount": "3"})

    syncing, beside = start_sync(connected, database_url), 0
    while syncing.poll() is None:
        beside += _remove(database, syncing_until=lambda: syncing.poll() is not None)
    end_well(syncing)
    assert beside > 500  # replaced versions of deals, and links that had ended
    _remove(database, syncing_until=lambda: False)
    (left,) = connected.rows(_LEFT)
    assert (left.versions, left.ended) == (2, 0)  # what held 400 days ago, and what was read since
    assert_store_equals_portal(connected, sandbox)


def _remove(database: Database, *, syncing_until: Callable[[], bool]) -> int:
    """Pass over everything, or go on with a pass; return how many rows went."""
    passes = (remove_old_versions, remove_old_texts, remove_old_log_entries)
    return sum(each(database, days=DAYS, time_is_up=syncing_until).rows for each in passes)

"""A real CRM data set, through portal, sync and report, comes out as it stands in its own files."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from coppermind_pipeline.accounts import local_caller, resolve_mind
from coppermind_pipeline.defs.sync_now import sync_connector
from coppermind_pipeline.reports import ReportRequest, crm_report
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.end_to_end.olist import wins_per_channel, write_portal
from coppermind_pipeline_tests.memories.faults_of_texts import all_faults


@pytest.mark.slow
def test_wins_per_channel_are_those_of_the_data_set(database: Database, real_data: Path, tmp_path: Path):
    data_set, portal = real_data / "crm-olist-marketing-funnel", tmp_path / "portal"
    portal.mkdir()
    write_portal(data_set, portal)
    with RunningSandbox(SandboxConfig(load=portal, limits=False)) as sandbox:
        connected = asyncio.run(
            Connected.create(
                database,
                settings_for(sandbox, tmp_path / "home"),
                config={"hubspot_backfill_since": "2010-01-01T00:00:00Z"},
            )
        )
        outcome = sync_connector(database, connected.settings, connected.connector_id, until_complete=True)
    assert outcome.complete

    expected = wins_per_channel(data_set)
    assert sum(expected.values()) == 842
    counts = connected.rows(
        """SELECT count(*) FILTER (WHERE object_type = 'contacts'), count(*) FILTER (WHERE outcome = 'won')
             FROM hubspot_crm_objects WHERE archived_at IS NULL AND NOT referenced_only"""
    )
    assert [tuple(row) for row in counts] == [(8_000, 842)]
    stored = connected.rows(
        "SELECT attributed_source, count(*) FROM hubspot_crm_objects WHERE outcome = 'won' GROUP BY attributed_source"
    )
    assert Counter(dict(map(tuple, stored))) == expected

    mind = resolve_mind(database, local_caller(database), None)
    request = ReportRequest.from_arguments({"start": "2010-01-01", "end": "2030-01-01", "group_by": "source"})
    report = crm_report(database, mind=mind, request=request, now=datetime.now(UTC))
    assert report.summary.closed_won.deals == 842
    labels = {group.label: group.closed_won.deals for group in report.groups}
    assert labels["Unknown source"] == expected[None]
    assert labels["Organic search"] == expected["organic_search"]
    assert sorted(labels.values()) == sorted(expected.values())

    texts = [row.content for row in connected.rows("SELECT content FROM memories WHERE retired_at IS NULL")]
    assert len(texts) > 8_000
    assert all_faults(texts) == []

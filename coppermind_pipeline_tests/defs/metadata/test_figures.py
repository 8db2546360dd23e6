"""What a run leaves in Dagster: totals beside what it did, what it took, links; and nobody's data."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from coppermind_pipeline.defs.sync_now import sync_connector
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database, bulk
from coppermind_pipeline_tests.connected import Connected, settings_for

ROWS = {
    "raw_contacts": "hubspot_raw_records WHERE object_type = 'contacts'",
    "raw_companies": "hubspot_raw_records WHERE object_type = 'companies'",
    "raw_deals": "hubspot_raw_records WHERE object_type = 'deals'",
    "raw_deal_associations": "hubspot_raw_associations",
    "hubspot_crm_objects": "hubspot_crm_objects",
    "hubspot_associations": "hubspot_associations",
    "memories": "memories WHERE aggregate_scope IS NULL",  # as it was before the synthesis
}
READING = {"property_definitions", "pipelines", "owners", "raw_contacts", "raw_deals", "raw_deal_associations"}
WORDS = {"period_key", "skipped_scopes", "connector_log", "report", "hubspot", "chart"}


@pytest.fixture
def connected(database: Database, tmp_path: Path) -> Iterator[Connected]:
    with RunningSandbox(SandboxConfig(contacts=300, companies=80, deals=120, limits=False)) as sandbox:
        yield asyncio.run(Connected.create(database, settings_for(sandbox, tmp_path)))


def _metadata(connector_id: str) -> dict[str, dict[str, Any]]:
    """Return the metadata of each asset's last materialization."""
    with dg.DagsterInstance.get() as instance:
        metadata = {}
        for name in (*ROWS, *READING, "record_memories", "marketing_synthesis"):
            (record,) = instance.fetch_materializations(dg.AssetKey(name), limit=1).records
            assert record.partition_key == connector_id
            assert record.asset_materialization is not None
            metadata[name] = dict(record.asset_materialization.metadata)
        return metadata


@pytest.mark.slow
def test_a_run_says_what_is_stored_what_it_took_and_where_to_look(connected: Connected, monkeypatch):
    sync_connector(connected.database, connected.settings, connected.connector_id, until_complete=True)
    metadata = _metadata(connected.connector_id)
    for name, rows in ROWS.items():
        ((stored,),) = connected.rows(f"SELECT count(*) FROM {rows}")
        assert metadata[name]["dagster/partition_row_count"].value == stored > 0, name
    for name in READING:
        assert metadata[name]["requests"].value > 0
        assert 0 < metadata[name]["budget_used"].value < 1
    for name, figures in metadata.items():
        assert figures["seconds"].value > 0
        page = figures["connector_log"].value
        assert page == f"{connected.settings.public_url}/connectors/{connected.connector_id}/events"
        assert f"mind={connected.connector.mind_id}" in figures["report"].value
        assert figures["hubspot"].value == f"https://app.hubspot.com/contacts/{connected.connector.hub_id}"
        # Whatever is not a number leads somewhere, is a chart, or names a period or a scope.
        words = {key for key, value in figures.items() if not isinstance(value.value, int | float)}
        assert words <= WORDS, name
    synthesis = metadata["marketing_synthesis"]
    assert 0 < synthesis["deals_won_share"].value < 1
    assert "data:image/svg+xml" in synthesis["chart"].value

    sync_connector(connected.database, connected.settings, connected.connector_id)
    assert 0 < _metadata(connected.connector_id)["raw_deals"]["lag_minutes"].value < 5

    # A portal with more is not counted at each poll.
    monkeypatch.setattr(bulk, "COUNTED_MAX", 100)
    sync_connector(connected.database, connected.settings, connected.connector_id)
    few = {
        name for name, figures in _metadata(connected.connector_id).items() if "dagster/partition_row_count" in figures
    }
    assert "raw_companies" in few
    assert "raw_contacts" not in few


@pytest.mark.slow
def test_dagsters_log_holds_nobodys_data(connected: Connected):
    sync_connector(connected.database, connected.settings, connected.connector_id, until_complete=True, reconcile=True)
    with dg.DagsterInstance.get() as instance:
        log = json.dumps([entry.to_json() for run in instance.get_runs() for entry in instance.all_logs(run.run_id)])
    people = connected.rows(
        """SELECT email AS word FROM hubspot_crm_objects WHERE email IS NOT NULL
            UNION SELECT name FROM hubspot_crm_objects WHERE length(name) > 6"""
    )
    assert len(people) > 200
    assert [row.word for row in people if row.word in log] == []

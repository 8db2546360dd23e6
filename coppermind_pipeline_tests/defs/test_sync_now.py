"""The whole way through Dagster, in this process: from approval to memories, synthesis and report."""

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import orjson
import pytest

from coppermind_pipeline.accounts import local_caller, resolve_mind
from coppermind_pipeline.connectors import status
from coppermind_pipeline.defs.sync_now import SyncOutcome, sync_connector
from coppermind_pipeline.logs import configure_logs
from coppermind_pipeline.reports import ReportRequest, crm_report
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import Progress
from coppermind_pipeline_tests.connected import Connected, settings_for


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=300, companies=80, deals=120, limits=False)) as running:
        yield running


@pytest.fixture
def connected(database: Database, sandbox: RunningSandbox, tmp_path: Path) -> Connected:
    return asyncio.run(Connected.create(database, settings_for(sandbox, tmp_path)))


def test_a_sync_until_complete_ends_in_memories_synthesis_and_report(connected: Connected):
    heard: list[Progress] = []
    outcome = sync_connector(
        connected.database, connected.settings, connected.connector_id, until_complete=True, on_progress=heard.append
    )
    assert outcome == SyncOutcome(succeeded=True, complete=True)
    stages = {progress.stage for progress in heard}
    assert {"contacts", "companies", "deals", "associations", "normalize", "memories"} <= stages
    memories = connected.rows("SELECT type, aggregate_scope FROM memories WHERE superseded_at IS NULL")
    assert {"campaign_outcome", "buying_signal", "stakeholder", "fact"} <= {row.type for row in memories}
    assert {"channel_mix", "geography", "lead_leaks", "loss_themes", "strategy"} == {
        row.aggregate_scope for row in memories if row.aggregate_scope
    }
    mind = resolve_mind(connected.database, local_caller(connected.database), None)
    always = ReportRequest.from_arguments({"start": "2000-01-01", "end": "2100-01-01"})
    report = crm_report(connected.database, mind=mind, request=always, now=datetime.now(UTC))
    ((won,),) = connected.rows(
        """SELECT count(*) FROM hubspot_crm_objects
            WHERE outcome = 'won' AND archived_at IS NULL AND close_at IS NOT NULL"""
    )
    assert report.summary.closed_won.deals == won > 0
    assert report.trust.backfill_complete


@pytest.mark.slow
def test_the_run_and_its_checks_are_in_dagsters_own_storage(connected: Connected, capsys: pytest.CaptureFixture[str]):
    configure_logs(logging.DEBUG)
    sync_connector(connected.database, connected.settings, connected.connector_id)
    with dg.DagsterInstance.get() as instance:
        (run,) = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.SUCCESS
        assert run.tags["dagster/partition"] == connected.connector_id
        materialized = instance.get_materialized_partitions(dg.AssetKey("hubspot_crm_objects"))
        assert materialized == {connected.connector_id}
    events = [orjson.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    steps = {(event.get("connector_id"), event.get("run_id"), event.get("step")) for event in events}
    assert (connected.connector_id, run.run_id, "raw") in steps


@pytest.mark.slow
def test_a_sync_with_reconciliation_finds_what_hubspot_does_not_announce(connected: Connected, sandbox: RunningSandbox):
    # Reconciled a moment ago or not: who asks for it gets it.
    sync_connector(connected.database, connected.settings, connected.connector_id, until_complete=True, reconcile=True)
    live = sandbox.control.export().live("contacts")
    ((gone,),) = connected.rows(
        """SELECT hubspot_id FROM hubspot_crm_objects
            WHERE object_type = 'contacts' AND NOT referenced_only AND filtered_reason IS NULL LIMIT 1"""
    )
    assert gone in live
    sandbox.control.archive("contacts", [gone])
    outcome = sync_connector(connected.database, connected.settings, connected.connector_id, reconcile=True)
    assert outcome.succeeded
    outcome_rows = connected.rows(
        """SELECT (SELECT archived_reason FROM hubspot_crm_objects
                    WHERE object_type = 'contacts' AND hubspot_id = :gone),
                  (SELECT retired_at IS NOT NULL FROM memories
                    WHERE object_type = 'contacts' AND hubspot_id = :gone ORDER BY id DESC LIMIT 1)""",
        gone=gone,
    )
    assert [tuple(row) for row in outcome_rows] == [("archived", True)]


@pytest.mark.slow
def test_a_run_that_fails_in_several_of_its_steps_is_one_failed_poll(connected: Connected, sandbox: RunningSandbox):
    sandbox.control.uninstall()
    failures, states = [], []
    for _ in range(2):
        assert not sync_connector(connected.database, connected.settings, connected.connector_id).succeeded
        failures.append(connected.rows("SELECT failures FROM hubspot_polls")[0].failures)
        (shown,) = status(connected.database, local_caller(connected.database), now=datetime.now(UTC)).connectors
        states.append(shown.hubspot_diagnostics.operational_state)
    assert failures == [1, 2]
    assert states == ["auth_error", "auth_error"]

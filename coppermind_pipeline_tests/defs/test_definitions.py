"""The code location loads, with the assets and sensors that operators know by name."""

import subprocess
import sys

import dagster as dg
import pytest

from coppermind_pipeline.connectors import Condition
from coppermind_pipeline.definitions import defs
from coppermind_pipeline.defs.partitions import connectors

ASSETS = """
    hubspot property_definitions pipelines owners
    raw_contacts raw_companies raw_deals raw_deal_associations
    hubspot_crm_objects hubspot_associations reconciliation
    record_memories memories marketing_synthesis
"""
SENSORS = """
    new_connectors wanted_syncs due_polls failing_portals idle_polls due_syntheses waiting_memories due_reconciliations
    alerts health failed_runs due_retention lost_runs
"""


def test_the_code_location_loads():
    dg.Definitions.validate_loadable(defs)


def test_every_asset_is_partitioned_by_connector():
    graph = defs.resolve_asset_graph()
    partitions = {key.to_user_string(): graph.get(key).partitions_def for key in graph.get_all_asset_keys()}
    assert [partitions.pop(name) for name in ("fleet", "retention")] == [None, None]
    assert set(partitions) == set(ASSETS.split())
    assert all(
        isinstance(p, dg.DynamicPartitionsDefinition) and p.name == "hubspot_connectors" for p in partitions.values()
    )


def test_every_condition_is_a_check_by_connector_and_the_fleet_has_one():
    graph = defs.resolve_asset_graph()
    partitions = {key.name: graph.get(key).partitions_def for key in graph.asset_check_keys}
    assert partitions.pop("nobody_needed") is None
    assert set(partitions) == set(Condition)
    assert all(p is not None and p == connectors for p in partitions.values())
    assert all(graph.get(key).description for key in graph.asset_check_keys)


@pytest.mark.parametrize(
    ("job", "checks"),
    [
        ("sync", set(Condition) - {"without_drift", "synthesis_published"}),
        ("reconcile", {"without_drift", "labels_resolved", "without_internal_values", "queue_flowing"}),
        ("drain", {"queue_flowing"}),
        ("synthesis", {"synthesis_published"}),
    ],
)
def test_a_run_evaluates_the_checks_of_its_assets_at_its_end(job: str, checks: set[str]):
    assert {key.name for key in defs.resolve_job_def(job).asset_layer.asset_graph.asset_check_keys} == checks


def test_every_sensor_runs_from_the_first_load_on():
    running = [s for s in defs.sensors or [] if s.default_status is dg.DefaultSensorStatus.RUNNING]
    assert {sensor.name for sensor in running} == set(SENSORS.split())


def test_the_code_location_loads_without_what_only_some_steps_need():
    """Each run loads it anew."""
    heavy = (
        "aiohttp",
        "alembic",
        "dagster_postgres",
        "dagster_webserver",
        "mcp",
        "numpy",
        "pandas",
        "scipy",
        "starlette",
        "typer",
    )
    code = f"import sys, coppermind_pipeline.definitions; print(*[name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []

"""The code location loads, with the assets and sensors that operators know by name."""

import dagster as dg

from coppermind_pipeline.definitions import defs

ASSETS = """
    hubspot property_definitions pipelines owners
    raw_contacts raw_companies raw_deals raw_deal_associations
    hubspot_crm_objects hubspot_associations reconciliation
    record_memories memories marketing_synthesis
"""
SENSORS = """
    new_connectors wanted_syncs due_polls failing_portals idle_polls due_syntheses waiting_memories due_reconciliations
    alerts failed_runs
"""


def test_the_code_location_loads():
    dg.Definitions.validate_loadable(defs)


def test_every_asset_is_partitioned_by_connector():
    graph = defs.resolve_asset_graph()
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == set(ASSETS.split())
    partitions = [graph.get(key).partitions_def for key in graph.get_all_asset_keys()]
    assert all(isinstance(p, dg.DynamicPartitionsDefinition) and p.name == "hubspot_connectors" for p in partitions)


def test_every_sensor_runs_from_the_first_load_on():
    running = [s for s in defs.sensors or [] if s.default_status is dg.DefaultSensorStatus.RUNNING]
    assert {sensor.name for sensor in running} == set(SENSORS.split())

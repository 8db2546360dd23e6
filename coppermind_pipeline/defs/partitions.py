"""Partitions: all assets share one set, the connectors."""

import dagster as dg

PARTITIONS = "hubspot_connectors"

connectors = dg.DynamicPartitionsDefinition(name=PARTITIONS)


def known_connectors(instance: dg.DagsterInstance) -> set[str]:
    """Return the connectors that have a partition."""
    return set(instance.get_dynamic_partitions(PARTITIONS))

"""A portal's labels: what a person reads instead of its internal values and ids."""

from collections.abc import Collection

from sqlalchemy import Connection, text

from coppermind_pipeline.catalog.definitions import load_definitions, load_stages
from coppermind_pipeline.crm import Labels, Owner


def load_labels(connection: Connection, connector_id: str, *, properties: Collection[str]) -> Labels:
    """Return a portal's labels: owners, pipelines, stages, and the options of the named properties."""
    named = connection.execute(text(_NAMED), {"connector": connector_id}).all()
    return Labels(
        definitions=load_definitions(connection, connector_id, names=properties),
        # The store's label is the owner's whole name, decided when the owner was read.
        owners={row.hubspot_id: Owner(owner_id=row.hubspot_id, first_name=row.label)
                for row in named if row.kind == "owner"},
        pipelines={row.hubspot_id: row.label for row in named if row.kind == "pipeline"},
        stages={(stage.pipeline_id, stage.stage_id): stage for stage in load_stages(connection, connector_id)},
    )  # fmt: skip


_NAMED = """
SELECT 'owner' AS kind, hubspot_id, label FROM hubspot_owners WHERE connector_id = :connector
UNION ALL
SELECT 'pipeline', hubspot_id, label FROM hubspot_pipelines WHERE connector_id = :connector
"""

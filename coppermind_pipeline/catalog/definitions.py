"""What a portal defines, as it is stored: its properties, and the stages of its deal pipelines."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, text

from coppermind_pipeline.crm import DATE_ENTERED_PREFIX, Definitions, PropertyDefinition, Stage
from coppermind_pipeline.object_types import ObjectType


def load_definitions(
    connection: Connection, connector_id: str, *, names: Collection[str] | None = None, with_options: bool = True
) -> Definitions:
    """Return the portal's property definitions, those that HubSpot no longer has included.

    Args:
        connection: a transaction of the connector's mind.
        connector_id: whose portal it is.
        names: the properties that are asked for; None: all of them.
        with_options: read the options, too, which are most of what a definition holds.
    """
    values = {"connector": connector_id, "names": None if names is None else list(names), "with_options": with_options}
    definitions: dict[ObjectType, dict[str, PropertyDefinition]] = {object_type: {} for object_type in ObjectType}
    for row in connection.execute(text(_DEFINITIONS), values):
        definitions[ObjectType(row.object_type)][row.name] = PropertyDefinition(
            name=row.name,
            label=row.label,
            type=row.type,
            field_type=row.field_type,
            options={option["value"]: option["label"] for option in row.options or ()},
            missing=row.missing_since is not None,
        )
    return definitions


def load_stages(connection: Connection, connector_id: str) -> list[Stage]:
    """Return the stages of all deal pipelines, those that HubSpot no longer has included."""
    return [
        Stage(
            pipeline_id=row.pipeline_id,
            stage_id=row.hubspot_id,
            label=row.label,
            is_closed=row.is_closed,
            probability=row.probability,
            display_order=row.display_order,
            missing=row.missing_since is not None,
        )
        for row in connection.execute(text(_STAGES), {"connector": connector_id})
    ]


def property_names(connection: Connection, connector_id: str, object_type: ObjectType) -> Mapping[str, bool]:
    """Return the names of the properties that HubSpot defines for a type now, and whether it computes their values."""
    rows = connection.execute(text(_NAMES), {"connector": connector_id, "type": object_type})
    return {row.name: row.calculated for row in rows}


def entered_stage_properties(connection: Connection, connector_ids: Sequence[str]) -> frozenset[str]:
    """Return the names of the portals' deal properties that say when a deal entered a stage."""
    values = {"connectors": list(connector_ids), "prefix": DATE_ENTERED_PREFIX}
    return frozenset(connection.scalars(text(_ENTERED_STAGE), values))


_DEFINITIONS = """
SELECT object_type, name, label, type, field_type, missing_since,
       CASE WHEN CAST(:with_options AS boolean) THEN options END AS options
  FROM hubspot_properties
 WHERE connector_id = :connector AND (CAST(:names AS text[]) IS NULL OR name = ANY(CAST(:names AS text[])))
 ORDER BY object_type, name
"""

_STAGES = """
SELECT pipeline_id, hubspot_id, label, is_closed, probability, display_order, missing_since
  FROM hubspot_stages WHERE connector_id = :connector ORDER BY pipeline_id, hubspot_id
"""

_NAMES = """
SELECT name, calculated OR field_type LIKE 'calculation%' AS calculated FROM hubspot_properties
 WHERE connector_id = :connector AND object_type = :type AND missing_since IS NULL ORDER BY name
"""

_ENTERED_STAGE = """
SELECT name FROM hubspot_properties
 WHERE connector_id = ANY(:connectors) AND object_type = 'deals' AND starts_with(name, :prefix)
   AND missing_since IS NULL
"""

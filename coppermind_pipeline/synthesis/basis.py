"""What a synthesis is made from beside the records of its population."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from coppermind_pipeline.catalog import Portal, load_definitions, load_filters, portal_values
from coppermind_pipeline.connectors import ConnectorConfig
from coppermind_pipeline.crm import Definitions, Filters
from coppermind_pipeline.object_types import ObjectType


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """The stored facts of one connector.

    Attributes:
        zone: of what is reported: as configured, else the portal's, else UTC.
        last_pull_at: end of the last complete pull.
        definitions: names, labels and types, without options.
        filters: those that the records are filtered by.
        filtered: live records that the filters leave out, by type; referenced ones are not counted.
    """

    portal: Portal
    zone: ZoneInfo
    last_pull_at: datetime | None
    definitions: Definitions
    filters: Filters
    filtered: tuple[tuple[ObjectType, int], ...]


def load_basis(connection: Connection, connector_id: str, config: ConnectorConfig) -> Basis:
    """Read a connector's facts in the mind of the open transaction."""
    values = {"connector": connector_id}
    row = connection.execute(text(_PORTAL), values).mappings().one()
    portal = Portal(**portal_values(row))
    definitions = load_definitions(connection, connector_id, with_options=False)
    return Basis(
        portal=portal,
        zone=portal.report_zone(config.report_timezone) or ZoneInfo("UTC"),
        last_pull_at=row["last_pull_at"],
        definitions=definitions,
        filters=load_filters(connection, connector_id, config.of_records.filters, definitions=definitions),
        filtered=tuple((ObjectType(each.object_type), each.records)
                       for each in connection.execute(text(_FILTERED), values)),
    )  # fmt: skip


_PORTAL = """
SELECT portal.*, synced.last_pull_at
  FROM portals AS portal JOIN sync_facts AS synced ON synced.connector_id = portal.connector_id
 WHERE portal.connector_id = :connector
"""

_FILTERED = """
SELECT object_type, count(*) AS records FROM live_records
 WHERE connector_id = :connector AND filtered_reason IS NOT NULL AND NOT referenced_only
 GROUP BY object_type ORDER BY array_position(ARRAY['contacts', 'companies', 'deals'], object_type)
"""

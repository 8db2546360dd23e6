"""What a synthesis is made from beside the records of its population."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from coppermind_pipeline.catalog import Portal, load_definitions, load_filters, portal_values
from coppermind_pipeline.connectors import ConnectorConfig
from coppermind_pipeline.crm import Definitions, Filters


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """The stored facts of one connector.

    Attributes:
        zone: of what is reported: as configured, else the portal's, else UTC.
        last_pull_at: end of the last complete pull.
        definitions: names, labels and types, without options.
        filters: those that the records are filtered by.
    """

    portal: Portal
    zone: ZoneInfo
    last_pull_at: datetime | None
    definitions: Definitions
    filters: Filters


def load_basis(connection: Connection, connector_id: str, config: ConnectorConfig) -> Basis:
    """Read a connector's facts in the mind of the open transaction."""
    row = connection.execute(text(_PORTAL), {"connector": connector_id}).mappings().one()
    portal = Portal(**portal_values(row))
    definitions = load_definitions(connection, connector_id, with_options=False)
    return Basis(
        portal=portal,
        zone=portal.report_zone(config.report_timezone) or ZoneInfo("UTC"),
        last_pull_at=row["last_pull_at"],
        definitions=definitions,
        filters=load_filters(connection, connector_id, config.of_records.filters, definitions=definitions),
    )


_PORTAL = """
SELECT portal.*, synced.last_pull_at
  FROM portals AS portal JOIN sync_facts AS synced ON synced.connector_id = portal.connector_id
 WHERE portal.connector_id = :connector
"""

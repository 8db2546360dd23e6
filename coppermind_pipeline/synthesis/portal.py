"""What synthesis must know of a connector's portal beside its records."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from coppermind_pipeline.connectors import ConnectorConfig
from coppermind_pipeline.crm import FILTER_KEYS, Filters, PropertyDefinition, compile_filters, time_zone
from coppermind_pipeline.object_types import ObjectType

Definitions = Mapping[ObjectType, Mapping[str, PropertyDefinition]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """The stored facts of one connector.

    Attributes:
        zone: of reports: as configured, else the portal's, else UTC.
        since: start of the window; None before the first sync.
        last_pull_at: end of the last complete pull.
        first_completed_at: of the backfill; a later resync leaves it.
        definitions: names, labels and types, without options.
        filtered: live records that the filters leave out, by type; referenced ones are not counted.
    """

    zone: ZoneInfo
    company_currency: str | None
    since: datetime | None
    last_pull_at: datetime | None
    first_completed_at: datetime | None
    definitions: Definitions
    filters: Filters
    filtered: tuple[tuple[ObjectType, int], ...]


def load_portal(connection: Connection, *, connector_id: str, mind_id: UUID, config: ConnectorConfig) -> Portal:
    """Read a connector's facts in the mind of the open transaction."""
    values = {"connector": connector_id, "mind": mind_id}
    row = connection.execute(text(_PORTAL), values).one()
    definitions = _definitions(connection, values)
    # Those that the records are filtered by; what is configured may have changed since.
    settings = row.settings or config.model_dump(mode="json", include=set(FILTER_KEYS), exclude_none=True)
    return Portal(
        zone=_zone(config.report_timezone) or _zone(row.time_zone) or ZoneInfo("UTC"),
        company_currency=row.company_currency,
        since=row.since,
        last_pull_at=row.last_succeeded_at,
        first_completed_at=row.first_completed_at,
        definitions=definitions,
        filters=compile_filters(settings, company_info=row.company_info, definitions=definitions),
        filtered=tuple((ObjectType(each.object_type), each.records)
                       for each in connection.execute(text(_FILTERED), values)),
    )  # fmt: skip


def _zone(name: str | None) -> ZoneInfo | None:
    return time_zone(name) if name else None


def _definitions(connection: Connection, values: dict[str, Any]) -> Definitions:
    definitions: defaultdict[ObjectType, dict[str, PropertyDefinition]] = defaultdict(dict)
    for row in connection.execute(text(_DEFINITIONS), values):
        definitions[ObjectType(row.object_type)][row.name] = PropertyDefinition(
            name=row.name, label=row.label, type=row.type, field_type=row.field_type, missing=row.missing
        )
    return definitions


_PORTAL = """
SELECT m.company_info, p.time_zone, p.company_currency, b.since, b.first_completed_at, o.last_succeeded_at,
       s.applied -> 'settings' AS settings
  FROM minds m
  LEFT JOIN hubspot_portals p ON p.connector_id = :connector
  LEFT JOIN hubspot_backfills b ON b.connector_id = :connector
  LEFT JOIN hubspot_polls o ON o.connector_id = :connector
  LEFT JOIN pipeline_stages s ON s.connector_id = :connector AND s.stage = 'normalize'
 WHERE m.id = :mind
"""

_DEFINITIONS = """
SELECT object_type, name, label, type, field_type, missing_since IS NOT NULL AS missing
  FROM hubspot_properties WHERE connector_id = :connector
"""

_FILTERED = """
SELECT object_type, count(*) AS records FROM hubspot_crm_objects
 WHERE connector_id = :connector AND filtered_reason IS NOT NULL AND archived_at IS NULL AND merged_into IS NULL
   AND NOT referenced_only
 GROUP BY object_type ORDER BY array_position(ARRAY['contacts', 'companies', 'deals'], object_type)
"""

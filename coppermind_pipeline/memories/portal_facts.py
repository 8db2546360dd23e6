"""What a portal says beside its records: labels, zone and currency, and which types its filters leave unfinished."""

import hashlib
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from sqlalchemy import Connection, text

from coppermind_pipeline.crm import (
    LOSS_REASON_PROPERTY,
    Labels,
    Owner,
    PropertyDefinition,
    Stage,
    compile_filters,
    time_zone,
)
from coppermind_pipeline.memories.phrases import Wording
from coppermind_pipeline.memories.texts import TEXT_VERSION
from coppermind_pipeline.object_types import ObjectType

_LABELLED_PROPERTIES = (
    "hs_analytics_source",
    "lifecyclestage",
    "hs_lead_status",
    "industry",
    "dealtype",
    "closed_won_reason",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalFacts:
    """All that mapping depends on beside the records.

    Attributes:
        unfinished: object types with a filter that can't be applied; nothing of them may be queued.
        record_rules, deal_rules: digests of all that texts of contacts and companies, and of deals, depend on.
    """

    wording: Wording
    unfinished: frozenset[ObjectType]
    record_rules: str
    deal_rules: str


def load_portal_facts(connection: Connection, connector_id: str) -> PortalFacts:
    """Read a connector's facts in the mind of the open transaction."""
    connector = connection.execute(text(_CONNECTOR), {"connector": connector_id}).one()
    loss_reason_property = connector.config.get("hubspot_loss_reason_property") or LOSS_REASON_PROPERTY
    labels = load_labels(connection, connector_id, properties=(*_LABELLED_PROPERTIES, loss_reason_property))
    zone = time_zone(connector.time_zone) if connector.time_zone else None
    filters = compile_filters(
        # Those that the records are filtered by; what is configured may have changed since.
        connector.settings or connector.config,
        company_info=connector.company_info,
        definitions=_known_properties(connection, connector_id),
    )
    common = [TEXT_VERSION, connector.time_zone, connector.company_currency, sorted(filters.unfinished),
              _sorted(labels.owners), _options(labels)]  # fmt: skip
    deals = [_sorted(labels.pipelines), _sorted(labels.stages), loss_reason_property]
    return PortalFacts(
        wording=Wording(
            labels=labels,
            zone=zone or UTC,
            company_currency=connector.company_currency,
            loss_reason_property=loss_reason_property,
        ),
        unfinished=filters.unfinished,
        record_rules=_digest(common),
        deal_rules=_digest([*common, *deals]),
    )


def load_labels(connection: Connection, connector_id: str, *, properties: Collection[str]) -> Labels:
    """Return a portal's labels: owners, pipelines, stages, and the options of the named properties."""
    values = {"connector": connector_id, "names": list(properties)}
    definitions: defaultdict[ObjectType, dict[str, PropertyDefinition]] = defaultdict(dict)
    for row in connection.execute(text(_DEFINITIONS), values):
        definitions[ObjectType(row.object_type)][row.name] = PropertyDefinition(
            name=row.name,
            label=row.label,
            type=row.type,
            field_type=row.field_type,
            options={option["value"]: option["label"] for option in row.options},
            missing=row.missing_since is not None,
        )
    stages = (
        Stage(
            pipeline_id=row.pipeline_id,
            stage_id=row.hubspot_id,
            label=row.label,
            is_closed=row.is_closed,
            probability=row.probability,
            display_order=row.display_order,
            missing=row.missing_since is not None,
        )
        for row in connection.execute(text(_STAGES), values)
    )
    return Labels(
        definitions=definitions,
        # The store's label is the owner's whole name, decided when the owner was read.
        owners={row.hubspot_id: Owner(owner_id=row.hubspot_id, first_name=row.label)
                for row in connection.execute(text(_OWNERS), values)},
        pipelines={row.hubspot_id: row.label for row in connection.execute(text(_PIPELINES), values)},
        stages={(stage.pipeline_id, stage.stage_id): stage for stage in stages},
    )  # fmt: skip


def _known_properties(connection: Connection, connector_id: str) -> dict[ObjectType, dict[str, PropertyDefinition]]:
    """Return the names alone: whether a filter can be applied depends on nothing else."""
    known: defaultdict[ObjectType, dict[str, PropertyDefinition]] = defaultdict(dict)
    for row in connection.execute(text(_PROPERTY_NAMES), {"connector": connector_id}):
        known[ObjectType(row.object_type)][row.name] = PropertyDefinition(name=row.name, missing=row.missing)
    return known


def _options(labels: Labels) -> list[Any]:
    return [
        (object_type, name, definition.type, sorted(definition.options.items()))
        for object_type, definitions in sorted(labels.definitions.items())
        for name, definition in sorted(definitions.items())
    ]


def _sorted(values: Any) -> list[Any]:
    return sorted(values.items())


def _digest(facts: list[Any]) -> str:
    return hashlib.sha256(repr(facts).encode(errors="backslashreplace")).hexdigest()


_CONNECTOR = """
SELECT c.config, m.company_info, p.company_currency, p.time_zone, s.applied -> 'settings' AS settings
  FROM connectors c JOIN minds m ON m.id = c.mind_id LEFT JOIN hubspot_portals p ON p.connector_id = c.id
  LEFT JOIN pipeline_stages s ON s.connector_id = c.id AND s.stage = 'normalize'
 WHERE c.id = :connector
"""
_DEFINITIONS = """
SELECT object_type, name, label, type, field_type, options, missing_since
  FROM hubspot_properties WHERE connector_id = :connector AND name = ANY(:names)
"""
_PROPERTY_NAMES = """
SELECT object_type, name, missing_since IS NOT NULL AS missing FROM hubspot_properties WHERE connector_id = :connector
"""
_OWNERS = "SELECT hubspot_id, label FROM hubspot_owners WHERE connector_id = :connector"
_PIPELINES = "SELECT hubspot_id, label FROM hubspot_pipelines WHERE connector_id = :connector"
_STAGES = """
SELECT pipeline_id, hubspot_id, label, is_closed, probability, display_order, missing_since
  FROM hubspot_stages WHERE connector_id = :connector
"""

"""What mapping goes by beside the records: how texts are worded, and which types the filters leave unfinished."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, text

from coppermind_pipeline.catalog import Portal, load_definitions, load_filters, load_labels, portal_values
from coppermind_pipeline.crm import LOSS_REASON_PROPERTY, Labels, day_of, loss_table_digest
from coppermind_pipeline.memories.mapping.relabelling import LabelFacts, label_facts
from coppermind_pipeline.memories.texts.phrases import Wording
from coppermind_pipeline.memories.texts.record_texts import TEXT_VERSION
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
class MappingRules:
    """All that mapping depends on beside the records.

    Attributes:
        unfinished: object types with a filter that can't be applied; nothing of them may be queued.
        labels: facts that tell which label has changed; what shows it is mapped again.
        of_records, of_deals: digests of all else that texts of contacts and companies, and of deals, depend on, but for
            the day, as what that changes is mapped by itself: where one differs, everything is mapped again.
        of_deals_today: digest of all that texts of deals depend on, labels and the day among it.
    """

    wording: Wording
    unfinished: frozenset[ObjectType]
    labels: LabelFacts
    of_records: str
    of_deals: str
    of_deals_today: str


def load_mapping_rules(connection: Connection, connector_id: str, *, now: datetime) -> MappingRules:
    """Read a connector's rules in the mind of the open transaction; `now` tells its day."""
    row = connection.execute(text(_PORTAL), {"connector": connector_id}).mappings().one()
    portal = Portal(**portal_values(row))
    zone = portal.report_zone(row["config"].get("report_timezone")) or UTC
    loss_reason_property = row["config"].get("hubspot_loss_reason_property") or LOSS_REASON_PROPERTY
    labels = load_labels(connection, connector_id, properties=(*_LABELLED_PROPERTIES, loss_reason_property))
    # Whether a filter can be applied depends on no option.
    definitions = load_definitions(connection, connector_id, with_options=False)
    unfinished = load_filters(connection, connector_id, row["config"], definitions=definitions).unfinished
    common = [TEXT_VERSION, str(zone), portal.company_currency, sorted(unfinished), _types(labels)]
    deals = [loss_reason_property, loss_table_digest()]
    today, facts = day_of(now, zone), label_facts(labels, loss_reason_property=loss_reason_property)
    return MappingRules(
        wording=Wording(
            labels=labels,
            zone=zone,
            today=today,
            company_currency=portal.company_currency,
            loss_reason_property=loss_reason_property,
        ),
        unfinished=unfinished,
        labels=facts,
        of_records=_digest(common),
        of_deals=_digest([*common, *deals]),
        of_deals_today=_digest(
            [*common, *deals, today, sorted((what, sorted(of.items())) for what, of in facts.items())]
        ),
    )


def _types(labels: Labels) -> list[Any]:
    return [
        (object_type, name, definition.type)
        for object_type, definitions in sorted(labels.definitions.items())
        for name, definition in sorted(definitions.items())
    ]


def _digest(facts: list[Any]) -> str:
    return hashlib.sha256(repr(facts).encode(errors="backslashreplace")).hexdigest()


_PORTAL = """
SELECT portal.*, connectors.config
  FROM portals AS portal JOIN connectors ON connectors.id = portal.connector_id
 WHERE portal.connector_id = :connector
"""

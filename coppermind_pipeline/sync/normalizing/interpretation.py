"""The meaning that a connector's records are read with, from what the store knows of its portal and configuration."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import orjson
from sqlalchemy import Connection, text

from coppermind_pipeline import crm
from coppermind_pipeline.connectors import Connector, SettingNotApplied, clear_problem, record_settings, report_problem
from coppermind_pipeline.object_types import ObjectType

# Raised when the rules of `crm` change, so that every record is interpreted again from the raw log.
RULES_VERSION = 2


@dataclass(frozen=True, slots=True)
class Interpretation:
    """The meaning in force, a digest of all that it depends on, and of that the settings that a person chose."""

    meaning: crm.Meaning
    digest: str
    settings: dict[str, Any]


def load_interpretation(connection: Connection, connector: Connector) -> Interpretation:
    """Return the meaning by the stored definitions, stages, account details and the connector's configuration."""
    ids = {"connector": connector.id, "mind": connector.mind_id}
    portal = connection.execute(
        text("SELECT time_zone, company_currency FROM hubspot_portals WHERE connector_id = :connector"), ids
    ).one_or_none()
    company_info = connection.scalar(text("SELECT company_info FROM minds WHERE id = :mind"), ids) or {}
    definitions = _definitions(connection, ids)
    stages = load_stages(connection, ids)
    config = connector.config
    filters = config.model_dump(mode="json", include=set(crm.FILTER_KEYS), exclude_none=True)
    meaning = crm.Meaning(
        company_currency=portal.company_currency if portal else None,
        time_zone=(crm.time_zone(portal.time_zone) if portal and portal.time_zone else None) or UTC,
        stages={(stage.pipeline_id, stage.stage_id): stage for stage in stages},
        definitions=definitions,
        late_stage_probability=config.late_stage_probability,
        loss_reason_property=config.hubspot_loss_reason_property,
        filters=crm.compile_filters(filters, company_info=company_info, definitions=definitions),
    )
    types = [
        (object_type, name, d.type, d.missing)
        for object_type, known in definitions.items()
        for name, d in known.items()
    ]
    depends_on = (
        RULES_VERSION, portal and tuple(portal), sorted(stages, key=repr), sorted(types), filters, company_info,
        config.late_stage_probability, config.hubspot_loss_reason_property,
    )  # fmt: skip
    digest = hashlib.sha256(repr(depends_on).encode()).hexdigest()
    return Interpretation(meaning, digest, record_settings(config, company_info))


def note_applied(connection: Connection, ids: dict[str, Any], interpretation: Interpretation) -> None:
    """Note what all stored records are interpreted by, for those who say so: reports, synthesis, memories."""
    applied = {"settings": interpretation.settings, "filters": dict(interpretation.meaning.filters.applied)}
    connection.execute(_NOTE_APPLIED, {**ids, "applied": orjson.dumps(applied).decode()})


_NOTE_APPLIED = text(
    """INSERT INTO pipeline_stages AS stored (connector_id, mind_id, stage, applied)
       VALUES (:connector, :mind, 'normalize', CAST(:applied AS jsonb))
       ON CONFLICT (connector_id, stage) DO UPDATE SET applied = excluded.applied
        WHERE stored.applied IS DISTINCT FROM excluded.applied"""
)


def settings_wait(connection: Connection, connector: Connector) -> bool:
    """Say whether records are still interpreted by other settings than those that are configured now."""
    row = connection.execute(_APPLIED_SETTINGS, {"connector": connector.id, "mind": connector.mind_id}).one()
    return record_settings(connector.config, row.company_info or {}) != row.applied


_APPLIED_SETTINGS = text(
    """SELECT minds.company_info, stage.applied -> 'settings' AS applied
         FROM minds LEFT JOIN pipeline_stages AS stage ON stage.connector_id = :connector
                                                      AND stage.stage = 'normalize'
        WHERE minds.id = :mind"""
)


def note_config_problems(connection: Connection, connector: Connector, meaning: crm.Meaning) -> None:
    """Show what the configuration asks for and the portal does not have, until one of both changes."""
    problems = list(_config_problems(meaning))
    if not problems:
        clear_problem(connection, connector, "config")
        return
    types = ", ".join(sorted({t.value for problem in problems for t in problem.object_types}))
    hints = [
        *dict.fromkeys(problem.hint for problem in problems if problem.hint),
        "Correct it with `connectors action=configure`"
        + (f"; until then no memories of {types} are written." if types else "."),
    ]
    found = SettingNotApplied(" ".join(problem.message for problem in problems), hint=" ".join(hints))
    report_problem(connection, connector, "config", found, stops=False)


def _config_problems(meaning: crm.Meaning) -> Iterator[crm.FilterProblem]:
    yield from (problem for problem in meaning.filters.problems if problem.kind == "config")
    name, known = meaning.loss_reason_property, meaning.definitions.get(ObjectType.DEALS)
    definition = known.get(name) if known else None
    if known and name != crm.LOSS_REASON_PROPERTY and (definition is None or definition.missing):
        yield crm.FilterProblem(
            kind="config",
            code="unknown_loss_reason_property",
            message=f"hubspot_loss_reason_property is {name!r}, a property that deals of the portal do not have.",
            hint="Use the property's internal name in HubSpot.",
        )


def load_stages(connection: Connection, ids: dict[str, Any]) -> list[crm.Stage]:
    """Return the stages of all deal pipelines, those that HubSpot no longer has included."""
    rows = connection.execute(_STAGES, ids)
    return [
        crm.Stage(
            pipeline_id=row.pipeline_id,
            stage_id=row.hubspot_id,
            label=row.label,
            is_closed=row.is_closed,
            probability=row.probability,
            display_order=row.display_order,
            missing=row.missing_since is not None,
        )
        for row in rows
    ]


_STAGES = text(
    """SELECT pipeline_id, hubspot_id, label, is_closed, probability, display_order, missing_since
         FROM hubspot_stages WHERE connector_id = :connector ORDER BY pipeline_id, hubspot_id"""
)


def _definitions(connection: Connection, ids: dict[str, Any]) -> dict[ObjectType, dict[str, crm.PropertyDefinition]]:
    rows = connection.execute(_DEFINITIONS, ids)
    definitions: dict[ObjectType, dict[str, crm.PropertyDefinition]] = {object_type: {} for object_type in ObjectType}
    for row in rows:
        definitions[ObjectType(row.object_type)][row.name] = crm.PropertyDefinition(
            name=row.name,
            label=row.label,
            type=row.type,
            field_type=row.field_type,
            options={option["value"]: option["label"] for option in row.options},
            missing=row.missing_since is not None,
        )
    return definitions


_DEFINITIONS = text(
    """SELECT object_type, name, label, type, field_type, options, missing_since FROM hubspot_properties
        WHERE connector_id = :connector ORDER BY object_type, name"""
)

"""A small portal, as its definitions, pipelines and owners describe it."""

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from coppermind_pipeline.crm import Meaning, PropertyDefinition, Stage
from coppermind_pipeline.object_types import ObjectType

SOURCES = {"ORGANIC_SEARCH": "Organic Search", "PAID_SEARCH": "Paid Search", "OFFLINE": "Offline Sources"}


def stage(stage_id: str, probability: str | None, order: int = 0, **changes: Any) -> Stage:
    values: dict[str, Any] = {
        "pipeline_id": "default",
        "stage_id": stage_id,
        "label": stage_id.capitalize(),
        "is_closed": False,
        "probability": None if probability is None else Decimal(probability),
        "display_order": order,
    }
    return Stage(**(values | changes))


def by_key(*stages: Stage) -> dict[tuple[str, str], Stage]:
    return {(each.pipeline_id, each.stage_id): each for each in stages}


STAGES = by_key(
    stage("new", "0.2", 0),
    stage("demo", "0.4", 1),
    stage("contract", "0.9", 2),
    stage("closedwon", "1.0", 3, is_closed=True),
    stage("closedlost", "0.0", 4, is_closed=True),
    stage("77", "1", 0, pipeline_id="renewals", is_closed=True),
    stage("gone", "1", 5, is_closed=True, missing=True),
)


def definition(name: str, **values: Any) -> PropertyDefinition:
    return PropertyDefinition(name=name, label=name, **values)


def definitions() -> dict[ObjectType, dict[str, PropertyDefinition]]:
    source = definition("hs_analytics_source", type="enumeration", field_type="select", options=SOURCES)
    status = definition(
        "hs_lead_status", type="enumeration", field_type="radio", options={"NEW": "New", "BAD_TIMING": "Bad Timing"}
    )
    lifecycle = definition("lifecyclestage", type="enumeration", field_type="radio", options={"lead": "Lead"})
    topics = definition(
        "topics", type="enumeration", field_type="checkbox", options={"a": "Ads", "b": "Brand", "c": "Content"}
    )
    contacts = [source, status, lifecycle, topics, definition("email"), definition("country"), definition("shared")]
    companies = [source, status, lifecycle, definition("domain"), definition("shared")]
    deals = [
        source,
        definition("pipeline", type="enumeration", field_type="select"),
        definition("dealtype", type="enumeration", field_type="radio", options={"newbusiness": "New Business"}),
        definition("closed_lost_reason", field_type="textarea"),
        definition("is_partner", type="bool", field_type="booleancheckbox"),
        definition("retired", missing=True),
    ]
    return {
        ObjectType.CONTACTS: {each.name: each for each in contacts},
        ObjectType.COMPANIES: {each.name: each for each in companies},
        ObjectType.DEALS: {each.name: each for each in deals},
    }


def meaning(**changes: Any) -> Meaning:
    values: dict[str, Any] = {
        "company_currency": "USD",
        "time_zone": ZoneInfo("US/Eastern"),
        "stages": STAGES,
        "definitions": definitions(),
    }
    return Meaning(**(values | changes))

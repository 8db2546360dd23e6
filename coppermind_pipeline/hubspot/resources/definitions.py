"""What a portal defines: properties and their options, pipelines and their stages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_NON_SENSITIVE = "non_sensitive"


@dataclass(frozen=True, slots=True)
class PropertyOption:
    """One choice of an enumeration."""

    value: str
    label: str
    display_order: int


@dataclass(frozen=True, slots=True)
class PropertyDefinition:
    """One property of a record type.

    Attributes:
        type: bool, date, datetime, enumeration, number, string, phone_number, object_coordinates, json.
        field_type: how forms show it; `calculation_*` for values that HubSpot computes.
        options: empty also where the choices are kept elsewhere (stages, owners).
        calculated: HubSpot computes the value, by either sign of it: HubSpot's own flag is false for some.
    """

    name: str
    label: str
    type: str
    field_type: str
    options: tuple[PropertyOption, ...]
    calculated: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a pipeline.

    Attributes:
        is_closed: None where the pipeline does not say (a pipeline of contacts).
        probability: decimal text as received ("1.0" won, "0.0" lost); None where the pipeline has none.
    """

    id: str
    label: str
    display_order: int
    is_closed: bool | None
    probability: str | None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One pipeline with its stages, in their order on screen."""

    id: str
    label: str
    display_order: int
    stages: tuple[Stage, ...]


def read_properties(data: Mapping[str, Any]) -> tuple[PropertyDefinition, ...]:
    """Return the definitions in an answer, those of sensitive properties left out: their values can't be read."""
    return tuple(
        _property(p) for p in data["results"] if (p.get("dataSensitivity") or _NON_SENSITIVE) == _NON_SENSITIVE
    )


def read_pipelines(data: Mapping[str, Any]) -> tuple[Pipeline, ...]:
    """Return the pipelines in an answer."""
    pipelines = (
        Pipeline(
            id=str(p["id"]),
            label=str(p["label"]),
            display_order=int(p.get("displayOrder") or 0),
            stages=tuple(sorted((_stage(s) for s in p["stages"]), key=lambda stage: stage.display_order)),
        )
        for p in data["results"]
    )
    return tuple(sorted(pipelines, key=lambda pipeline: pipeline.display_order))


def _property(p: Mapping[str, Any]) -> PropertyDefinition:
    field_type = str(p.get("fieldType") or "")
    return PropertyDefinition(
        name=str(p["name"]),
        label=str(p.get("label") or p["name"]),
        type=str(p["type"]),
        field_type=field_type,
        options=tuple(_option(o) for o in p.get("options") or ()),
        calculated=p.get("calculated") is True or field_type.startswith("calculation_"),
    )


def _option(o: Mapping[str, Any]) -> PropertyOption:
    value = str(o["value"])
    return PropertyOption(value, str(o.get("label") or value), int(o.get("displayOrder") or 0))


def _stage(s: Mapping[str, Any]) -> Stage:
    metadata = s.get("metadata") or {}
    closed, probability = metadata.get("isClosed"), metadata.get("probability")
    return Stage(
        id=str(s["id"]),
        label=str(s["label"]),
        display_order=int(s.get("displayOrder") or 0),
        is_closed=None if closed is None else str(closed).lower() == "true",
        probability=None if probability is None else str(probability),
    )

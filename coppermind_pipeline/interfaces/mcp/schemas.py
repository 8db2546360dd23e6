"""The tools' schemas, as small as an assistant needs them: it reads all of them before it is asked anything."""

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter

# What an assistant looks into whatever it asked for; of all else the names and kinds are listed.
_TOLD_WHOLE = ("error",)

_Schema = Mapping[str, Any]


def input_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of what a tool takes, flat, as assistants' APIs want it: no alternatives at its top."""
    schema = model.model_json_schema()
    properties = {
        name: {key: value for key, value in about.items() if key not in {"title", "default"}}
        for name, about in schema["properties"].items()
    }
    return {
        "type": "object",
        "properties": properties,
        "required": schema["required"],
        "additionalProperties": False,
    }


def output_schema(answers: Any) -> dict[str, Any]:
    """Return the JSON schema of what a tool may answer: which names an answer may have, and of which kind each is.

    What is within them is left open, since an answer says by its own names what it is; all but an error.

    Args:
        answers: a model, or a union of models.
    """
    models: Iterable[Any] = get_args(answers) or (answers,)
    properties: dict[str, Any] = {}
    for model in models:
        schema = TypeAdapter(model).json_schema(mode="serialization")
        for name, about in schema["properties"].items():
            told = _kind(about, schema, within=name in _TOLD_WHOLE)
            properties[name] = _either(properties[name], told) if name in properties else told
    return {"type": "object", "properties": {name: told for name, told in properties.items() if told}}


def _kind(about: _Schema, schema: _Schema, *, within: bool = False) -> dict[str, Any]:
    """Return the kind of a value alone; `within`: with the kinds of what is in it."""
    while "$ref" in about:
        about = schema["$defs"][about["$ref"].rpartition("/")[2]]
    kinds = sorted({kind for each in about.get("anyOf", [about]) for kind in _kinds(each, schema)})
    # What may be null, or of several kinds, is left open.
    told: dict[str, Any] = {"type": kinds[0]} if len(kinds) == 1 else {}
    if within:
        told["properties"] = {name: _kind(inner, schema) for name, inner in about["properties"].items()}
    return told


def _kinds(about: _Schema, schema: _Schema) -> Iterable[str]:
    while "$ref" in about:
        about = schema["$defs"][about["$ref"].rpartition("/")[2]]
    kind = about.get("type", ())
    return [kind] if isinstance(kind, str) else kind


def _either(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a name that several answers have."""
    return dict(one) if one == other else {}

"""Texts of a portal, cut: HubSpot takes names of thousands of characters."""

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar, cast

from pydantic import BaseModel

from coppermind_pipeline.wording import cut

TEXT_CHARS_MAX = 160

T = TypeVar("T")


def with_short_texts(value: T) -> T:
    """Return an answer's part with each text within it cut with an ellipsis where it is longer than 160 characters."""
    return cast("T", _short(value))


def _short(value: object) -> object:
    match value:
        case Enum():
            return value
        case str():
            return cut(value, TEXT_CHARS_MAX)
        case BaseModel():
            return value.model_copy(update={name: _short(getattr(value, name)) for name in type(value).model_fields})
        case list():
            return [_short(each) for each in value]
        case Mapping():
            return {name: _short(each) for name, each in value.items()}
        case _:
            return value

"""Answers that hold records: read without making objects of their many empty values."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import orjson

from coppermind_pipeline.hubspot.answers import decoded

# What is read of an answer and of a record in it, besides the results and the properties; the rest is passed over.
_OF_ANSWER = ("total", "paging", "errors")
_OF_RECORD = ("createdAt", "updatedAt", "archived", "archivedAt", "url")


class RecordAnswers:
    """Decodes answers with records of one type, by the property names that earlier ones had.

    A record lists each property that was asked for, and most are empty. Read into structures with a place for each
    known name, and written out again without the empty ones, an answer is left with a sixth of its values before any
    object is made; that takes half the time of reading it whole. One that does not fit is read as any other JSON, and
    learnt from: it has a property that was not known, or a value that is no text.
    """

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._decoder: msgspec.json.Decoder[Any] | None = None

    def decode(self, content: bytes) -> Any:
        """Return the JSON value of a body, whose records have those values that there are, as text.

        Raises:
            ValueError: the body is no JSON: cut off, or a web page.
            TypeError, AttributeError, LookupError: it does not hold records.
        """
        if self._decoder is not None:
            try:
                return orjson.loads(msgspec.json.encode(self._decoder.decode(content)))
            except ValueError:
                pass
        data = decoded(content)
        self._learn(data["results"])
        for record in data["results"]:
            properties = record["properties"].items()
            record["properties"] = {name: _as_text(value) for name, value in properties if value is not None}
        return data

    def _learn(self, records: Sequence[Mapping[str, Any]]) -> None:
        orders = {tuple(record["properties"]) for record in records}
        # Places are looked up in their order: where each record has its own, a dict is faster.
        if len(orders) != 1 or (order := orders.pop()) == self._names:
            return
        self._names = (*order, *(name for name in self._names if name not in frozenset(order)))
        self._decoder = _decoder(self._names)


def _as_text(value: Any) -> str:
    # HubSpot writes every value as text; something that stands in for it may not.
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _decoder(names: Sequence[str]) -> msgspec.json.Decoder[Any] | None:
    """Return a decoder of answers whose records have the named properties; None where a name can't be part of one."""
    places = {f"p{i}": name for i, name in enumerate(names)}
    try:
        properties = msgspec.defstruct(
            "Properties",
            [(place, str | None, None) for place in places],
            rename=places,
            forbid_unknown_fields=True,
            omit_defaults=True,
        )
    except ValueError:
        return None
    record = msgspec.defstruct(
        "Record",
        [("id", Any), ("properties", properties), *((name, Any, None) for name in _OF_RECORD)],
        omit_defaults=True,
    )
    answer = msgspec.defstruct(
        "Answer", [("results", list[record]), *((name, Any, None) for name in _OF_ANSWER)], omit_defaults=True
    )
    return msgspec.json.Decoder(answer)

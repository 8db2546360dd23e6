"""Answers that hold records: read without making objects of their many empty values."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import orjson

from coppermind_pipeline.hubspot.http.answers import decoded, shallow
from coppermind_pipeline.hubspot.resources.records import Record
from coppermind_pipeline.json_text import sorted_json


class RecordAnswers:
    """Decodes answers with records of one type, by the property names that earlier ones had.

    A record lists each property that was asked for, and most are empty. Read into structures with a place for each
    known name, and kept as JSON without the empty ones, they take half the time and less than half the memory. An
    answer that does not fit is read as any other JSON, and learnt from: it has a property that was not known, or a
    value that is no text.
    """

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._decoder: msgspec.json.Decoder[Any] | None = None

    def decode(self, content: bytes) -> Mapping[str, Any]:
        """Return `total`, `paging` and `errors` of an answer as they are, and `results` as a tuple of `Record`.

        Raises:
            ValueError: the body is no JSON (cut off, or a web page), or a record in it is none.
            TypeError, AttributeError, LookupError: it does not hold records.
        """
        if self._decoder is not None:
            try:
                answer = self._decoder.decode(content)
            except (ValueError, RecursionError):
                pass
            else:
                shallow([answer.total, answer.paging, answer.errors])
                return {
                    "total": answer.total,
                    "paging": answer.paging,
                    "errors": answer.errors,
                    "results": _records(answer.results, msgspec.json.encode),
                }
        data = decoded(content)
        results = msgspec.convert(data["results"], list[_Result])
        self._learn(results)
        return {**data, "results": _records(results, _json_of_values)}

    def _learn(self, results: "Sequence[_Result]") -> None:
        orders = {tuple(result.properties) for result in results}
        # Places are looked up in their order: where each record has its own, a dict is faster.
        if len(orders) != 1 or (order := orders.pop()) == self._names:
            return
        self._names = (*order, *(name for name in self._names if name not in frozenset(order)))
        self._decoder = _decoder(self._names)


class _Result(msgspec.Struct, rename="camel"):
    """A record in an answer; in an answer that is decoded by known names, `properties` is a structure of its own."""

    id: Any
    properties: Any
    created_at: Any = None
    updated_at: Any = None
    archived: Any = None
    archived_at: Any = None
    url: Any = None


class _Answer(msgspec.Struct):
    results: Any
    total: Any = None
    paging: Any = None
    errors: Any = None


def _records(results: Sequence[_Result], encode: Callable[[Any], bytes]) -> tuple[Record, ...]:
    return tuple(
        Record(
            str(result.id),
            encode(result.properties),
            _text(result.created_at),
            _text(result.updated_at),
            result.archived is True,
            _text(result.archived_at),
            result.url,
        )
        for result in results
    )


def _text(moment: Any) -> str | None:
    # Epoch milliseconds may come as a number.
    return moment if moment is None or isinstance(moment, str) else str(moment)


def _json_of_values(properties: Mapping[str, Any]) -> bytes:
    # HubSpot writes every value as text; something that stands in for it may not.
    return sorted_json(
        {
            name: value if isinstance(value, str) else orjson.dumps(value).decode()
            for name, value in properties.items()
            if value is not None
        }
    )


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
    result = msgspec.defstruct("Result", [("properties", properties)], bases=(_Result,))
    return msgspec.json.Decoder(msgspec.defstruct("Answer", [("results", list[result])], bases=(_Answer,)))

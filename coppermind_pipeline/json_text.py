"""JSON text as records have it: read and written by orjson, and by the standard library what orjson refuses.

That is half of a surrogate pair, which some records of HubSpot's hold: UTF-8 can't carry it, an escape sequence can.
"""

import json
from typing import Any

import orjson


def read_json(text: bytes | str) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: it is no JSON.
        RecursionError: orjson refuses it, and it is nested too deep for the standard library.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def sorted_json(value: Any) -> bytes:
    """Return a value as JSON with names in order, so that the same value always makes the same text."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

"""What a search asks for: the request's body, its shape and its limits checked.

Source: HubSpot, "Search the CRM": 5 filter groups, 6 filters each, 18 in all, one sort, pages of at most 200,
10,000 results per query; recorded errors for bodies of the wrong shape.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from coppermind_pipeline.sandbox.replies import invalid, invalid_json
from coppermind_pipeline.sandbox.search.filters import OPERATORS, Filter

PAGE_RECORDS_DEFAULT = 10
PAGE_RECORDS_MAX = 200
RESULTS_MAX = 10_000
GROUPS_MAX = 5
FILTERS_PER_GROUP_MAX = 6
FILTERS_MAX = 18
QUERY_CHARACTERS_MAX = 3_000


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search, ready to be compiled."""

    groups: tuple[tuple[Filter, ...], ...]
    sort: tuple[str, bool] | None  # property, descending
    properties: tuple[str, ...] | None
    query: str
    limit: int
    after: int | None


def parse_search(body: bytes) -> SearchRequest:
    """Read a search's body; raises Refusal with HubSpot's 400 where it is malformed or over a limit."""
    try:
        document = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as wrong:
        raise invalid_json(str(wrong), wrong.colno) from None
    if not isinstance(document, dict):
        raise invalid_json("Cannot deserialize instance of `PublicObjectSearchRequest` out of START_ARRAY token")
    groups = _groups(document, body)
    _check_limits(groups)
    limit = _integer(document.get("limit", PAGE_RECORDS_DEFAULT), "limit")
    if not 0 <= limit <= PAGE_RECORDS_MAX:
        raise invalid(f"limit must be between 0 and {PAGE_RECORDS_MAX} (was {limit})")
    after = document.get("after")
    offset = None if after in {None, ""} else _integer(after, "after")
    if offset is not None and (offset < 0 or offset >= RESULTS_MAX or offset + limit > RESULTS_MAX):
        raise invalid(f"A search pages through at most {RESULTS_MAX} results (after {offset}, limit {limit})")
    properties = _list(document, "properties", body)
    query = document.get("query") or ""
    if len(query) > QUERY_CHARACTERS_MAX:
        raise invalid(f"query can have at most {QUERY_CHARACTERS_MAX} characters")
    return SearchRequest(
        groups=groups,
        sort=_sort(_list(document, "sorts", body)),
        properties=tuple(str(name) for name in properties) or None,
        query=query,
        limit=limit,
        after=offset,
    )


def _groups(document: dict[str, Any], body: bytes) -> tuple[tuple[Filter, ...], ...]:
    groups = _list(document, "filterGroups", body)
    bare = _list(document, "filters", body)
    if bare:
        groups = [*groups, {"filters": bare}]
    return tuple(
        tuple(_filter(each, body) for each in _list(group, "filters", body))
        for group in groups
        if isinstance(group, dict)
    )


def _filter(document: Any, body: bytes) -> Filter:
    if not isinstance(document, dict):
        raise invalid_json("Cannot construct instance of `Filter`", _column(body, "filters"))
    name, operator = document.get("propertyName"), document.get("operator")
    if not isinstance(name, str) or not name:
        raise invalid("a filter requires propertyName")
    if operator not in OPERATORS:
        raise invalid_json(
            f'Cannot deserialize value of type `FilterOperatorEnum` from String "{operator}": value not one of'
            f" declared Enum instance names: [{', '.join(sorted(OPERATORS))}]",
            _column(body, "operator"),
        )
    value, high = _scalar(document, "value", body), _scalar(document, "highValue", body)
    values = document.get("values")
    if operator in {"IN", "NOT_IN"} and not values:
        raise invalid(f"operator {operator} requires values (property {name})")
    if values is not None and not isinstance(values, list):
        raise invalid_json("Cannot deserialize instance of `java.util.ArrayList`", _column(body, "values"))
    return Filter(name, operator, value, tuple(str(v) for v in values or ()), high)


def _check_limits(groups: tuple[tuple[Filter, ...], ...]) -> None:
    if len(groups) > GROUPS_MAX:
        raise invalid(f"A search takes at most {GROUPS_MAX} filterGroups (had {len(groups)})")
    if any(len(group) > FILTERS_PER_GROUP_MAX for group in groups):
        raise invalid(f"A filter group takes at most {FILTERS_PER_GROUP_MAX} filters")
    if sum(len(group) for group in groups) > FILTERS_MAX:
        raise invalid(f"A search takes at most {FILTERS_MAX} filters in all")


def _sort(sorts: list[Any]) -> tuple[str, bool] | None:
    if not sorts:
        return None
    if len(sorts) > 1:
        raise invalid("A search takes at most one sort")
    sort = sorts[0]
    if isinstance(sort, str):
        return sort.lstrip("-"), sort.startswith("-")
    if not isinstance(sort, dict) or not isinstance(sort.get("propertyName"), str):
        raise invalid("a sort requires propertyName")
    return sort["propertyName"], str(sort.get("direction", "ASCENDING")).upper().startswith("DESC")


def _list(document: dict[str, Any], name: str, body: bytes) -> list[Any]:
    found = document.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        token = "START_OBJECT" if isinstance(found, dict) else "VALUE_STRING"
        raise invalid_json(
            f"Cannot deserialize instance of `java.util.HashSet` out of {token} token", _column(body, name)
        )
    return found


def _scalar(document: dict[str, Any], name: str, body: bytes) -> str | None:
    found = document.get(name)
    if isinstance(found, list | dict):
        token = "START_ARRAY" if isinstance(found, list) else "START_OBJECT"
        raise invalid_json(
            f"Cannot deserialize instance of `java.lang.String` out of {token} token", _column(body, f'"{name}"')
        )
    if isinstance(found, bool):
        return str(found).lower()
    return None if found is None else str(found)


def _integer(value: Any, name: str) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise invalid(f"{name} must be an integer (was {value})") from None


def _column(body: bytes, name: str) -> int:
    """Return where a member's value begins, counted from 1, about as HubSpot's reader does."""
    at = body.find(name.encode())
    return max(1, at + len(name) + 1)

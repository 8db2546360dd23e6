"""Search filters, compiled to SQL over a kind's rows.

Source: HubSpot, "Search the CRM", section on filters (operators, case rules, limits).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from coppermind_pipeline.sandbox.portal.definitions import Definition
from coppermind_pipeline.sandbox.portal.object_kinds import ObjectKind, object_kind
from coppermind_pipeline.sandbox.portal.portal import Portal
from coppermind_pipeline.sandbox.replies import error, invalid
from coppermind_pipeline.sandbox.timestamps import parse_ms

_COMPARISONS = {"EQ": "=", "NEQ": "<>", "LT": "<", "LTE": "<=", "GT": ">", "GTE": ">="}
_NEGATIONS = frozenset({"NEQ", "NOT_IN", "NOT_CONTAINS_TOKEN"})
OPERATORS = (
    frozenset(_COMPARISONS)
    | _NEGATIONS
    | {
        "BETWEEN",
        "IN",
        "HAS_PROPERTY",
        "NOT_HAS_PROPERTY",
        "CONTAINS_TOKEN",
    }
)


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition as it came in, its shape checked."""

    property_name: str
    operator: str
    value: str | None = None
    values: tuple[str, ...] = ()
    high_value: str | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL with its parameters."""

    sql: str
    parameters: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class _Operand:
    """How a property is compared: its SQL, the SQL that says it is set, and how a request's value is read."""

    sql: str
    parameters: tuple[Any, ...]
    is_set: str
    set_parameters: tuple[Any, ...]
    read: Callable[[str], Any]
    multiple: bool = False


def all_of(conditions: list[Condition]) -> Condition:
    """Join conditions by AND; none of them is always true."""
    return _joined(conditions, " AND ", "1")


def any_of(conditions: list[Condition]) -> Condition:
    """Join conditions by OR; none of them is always true, as no filter group at all finds everything."""
    return _joined(conditions, " OR ", "1")


def compile_filter(portal: Portal, kind: ObjectKind, wanted: Filter) -> Condition:
    """Compile one filter; raises Refusal where HubSpot would answer 400 (or 500: a bound of 0 in BETWEEN)."""
    if wanted.property_name.startswith("associations."):
        return _linked(portal, kind, wanted)
    operand = _operand(portal, kind, wanted.property_name)
    condition = _compiled(operand, wanted)
    if wanted.operator in _NEGATIONS and portal.switches.negation_finds_unset:
        return Condition(f"({condition.sql} OR NOT {operand.is_set})", condition.parameters + operand.set_parameters)
    return condition


def sort_terms(portal: Portal, kind: ObjectKind, property_name: str, *, descending: bool) -> Condition:
    """Compile a sort: values ascending or descending, records without one last, then by id."""
    direction = "DESC" if descending else "ASC"
    if property_name == "hs_object_id":
        as_text = portal.switches.id_order != "number"
        return Condition(f"CAST(id AS TEXT) {direction}" if as_text else f"id {direction}")
    operand = _operand(portal, kind, property_name)
    return Condition(f"{operand.sql} {direction} NULLS LAST, id {direction}", operand.parameters)


def words_condition(kind: ObjectKind, query: str) -> Condition:
    """Compile `query`: each word starts a token of one of the kind's searched properties."""
    one_each = [
        any_of(
            [
                Condition("has_tokens(json_extract(properties, ?), ?)", (_path(name), f"{word}*"))
                for name in kind.queried_properties
            ]
        )
        for word in query.split()
    ]
    return all_of(one_each)


def _compiled(operand: _Operand, wanted: Filter) -> Condition:
    operator = wanted.operator
    if operator in {"HAS_PROPERTY", "NOT_HAS_PROPERTY"}:
        negation = "NOT " if operator == "NOT_HAS_PROPERTY" else ""
        return Condition(negation + operand.is_set, operand.set_parameters)
    if operator in {"IN", "NOT_IN"}:
        return _in(operand, wanted)
    if operator in {"CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"}:
        negation = "NOT " if operator == "NOT_CONTAINS_TOKEN" else ""
        sql = f"({operand.is_set} AND {negation}has_tokens({operand.sql}, ?))"
        return Condition(sql, (*operand.set_parameters, *operand.parameters, _required(wanted)))
    if operator == "BETWEEN":
        return _between(operand, wanted)
    value = operand.read(_required(wanted))
    return Condition(f"{operand.sql} {_COMPARISONS[operator]} ?", (*operand.parameters, value))


def _between(operand: _Operand, wanted: Filter) -> Condition:
    low, high = _required(wanted), wanted.high_value
    if high is None:
        raise invalid("BETWEEN operator requires highValue")
    if "0" in {low, high}:
        raise error(500, "internal error")
    bounds = operand.read(low), operand.read(high)
    if bounds[0] > bounds[1]:
        raise invalid(f"BETWEEN operator requires value to be at most highValue, got {low} and {high}")
    return Condition(f"{operand.sql} BETWEEN ? AND ?", (*operand.parameters, *bounds))


def _in(operand: _Operand, wanted: Filter) -> Condition:
    negation = "NOT " if wanted.operator == "NOT_IN" else ""
    values = [operand.read(value) for value in wanted.values]
    if operand.multiple:
        # Several values are kept in one property, joined by semicolons: one of them has to match.
        one_each = " OR ".join([f"INSTR(';' || {operand.sql} || ';', ';' || ? || ';') > 0"] * len(values))
        parameters = tuple(p for value in values for p in (*operand.parameters, value))
        return Condition(f"({operand.is_set} AND {negation}({one_each or '0'}))", operand.set_parameters + parameters)
    marks = ",".join("?" * len(values))
    return Condition(f"{operand.sql} {negation}IN ({marks})", (*operand.parameters, *values))


def _operand(portal: Portal, kind: ObjectKind, name: str) -> _Operand:
    if name == "hs_object_id":
        if portal.switches.id_order == "text":
            return _Operand("CAST(id AS TEXT)", (), "1", (), str)
        return _Operand("id", (), "1", (), _integer)
    if name in {"createdate", kind.modified_property}:
        column = "created_ms" if name == "createdate" else "modified_ms"
        return _Operand(column, (), "1", (), _instant)
    definition = portal.definitions[kind].get(name)
    if definition is None:
        raise error(400, "There was a problem with the request.", category="VALIDATION_ERROR")
    return _json_operand(definition)


def _json_operand(definition: Definition) -> _Operand:
    path = _path(definition.name)
    is_set = "json_extract(properties, ?) IS NOT NULL"
    raw = "json_extract(properties, ?)"
    if definition.type in {"datetime", "date"}:
        return _Operand(f"epoch_ms({raw})", (path,), is_set, (path,), _instant)
    if definition.type == "number":
        return _Operand(f"CAST({raw} AS REAL)", (path,), is_set, (path,), _number)
    if definition.type in {"enumeration", "bool"}:
        multiple = definition.field_type == "checkbox"
        return _Operand(raw, (path,), is_set, (path,), str, multiple)
    return _Operand(f"folded({raw})", (path,), is_set, (path,), str.lower)


def _linked(portal: Portal, kind: ObjectKind, wanted: Filter) -> Condition:
    other = object_kind(wanted.property_name.removeprefix("associations."))
    if other is None or other is kind:
        raise error(400, "There was a problem with the request.", category="VALIDATION_ERROR")
    values = wanted.values if wanted.operator in {"IN", "NOT_IN"} else (_required(wanted),)
    sql = portal.associations.ids_linked_with(kind, other)
    negation = "NOT " if wanted.operator in {"NEQ", "NOT_IN"} else ""
    found = any_of([Condition(f"id IN ({sql})", (_integer(value),)) for value in values])
    return Condition(f"{negation}({found.sql})", found.parameters)


def _joined(conditions: list[Condition], word: str, otherwise: str) -> Condition:
    if not conditions:
        return Condition(otherwise)
    sql = word.join(f"({c.sql})" for c in conditions)
    return Condition(sql, tuple(p for c in conditions for p in c.parameters))


def _required(wanted: Filter) -> str:
    if wanted.value is None:
        raise invalid(f"operator {wanted.operator} requires a value (property {wanted.property_name})")
    return wanted.value


def _path(name: str) -> str:
    return f'$."{name}"'


def _instant(text: str) -> int:
    moment = parse_ms(text)
    if moment is None:
        raise invalid(f"{text} is not a valid date: give epoch milliseconds or ISO 8601 with a zone")
    return moment


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise invalid(f"{text} is not a valid number") from None


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise invalid(f"{text} is not a valid id") from None

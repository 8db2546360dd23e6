"""A portal from CSV files.

`contacts.csv`, `companies.csv` and `deals.csv` have HubSpot's property names as headers, and ids in a column `id` if
they matter. What no column gives is filled: creation and modification are the time of loading, a deal's
calculated properties come from its stage. An unknown header becomes a text property of the portal's own.
Or they are what HubSpot exports: labels for names and values, people for owners, and the ids of linked records.
`associations.csv` has the columns from_type, from_id, to_type, to_id, label; `owners.csv` has id, email, first_name,
last_name, archived.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from coppermind_pipeline.sandbox.loading.csv_rows import Row, header_of, rows_of
from coppermind_pipeline.sandbox.loading.exported_columns import ID, Columns, columns_of
from coppermind_pipeline.sandbox.loading.exported_values import ExportedValues
from coppermind_pipeline.sandbox.loading.load_error import LoadError
from coppermind_pipeline.sandbox.portal.association_store import AssociationType
from coppermind_pipeline.sandbox.portal.catalogue import custom_text
from coppermind_pipeline.sandbox.portal.deal_values import calculated, probability_text
from coppermind_pipeline.sandbox.portal.edits import EditError, association_type
from coppermind_pipeline.sandbox.portal.object_kinds import DEALS, OBJECT_KINDS, ObjectKind, object_kind
from coppermind_pipeline.sandbox.portal.owners import Owner
from coppermind_pipeline.sandbox.portal.portal import Portal
from coppermind_pipeline.sandbox.portal.record_store import StoredRecord, stored
from coppermind_pipeline.sandbox.timestamps import iso, parse_ms

CSV_FILES = tuple(f"{kind.name}.csv" for kind in OBJECT_KINDS)
LINKS_PER_BATCH = 5_000
_LINK_COLUMNS = ("from_type", "from_id", "to_type", "to_id")


class _Link(NamedTuple):
    where: str
    kind: AssociationType
    owner_id: int
    other_id: int


def load_csv(portal: Portal, directory: Path) -> None:
    """Fill a portal, its definitions and pipelines set, from CSV files; raises LoadError naming file and row."""
    owners = directory / "owners.csv"
    if owners.is_file():
        portal.put_owners([_owner(row) for row in rows_of(owners, required=(ID,))])
    exported: list[Row] = []
    for kind in OBJECT_KINDS:
        path = directory / f"{kind.name}.csv"
        if path.is_file():
            exported += _load_records(portal, kind, path)
    _insert_links(portal, exported, only_known=True)
    links = directory / "associations.csv"
    if links.is_file():
        _insert_links(portal, rows_of(links, required=_LINK_COLUMNS))


def _load_records(portal: Portal, kind: ObjectKind, path: Path) -> list[Row]:
    """Load the records of a file and return the links that its columns name, as rows of `associations.csv`."""
    columns = columns_of(kind, portal.definitions[kind], header_of(path), file=path.name)
    for name, label in columns.unknown.items():
        portal.definitions[kind].put(custom_text(name, label=label if columns.exported else None))
    values = ExportedValues(portal, kind, columns, rows_of(path)) if columns.exported else None
    header = list(columns.names.values())
    loaded_ms = portal.clock.now_ms()
    links: list[Row] = []
    current = ""

    def watched() -> Iterator[StoredRecord]:
        nonlocal current
        for number, row in enumerate(rows_of(path), start=1):
            current = row.where
            spelled = row if values is None else values.spelled(row)
            record = _record(portal, kind, spelled, header, number=number, loaded_ms=loaded_ms)
            links.extend(_named_links(kind, columns, row, record.id))
            yield record

    try:
        portal.records.insert_many(kind, watched())
    except sqlite3.IntegrityError as error:
        raise LoadError(f"{current}: its id is used by another row too") from error
    return links


def _named_links(kind: ObjectKind, columns: Columns, row: Row, record_id: int) -> Iterator[Row]:
    for column in columns.links:
        for other_id in re.findall(r"[^;\s]+", row.values.get(column.header, "")):
            link = {"from_type": kind.name, "from_id": str(record_id), "to_type": column.kind.name, "to_id": other_id}
            yield Row(row.where, link | ({"label": column.label} if column.label else {}))


def _record(
    portal: Portal, kind: ObjectKind, row: Row, header: list[str], *, number: int, loaded_ms: int
) -> StoredRecord:
    given = row.values.get("id") or row.values.get("hs_object_id")
    if given is None and ("id" in header or "hs_object_id" in header):
        raise LoadError(f"{row.where}: its id is empty")
    record_id = number if given is None else _id(given, row.where)
    created_ms = _instant(row, "createdate", loaded_ms)
    modified_ms = _instant(row, kind.modified_property, loaded_ms)
    values = {name: _spelled(portal, kind, name, value) for name, value in row.values.items() if name != "id"}
    values |= {
        "createdate": iso(created_ms),
        "hs_object_id": str(record_id),
        kind.modified_property: iso(modified_ms),
    }
    if kind is DEALS:
        values = _filled_deal(portal, values, header)
    return stored(record_id, values, created_ms=created_ms, modified_ms=modified_ms)


def _filled_deal(portal: Portal, values: dict[str, str], header: list[str]) -> dict[str, str]:
    """Add what HubSpot would calculate, except where the file has a column for it."""
    stage = portal.pipelines.deal_stage(values.get("dealstage"))
    if stage is not None and stage.probability is not None:
        values = {"hs_deal_stage_probability": probability_text(stage.probability)} | values
    filled = calculated(
        values, pipelines=portal.pipelines, company_currency=portal.account.company_currency, rates=portal.rates
    )
    return {name: value for name, value in filled.items() if name not in header} | values


def _spelled(portal: Portal, kind: ObjectKind, name: str, value: str) -> str:
    """Spell dates as HubSpot answers them; what is no date stays as it is, as old imports left it in real portals."""
    definition = portal.definitions[kind].get(name)
    if definition is None or definition.type != "datetime":
        return value
    moment = parse_ms(value)
    return value if moment is None else iso(moment)


def _insert_links(portal: Portal, rows: Iterable[Row], *, only_known: bool = False) -> None:
    """Insert the links of rows; `only_known` leaves out those to records that no file holds, else they are an error."""
    each = (link for row in rows for link in _links(portal, row))
    while batch := list(islice(each, LINKS_PER_BATCH)):
        unknown = list(_unknown_ends(portal, batch))
        if unknown and not only_known:
            where, kind, record_id = unknown[0]
            raise LoadError(f"{where}: there is no {kind.singular} with the id {record_id}")
        gone = {(kind, record_id) for _, kind, record_id in unknown}
        known = [
            link
            for link in batch
            if (link.kind.owner, link.owner_id) not in gone and (link.kind.other, link.other_id) not in gone
        ]
        for kind in {link.kind for link in known}:
            mine = [(link.owner_id, link.other_id, kind.type_id) for link in known if link.kind == kind]
            portal.associations.insert_many(kind.owner, kind.other, mine)


def _links(portal: Portal, row: Row) -> Iterator[_Link]:
    """Yield the plain link of a row, and beside it the labelled one."""
    ends = [_end(row, side) for side in ("from", "to")]
    (from_kind, from_id), (to_kind, to_id) = ends
    label = row.values.get("label")
    for wanted in (None, label) if label else (None,):
        try:
            kind = association_type(portal, (from_kind, to_kind), wanted)
        except EditError as error:
            raise LoadError(f"{row.where}: {error}") from error
        owner_id, other_id = (from_id, to_id) if kind.owner is from_kind else (to_id, from_id)
        yield _Link(row.where, kind, owner_id, other_id)


def _end(row: Row, side: str) -> tuple[ObjectKind, int]:
    word = row.values.get(f"{side}_type", "")
    kind = object_kind(word)
    if kind is None:
        raise LoadError(f"{row.where}: {side}_type is {word!r}, not contacts, companies or deals")
    return kind, _id(row.values.get(f"{side}_id", ""), row.where)


def _unknown_ends(portal: Portal, links: list[_Link]) -> Iterator[tuple[str, ObjectKind, int]]:
    for kind in OBJECT_KINDS:
        named = {link.owner_id: link.where for link in links if link.kind.owner is kind}
        named |= {link.other_id: link.where for link in links if link.kind.other is kind}
        found = {record.id for record in portal.records.read(kind, list(named))}
        yield from ((where, kind, record_id) for record_id, where in named.items() if record_id not in found)


def _owner(row: Row) -> Owner:
    values = row.values
    if "id" not in values:
        raise LoadError(f"{row.where}: its id is empty")
    user_id = values.get("user_id", values["id"])
    return Owner(
        id=values["id"],
        email=values.get("email", ""),
        first_name=values.get("first_name") or values.get("firstName", ""),
        last_name=values.get("last_name") or values.get("lastName", ""),
        user_id=int(user_id) if re.fullmatch(r"[0-9]{1,18}", user_id) else None,
        created="2023-01-01T00:00:00.000Z",
        updated="2023-01-01T00:00:00.000Z",
        archived=values.get("archived", "").lower() in {"true", "1", "yes"},
    )


def _instant(row: Row, name: str, default_ms: int) -> int:
    text = row.values.get(name)
    if text is None:
        return default_ms
    moment = parse_ms(text)
    if moment is None:
        raise LoadError(f"{row.where}: {name} is {text!r}, neither ISO 8601 with a zone nor epoch milliseconds")
    return moment


def _id(text: str, where: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text) or int(text) == 0:
        raise LoadError(f"{where}: {text!r} is no id; HubSpot's ids are whole numbers")
    return int(text)

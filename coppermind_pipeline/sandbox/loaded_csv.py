"""A portal from CSV files.

`contacts.csv`, `companies.csv` and `deals.csv` have HubSpot's property names as headers, and ids in a column `id` if
they matter. What no column gives is filled: creation and modification are the time of loading, a deal's
calculated properties come from its stage. An unknown header becomes a text property of the portal's own.
`associations.csv` has the columns from_type, from_id, to_type, to_id, label; `owners.csv` has id, email, first_name,
last_name, archived.
"""

import csv
import sqlite3
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from coppermind_pipeline.sandbox.association_store import AssociationType
from coppermind_pipeline.sandbox.deal_values import calculated, probability_text
from coppermind_pipeline.sandbox.edits import EditError, association_type, define_unknown
from coppermind_pipeline.sandbox.load_error import LoadError
from coppermind_pipeline.sandbox.object_kinds import DEALS, OBJECT_KINDS, ObjectKind, object_kind
from coppermind_pipeline.sandbox.owners import Owner
from coppermind_pipeline.sandbox.portal import Portal
from coppermind_pipeline.sandbox.record_store import StoredRecord, stored
from coppermind_pipeline.sandbox.timestamps import iso, parse_ms

CSV_FILES = tuple(f"{kind.name}.csv" for kind in OBJECT_KINDS)
LINKS_PER_BATCH = 5_000
ID_MAX = 10**18
_LINK_COLUMNS = ("from_type", "from_id", "to_type", "to_id")


class _Row(NamedTuple):
    where: str
    values: dict[str, str]


class _Link(NamedTuple):
    where: str
    kind: AssociationType
    owner_id: int
    other_id: int


def load_csv(portal: Portal, directory: Path) -> None:
    """Fill a portal, its definitions and pipelines set, from CSV files; raises LoadError naming file and row."""
    owners = directory / "owners.csv"
    if owners.is_file():
        portal.put_owners([_owner(row) for row in _rows(owners, required=("id",))])
    for kind in OBJECT_KINDS:
        path = directory / f"{kind.name}.csv"
        if path.is_file():
            _load_records(portal, kind, path)
    links = directory / "associations.csv"
    if links.is_file():
        _load_links(portal, links)


def _load_records(portal: Portal, kind: ObjectKind, path: Path) -> None:
    header = _header(path)
    define_unknown(portal, kind, [name for name in header if name != "id"])
    loaded_ms = portal.clock.now_ms()
    current = ""

    def watched() -> Iterator[StoredRecord]:
        nonlocal current
        for number, row in enumerate(_rows(path), start=1):
            current = row.where
            yield _record(portal, kind, row, header, number=number, loaded_ms=loaded_ms)

    try:
        portal.records.insert_many(kind, watched())
    except sqlite3.IntegrityError as error:
        raise LoadError(f"{current}: its id is used by another row too") from error


def _record(
    portal: Portal, kind: ObjectKind, row: _Row, header: list[str], *, number: int, loaded_ms: int
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


def _load_links(portal: Portal, path: Path) -> None:
    rows = _rows(path, required=_LINK_COLUMNS)
    while batch := list(islice((each for row in rows for each in _links(portal, row)), LINKS_PER_BATCH)):
        _check_ends(portal, batch)
        for kind in {link.kind for link in batch}:
            mine = [(link.owner_id, link.other_id, kind.type_id) for link in batch if link.kind == kind]
            portal.associations.insert_many(kind.owner, kind.other, mine)


def _links(portal: Portal, row: _Row) -> Iterator[_Link]:
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


def _end(row: _Row, side: str) -> tuple[ObjectKind, int]:
    word = row.values.get(f"{side}_type", "")
    kind = object_kind(word)
    if kind is None:
        raise LoadError(f"{row.where}: {side}_type is {word!r}, not contacts, companies or deals")
    return kind, _id(row.values.get(f"{side}_id", ""), row.where)


def _check_ends(portal: Portal, links: list[_Link]) -> None:
    for kind in OBJECT_KINDS:
        named = {link.owner_id: link.where for link in links if link.kind.owner is kind}
        named |= {link.other_id: link.where for link in links if link.kind.other is kind}
        found = {record.id for record in portal.records.read(kind, list(named))}
        for record_id, where in named.items():
            if record_id not in found:
                raise LoadError(f"{where}: there is no {kind.singular} with the id {record_id}")


def _owner(row: _Row) -> Owner:
    values = row.values
    if "id" not in values:
        raise LoadError(f"{row.where}: its id is empty")
    user_id = values.get("user_id", values["id"])
    return Owner(
        id=values["id"],
        email=values.get("email", ""),
        first_name=values.get("first_name") or values.get("firstName", ""),
        last_name=values.get("last_name") or values.get("lastName", ""),
        user_id=int(user_id) if user_id.isdigit() else None,
        created="2023-01-01T00:00:00.000Z",
        updated="2023-01-01T00:00:00.000Z",
        archived=values.get("archived", "").lower() in {"true", "1", "yes"},
    )


def _rows(path: Path, *, required: tuple[str, ...] = ()) -> Iterator[_Row]:
    """Yield the rows of a CSV file without their empty cells."""
    header = _header(path)
    missing = [name for name in required if name not in header]
    if missing:
        raise LoadError(f"{path.name}: the column {', '.join(missing)} is missing")
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, cells in enumerate(_parsed(path, csv.reader(file)), start=1):
            if number == 1 or not cells:
                continue
            where = f"{path.name}, row {number}"
            if len(cells) != len(header):
                raise LoadError(f"{where}: it has {len(cells)} cells, the header {len(header)}")
            yield _Row(where, {name: cell for name, cell in zip(header, cells, strict=True) if cell})


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = [name.strip() for name in next(_parsed(path, csv.reader(file)), [])]
    if not header or not all(header):
        raise LoadError(f"{path.name}, row 1: a header with a name for each column was expected")
    twice = {name for name in header if header.count(name) > 1}
    if twice:
        raise LoadError(f"{path.name}, row 1: the column {', '.join(sorted(twice))} is there twice")
    return header


def _parsed(path: Path, reader: Any) -> Iterator[list[str]]:
    try:
        yield from reader
    except (csv.Error, UnicodeDecodeError) as error:
        raise LoadError(f"{path.name}, row {reader.line_num + 1}: {error}") from error


def _instant(row: _Row, name: str, default_ms: int) -> int:
    text = row.values.get(name)
    if text is None:
        return default_ms
    moment = parse_ms(text)
    if moment is None:
        raise LoadError(f"{row.where}: {name} is {text!r}, neither ISO 8601 with a zone nor epoch milliseconds")
    return moment


def _id(text: str, where: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 0 < int(text) < ID_MAX:
        raise LoadError(f"{where}: {text!r} is no id; HubSpot's ids are whole numbers")
    return int(text)

"""Who may reach which table, as `tables.toml` declares it, and what of the product's SQL does not keep to it."""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from coppermind_pipeline_tests.contracts.access import Access, access_of
from coppermind_pipeline_tests.contracts.schema import Schema, read_schema
from coppermind_pipeline_tests.contracts.statements import PRODUCT, UNKNOWN, Piece, sql_pieces

_TABLES = Path(__file__).with_name("tables.toml")
_OF_THE_SERVER = re.compile(r"pg_|alembic_version$")


@dataclass(frozen=True, slots=True)
class Contract:
    """Who owns what, by the comments of the schema, and what `tables.toml` says besides.

    Attributes:
        owners: the room of each table, view and function of the database.
        published: the tables that rooms above their owner may read.
        thin: the rooms that read none all the same.
    """

    owners: Mapping[str, str]
    published: frozenset[str]
    thin: frozenset[str] = frozenset()

    def owner(self, table: str) -> str:
        """Return the room that owns a table."""
        return self.owners.get(table, "nobody")

    def may_read(self, room: str, table: str) -> bool:
        """Say whether a room may name a table: its own, or a published one of a room below, unless it is thin."""
        owner = self.owner(table)
        return room == owner or (table in self.published and room not in self.thin and _floor(room) > _floor(owner))


@dataclass(frozen=True, slots=True)
class Use:
    """A piece of SQL and what it reaches, with tables named by a value put in."""

    piece: Piece
    access: Access

    def at(self, word: str) -> str:
        """Return the file and line where the piece names a word."""
        return f"{self.piece.file.relative_to(PRODUCT.parent)}:{self.piece.line_of(word)}"


def read_contract() -> Contract:
    """Return the contract as its file says it."""
    content = tomllib.loads(_TABLES.read_text())
    return Contract(
        owners={name: room for name, (room, _) in read_schema().told.items()},
        published=frozenset(content["published"]),
        thin=frozenset(content["thin"]),
    )


def violations() -> list[str]:
    """Return what breaks the contract."""
    contract, schema = read_contract(), read_schema()
    return [*_undeclared(contract, schema), *judged(_uses(), contract, schema)]


def judged(found: Sequence[Use], contract: Contract, schema: Schema) -> list[str]:
    """Return what of some SQL breaks a contract."""
    past = [
        f"{at}: {use.piece.room} {verb} {table}, which {contract.owner(table)} owns"
        for use in found
        for verb, table, at in _past_the_owner(use, contract, schema)
    ]
    return [*_unknown(found, schema), *past]


def table() -> str:
    """Return the tables of tables, and of views and functions, for docs/tables.md."""
    contract, schema = read_contract(), read_schema()
    rooms = _readers(_uses())
    lines = ["| table | owner | read by | what it is for |", "| --- | --- | --- | --- |"]
    for name in sorted(schema.tables, key=lambda name: (-_floor(contract.owner(name)), name)):
        shown = f"`{name}`{' *' if name in contract.published else ''}"
        owner, what = schema.told.get(name, ("", ""))
        lines.append(f"| {shown} | `{owner}` | {_listed(rooms[name] - {owner})} | {what} |")
    lines += [
        "",
        "| view or function | owner | reaches | asked by | what it is for |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, door in sorted(schema.doors.items()):
        owner, what = schema.told.get(name, ("", ""))
        reached, asked = _listed(door.reads | door.writes), _listed(rooms[name])
        lines.append(f"| `{name}` | `{owner}` | {reached} | {asked} | {what} |")
    return "\n".join(lines)


def _past_the_owner(use: Use, contract: Contract, schema: Schema) -> Iterator[tuple[str, str, str]]:
    """Yield what a piece does to which tables that only their owner may, and where."""
    room = use.piece.room
    for table in sorted(use.access.writes & schema.tables):
        if room != contract.owner(table):
            yield "writes", table, use.at(table)
    for table in sorted(use.access.reads & schema.tables):
        if not contract.may_read(room, table):
            yield "reads", table, use.at(table)
    for door in sorted(use.access.calls):
        # A room below its owner may ask for it: what is written, and how, is the owner's all the same.
        for table in sorted(schema.doors[door].writes):
            if contract.owner(door) != contract.owner(table):
                yield "writes", table, use.at(door)
    for view in sorted(use.access.writes & schema.doors.keys()):
        if room != contract.owner(view):
            yield "writes", view, use.at(view)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def _readers(found: Iterable[Use]) -> dict[str, set[str]]:
    """Return the rooms that read each table or view by SQL of their own, owners among them."""
    rooms = defaultdict(set)
    for use in found:
        for relation in use.access.reads | use.access.calls:
            rooms[relation].add(use.piece.room)
    return rooms


@cache
def _uses() -> tuple[Use, ...]:
    """Return all SQL of the product with what it reaches."""
    return tuple(use_of(piece, read_schema()) for piece in sql_pieces())


def use_of(piece: Piece, schema: Schema) -> Use:
    return Use(piece, _named(piece, access_of(piece, schema), schema))


@cache
def _floors() -> dict[str, int]:
    """Return how high each room stands, by import-linter's contract of layers."""
    contracts = tomllib.loads((PRODUCT.parent / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return {room: floor for floor, layer in enumerate(reversed(layers)) for room in re.split(r" [|:] ", layer)}


def _floor(room: str) -> int:
    return _floors().get(room, -1)


def _named(piece: Piece, access: Access, schema: Schema) -> Access:
    """Return the access with each table that the module names in place of one that only a value names."""
    if any(_NO_ROWS.search(spelling) for spelling in piece.spellings):
        return Access(access.reads - {UNKNOWN}, access.writes, access.calls)
    candidates = piece.names & schema.tables
    reads, writes = (
        (each - {UNKNOWN}) | candidates if UNKNOWN in each and candidates else each
        for each in (access.reads, access.writes)
    )
    return Access(reads, writes, access.calls)


_NO_ROWS = re.compile(r"\bWITH NO DATA\b")  # only a table's columns are looked at


def _undeclared(contract: Contract, schema: Schema) -> Iterator[str]:
    there = schema.tables | schema.doors.keys()
    for name in sorted(there - contract.owners.keys()):
        yield f"{name}: the migrations name no owner of it; its comment begins with one"
    for name in sorted((contract.published | contract.owners.keys()) - there):
        yield f"{name}: it has an owner or is published, and does not exist"


def _unknown(found: Sequence[Use], schema: Schema) -> Iterator[str]:
    """Yield what is read or written by a name that is no table, view or part of a statement."""
    made_here = defaultdict(set)
    for use in found:
        for spelling in use.piece.spellings:
            made_here[use.piece.room].update(_MADE.findall(spelling))
    temporary = {name for use in found for name in _TEMPORARY.findall(use.piece.spellings[0])}
    known = schema.tables | schema.doors.keys() | temporary
    for use in found:
        for name in sorted((use.access.reads | use.access.writes) - known - made_here[use.piece.room]):
            if name == UNKNOWN:
                yield f"{use.at(name)}: which table this reaches can't be told"
            elif not _OF_THE_SERVER.match(name):
                yield f"{use.at(name)}: {name} is no table of the store"


_MADE = re.compile(r"\b(\w+)(?: \([^()]*\))? AS (?:NOT )?(?:MATERIALIZED )?\(")
_TEMPORARY = re.compile(r"CREATE TEMP(?:ORARY)? TABLE (\w+)")

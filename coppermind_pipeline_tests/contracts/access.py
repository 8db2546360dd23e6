"""What one piece of SQL reaches: the tables that it reads and writes, the functions that it calls."""

import logging
import re
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError

from coppermind_pipeline_tests.contracts.schema import Schema, tables_by_words
from coppermind_pipeline_tests.contracts.statements import Piece

# sqlglot tells of each statement that it keeps as text; those are the server's administration, and reach no table.
logging.getLogger("sqlglot").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Access:
    """What a piece of SQL reaches, tables and views alike."""

    reads: frozenset[str]
    writes: frozenset[str]
    calls: frozenset[str]


def access_of(piece: Piece, schema: Schema) -> Access:
    """Return what a piece reaches: by its grammar if it is a statement, else by the words before the names."""
    for spelling in piece.spellings:
        if _BEGINS.match(spelling) and (statements := _parsed(spelling)) is not None:
            return _joined([_of_statement(statement) for statement in statements], spelling, schema)
    relations = schema.tables | {door.name for door in schema.doors.values() if door.is_view}
    reads, writes = tables_by_words(piece.spellings[0], relations)
    return Access(reads, writes, _calls(piece.spellings[0], schema))


_BEGINS = re.compile(r"\s*(--[^\n]*\n\s*)*(SELECT|INSERT|UPDATE|DELETE|MERGE|TRUNCATE|WITH|CREATE|DROP|LOCK)\b")


def _parsed(text: str) -> list[exp.Expr] | None:
    text = text.replace("ON COMMIT DROP", "")  # of temporary tables, which sqlglot does not know
    try:
        statements = sqlglot.parse(text, dialect="postgres")
    except ParseError:
        return None
    found = [each for each in statements if each is not None]
    return None if any(isinstance(each, exp.Command) for each in found) else found


_ELSEWHERE = {"pg_catalog", "information_schema", "dagster"}


def _of_statement(statement: exp.Expr) -> tuple[set[str], set[str]]:
    reads, writes = set(), set()
    written = {id(target) for target in map(_target, statement.find_all(*_WRITING)) if target is not None}
    named_here = {each.alias for each in statement.find_all(exp.CTE)}
    for table in statement.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier) or table.db in _ELSEWHERE:
            continue  # a function's rows, or not ours
        if id(table) in written:
            writes.add(table.name)
        elif table.name not in named_here:
            reads.add(table.name)
    return reads, writes


_WRITING = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.TruncateTable)


def _target(writing: exp.Expr) -> exp.Table | None:
    """Return the table that a statement writes, wherever in its grammar that stands."""
    target = writing.expressions[0] if isinstance(writing, exp.TruncateTable) else writing.this
    return target.find(exp.Table) if target is not None else None


def _joined(found: list[tuple[set[str], set[str]]], text: str, schema: Schema) -> Access:
    reads = frozenset().union(*(each for each, _ in found))
    writes = frozenset().union(*(each for _, each in found))
    return Access(reads, writes, _calls(text, schema))


def _calls(text: str, schema: Schema) -> frozenset[str]:
    functions = (door.name for door in schema.doors.values() if not door.is_view)
    return frozenset(name for name in functions if re.search(rf"\b{name}\(", text))

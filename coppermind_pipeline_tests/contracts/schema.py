"""The tables, views and functions that the store's migrations define, as their files say."""

import re
from dataclasses import dataclass
from functools import cache

from coppermind_pipeline_tests.contracts.statements import PRODUCT

_VERSIONS = PRODUCT / "store/migrations/versions"


@dataclass(frozen=True, slots=True)
class Door:
    """A view or function of the database: what reaches tables for whoever asks it."""

    name: str
    is_view: bool
    reads: frozenset[str]
    writes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Schema:
    """What there is to reach.

    Attributes:
        told: by table, view and function: the room that owns it and what it is for, as its comment says.
    """

    tables: frozenset[str]
    doors: dict[str, Door]
    told: dict[str, tuple[str, str]]


@cache
def read_schema() -> Schema:
    """Return what all migrations together define: the last definition of each, unless it is dropped since."""
    text = "\n".join(file.read_text() for file in sorted(_VERSIONS.rglob("*")) if file.suffix in {".sql", ".py"})
    code = re.sub(r"--[^\n]*", "", text)
    tables = frozenset(re.findall(r"CREATE (?:UNLOGGED )?TABLE (\w+)", code))
    doors, dropped = {}, set()
    for found in _DOOR.finditer(code):
        if found["dropped"]:
            doors.pop(found["dropped"], None)
            dropped.add(found["dropped"])
            continue
        body = found["view"] or found["quoted"] or found["plain"]
        name, is_view = found["view_name"] or found["function_name"], bool(found["view_name"])
        reads, writes = tables_by_words(body, tables)
        doors[name] = Door(name, is_view, reads, writes)
    comments = [comment for comment in _COMMENT.findall(text) if comment[0] not in dropped - doors.keys()]
    told = {name: (room, what.replace("''", "'")) for name, room, what in comments}
    return Schema(tables, doors, told)


def tables_by_words(text: str, known: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Return which of the known tables a text reads and writes, by the words before their names."""
    writes = known.intersection(_WRITTEN.findall(text))
    reads = known.intersection(_READ.findall(_WRITTEN.sub("", text)))
    return reads, writes


_DOOR = re.compile(
    r"DROP FUNCTION (?P<dropped>\w+)"
    r"|CREATE (?:OR REPLACE )?(?:"
    r"VIEW (?P<view_name>\w+)[^;]*?\bAS\b(?P<view>[^;\"]*)"
    r"|FUNCTION (?P<function_name>\w+)[^;$]*?"
    r"(?:\$(?P<tag>\w*)\$(?P<quoted>.*?)\$(?P=tag)\$|(?P<plain>\bRETURN\b[^;]*);))",
    re.DOTALL,
)
_COMMENT = re.compile(r"COMMENT ON (?:TABLE|VIEW|FUNCTION) (\w+) IS '(\w+): ((?:[^']|'')*)'")
_WRITTEN = re.compile(
    r"\b(?:INSERT INTO|DELETE FROM|MERGE INTO|TRUNCATE|(?<!FOR )UPDATE)\s+(?:ONLY\s+)?(?:coppermind\.)?(\w+)"
)
_READ = re.compile(r"(?:\b(?:FROM|JOIN|USING)|,)\s+(?:ONLY\s+|LATERAL\s+)?(?:coppermind\.)?(\w+)")

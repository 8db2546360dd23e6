"""One portal's records and associations in a SQLite file: millions of them in bounded memory.

A record is one row with its set properties as a JSON text. Search reads the same rows, except that a record
edited a moment ago is still seen in its former state while its index delay runs: that state is kept beside it,
in the kind's `_lag` table, until the delay is over.
"""

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import orjson

from coppermind_pipeline.sandbox.portal.object_kinds import OBJECT_KINDS, ObjectKind
from coppermind_pipeline.sandbox.portal.tokens_of_text import contains_tokens
from coppermind_pipeline.sandbox.timestamps import parse_ms

_COLUMNS = "id, created_ms, modified_ms, archived_ms, merged_into, properties"
_SQL_PARAMETERS_MAX = 900


class StoredRecord(NamedTuple):
    """One record as stored; `properties` is a JSON object of its set properties."""

    id: int
    created_ms: int
    modified_ms: int
    archived_ms: int | None
    merged_into: int | None
    properties: str

    def values(self) -> dict[str, str]:
        """Return the set properties by name."""
        return orjson.loads(self.properties)


def stored(
    record_id: int,
    values: dict[str, str],
    *,
    created_ms: int,
    modified_ms: int,
    archived_ms: int | None = None,
    merged_into: int | None = None,
) -> StoredRecord:
    """Build a record from its set properties."""
    text = orjson.dumps(values).decode()
    return StoredRecord(record_id, created_ms, modified_ms, archived_ms, merged_into, text)


class RecordStore:
    """The records of one portal. Not thread-safe: the server's event loop alone uses it."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="sandbox-portal-", ignore_cleanup_errors=True)
        path = Path(self._directory.name) / "records.sqlite"
        # The loop's thread isn't the one that generates the portal, but only one of them is ever active.
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
        self.connection.executescript(
            # The file is scratch space: losing it with the process is what we want, so nothing need be synced.
            # Large pages waste less space on records of 1 to 2 KB, and halve the time of a bulk load.
            "PRAGMA page_size=16384; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
            "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-32000; PRAGMA temp_store=MEMORY;"
        )
        self.connection.create_function("folded", 1, _folded, deterministic=True)
        self.connection.create_function("epoch_ms", 1, _epoch_ms, deterministic=True)
        self.connection.create_function("has_tokens", 2, contains_tokens, deterministic=True)
        for kind in OBJECT_KINDS:
            self.connection.executescript(_SCHEMA.format(kind=kind.name))
        #: Counts up with each change, and with each record that search catches up on.
        self.version = 0
        self._lagging = False

    def close(self) -> None:
        """Close the file and delete it."""
        self.connection.close()
        self._directory.cleanup()

    def insert_many(self, kind: ObjectKind, records: Iterable[StoredRecord]) -> None:
        """Add records in bulk; search sees them at once."""
        self.connection.execute("BEGIN")
        self.connection.executemany(f"INSERT INTO {kind.name} ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)", records)
        self.connection.execute("COMMIT")
        self.version += 1

    def index_all(self) -> None:
        """Build the index on modified dates; called once after a bulk load, which is faster without it."""
        for kind in OBJECT_KINDS:
            self.connection.execute(_INDEX.format(kind=kind.name))

    def read(self, kind: ObjectKind, ids: Sequence[int]) -> list[StoredRecord]:
        """Return those of the records that exist, archived and merged ones too, in no particular order."""
        return self._read_from(kind.name, ids)

    def read_one(self, kind: ObjectKind, record_id: int) -> StoredRecord | None:
        """Return one record in whatever state, or None."""
        return next(iter(self.read(kind, [record_id])), None)

    def read_indexed(self, kind: ObjectKind, ids: Sequence[int]) -> list[StoredRecord]:
        """Return the records as search knows them, in the order of `ids`."""
        found = {row.id: row for row in self.read(kind, ids)}
        if self._lagging:
            found |= {row.id: row for row in self._read_from(f"{kind.name}_lag", ids)}
        return [found[record_id] for record_id in ids]

    def page(self, kind: ObjectKind, *, from_id: int, limit: int, archived: bool, merged: bool) -> list[StoredRecord]:
        """Return up to `limit` records with ids from `from_id` on, ascending; `merged` lets merged ones in."""
        state = "archived_ms IS NOT NULL" if archived else "archived_ms IS NULL"
        if not merged:
            state += " AND merged_into IS NULL"
        rows = self.connection.execute(
            f"SELECT {_COLUMNS} FROM {kind.name} WHERE id >= ? AND {state} ORDER BY id LIMIT ?",
            (from_id, limit),
        )
        return [StoredRecord(*row) for row in rows]

    def page_indexed(self, kind: ObjectKind, *, from_id: int, limit: int, now_ms: int) -> list[StoredRecord]:
        """Return a page of the live records as search knows them."""
        self.catch_up(now_ms)
        rows = self.connection.execute(
            f"SELECT id FROM {self.indexed_source(kind)} WHERE id >= ? ORDER BY id LIMIT ?",
            (from_id, limit),
        )
        return self.read_indexed(kind, [row[0] for row in rows])

    def everything(self, kind: ObjectKind) -> Iterator[StoredRecord]:
        """Yield every record in ascending order of id, whatever its state."""
        last = -1
        while rows := self.connection.execute(
            f"SELECT {_COLUMNS} FROM {kind.name} WHERE id > ? ORDER BY id LIMIT 1000",
            (last,),
        ).fetchall():
            yield from (StoredRecord(*row) for row in rows)
            last = rows[-1][0]

    def count(self, kind: ObjectKind, *, archived: bool = False) -> int:
        """Count records: the live ones, or the archived (merged ones not among them)."""
        state = "archived_ms IS NOT NULL AND merged_into IS NULL" if archived else "archived_ms IS NULL"
        return self.connection.execute(f"SELECT COUNT(*) FROM {kind.name} WHERE {state}").fetchone()[0]

    def largest_id(self, kind: ObjectKind) -> int:
        """Return the highest id ever used for a kind; 0 where there is none."""
        return self.connection.execute(f"SELECT COALESCE(MAX(id), 0) FROM {kind.name}").fetchone()[0]

    def write(self, kind: ObjectKind, record: StoredRecord, *, visible_at_ms: int | None = None) -> None:
        """Store one record's new state; search keeps the former one until `visible_at_ms` (None: not at all)."""
        if visible_at_ms is not None:
            self._keep_former(kind, record.id, visible_at_ms)
        self.connection.execute(f"INSERT OR REPLACE INTO {kind.name} ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)", record)
        self.version += 1

    def delete(self, kind: ObjectKind, record_id: int) -> None:
        """Remove a record for good, from search too."""
        self.connection.execute(f"DELETE FROM {kind.name} WHERE id = ?", (record_id,))
        self.connection.execute(f"DELETE FROM {kind.name}_lag WHERE id = ?", (record_id,))
        self.version += 1

    def catch_up(self, now_ms: int) -> None:
        """Let search see what was changed at least its index delay ago."""
        if not self._lagging:
            return
        left = 0
        for kind in OBJECT_KINDS:
            done = self.connection.execute(f"DELETE FROM {kind.name}_lag WHERE until_ms <= ?", (now_ms,))
            self.version += done.rowcount > 0
            left += self.connection.execute(f"SELECT COUNT(*) FROM {kind.name}_lag").fetchone()[0]
        self._lagging = left > 0

    def indexed_source(self, kind: ObjectKind) -> str:
        """Return the SQL of the rows that search sees, with the columns id, created_ms, modified_ms, properties."""
        name = kind.name
        columns = "id, created_ms, modified_ms, properties"
        live = f"SELECT {columns} FROM {name} WHERE archived_ms IS NULL"
        if not self._lagging:
            return f"({live})"
        former = f"SELECT {columns} FROM {name}_lag WHERE archived_ms IS NULL AND present"
        return f"({live} AND id NOT IN (SELECT id FROM {name}_lag) UNION ALL {former})"

    def _read_from(self, table: str, ids: Sequence[int]) -> list[StoredRecord]:
        rows: list[StoredRecord] = []
        for start in range(0, len(ids), _SQL_PARAMETERS_MAX):
            some = ids[start : start + _SQL_PARAMETERS_MAX]
            marks = ",".join("?" * len(some))
            found = self.connection.execute(f"SELECT {_COLUMNS} FROM {table} WHERE id IN ({marks})", some)
            rows.extend(StoredRecord(*row) for row in found)
        return rows

    def _keep_former(self, kind: ObjectKind, record_id: int, until_ms: int) -> None:
        """Keep what search shows of a record now; edited again meanwhile, it stays until the later date."""
        table = f"{kind.name}_lag"
        extended = self.connection.execute(
            f"UPDATE {table} SET until_ms = MAX(until_ms, ?) WHERE id = ?",
            (until_ms, record_id),
        )
        if not extended.rowcount:
            former = self.read_one(kind, record_id) or StoredRecord(record_id, 0, 0, None, None, "{}")
            self.connection.execute(
                f"INSERT INTO {table} ({_COLUMNS}, until_ms, present) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*former, until_ms, former.created_ms > 0),
            )
        self._lagging = True


_COLUMN_TYPES = """
    id INTEGER PRIMARY KEY, created_ms INTEGER NOT NULL, modified_ms INTEGER NOT NULL, archived_ms INTEGER,
    merged_into INTEGER, properties TEXT NOT NULL
"""
_SCHEMA = f"""
CREATE TABLE {{kind}} ({_COLUMN_TYPES});
CREATE TABLE {{kind}}_lag ({_COLUMN_TYPES}, until_ms INTEGER NOT NULL, present INTEGER NOT NULL);
"""
_INDEX = """
CREATE INDEX IF NOT EXISTS {kind}_modified ON {kind} (modified_ms, created_ms) WHERE archived_ms IS NULL
"""


def _folded(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _epoch_ms(text: str | None) -> int | None:
    return None if text is None else parse_ms(text)

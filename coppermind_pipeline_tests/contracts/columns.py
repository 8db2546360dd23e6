"""The columns of tables that Dagster shows, as the database has them; run as a module, it writes them for Dagster.

What each is for is said beside it in the migrations.
"""

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, text

from coppermind_pipeline.store import Database, embedded, upgrade
from coppermind_pipeline_tests.contracts.statements import PRODUCT

FILE = PRODUCT / "defs/metadata/columns.json"
TABLES = (
    "hubspot_properties", "hubspot_pipelines", "hubspot_owners", "hubspot_raw_records", "hubspot_raw_associations",
    "hubspot_crm_objects", "hubspot_associations", "memory_queue", "memories", "syntheses",
)  # fmt: skip


def columns(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """Return name, type and purpose of each column."""
    told = _told()
    return {
        table: [
            {
                "name": row.name,
                "type": row.type,
                "nullable": row.nullable,
                "description": told.get((table, row.name)),
            }
            for row in connection.execute(_COLUMNS, {"table": f"coppermind.{table}"})
        ]
        for table in TABLES
    }


def _told() -> dict[tuple[str, str], str]:
    files = sorted((PRODUCT / "store/migrations/versions").rglob("*.sql"))
    written = "\n".join(file.read_text() for file in files)
    made = re.findall(r"CREATE TABLE (\w+) \((.*?)\n\);", written, re.DOTALL)
    added = re.findall(r"^ALTER TABLE (\w+) ADD COLUMN (\w+) .*?--\s*(.+)$", written, re.MULTILINE)
    return {(table, name): said for table, name, said in added} | {
        (table, name): said
        for table, body in made
        for name, said in re.findall(r"^    (\w+) .*?--\s*(.+)$", body, re.MULTILINE)
    }


_COLUMNS = text(
    """SELECT attname AS name, format_type(atttypid, atttypmod) AS type, NOT attnotnull AS nullable
         FROM pg_attribute
        WHERE attrelid = CAST(:table AS regclass) AND attnum > 0 AND NOT attisdropped ORDER BY attnum"""
)


def write() -> None:
    """Write the columns of a new database."""
    home = Path(tempfile.mkdtemp(prefix="coppermind-columns-"))
    database = Database(embedded.start(home), home)
    upgrade(database)
    with database.administrator() as connection:
        FILE.write_bytes(orjson.dumps(columns(connection), option=orjson.OPT_INDENT_2) + b"\n")
    database.dispose()
    embedded.stop(home)
    shutil.rmtree(home)


if __name__ == "__main__":
    write()

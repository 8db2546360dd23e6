"""Rows in bulk: they arrive by COPY in a temporary table, then one statement of the caller decides; and their count."""

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg import postgres, pq, sql
from psycopg.adapt import Dumper
from sqlalchemy import Connection, TextClause, text

# It takes some ten milliseconds to count these; more are not counted at each poll.
COUNTED_MAX = 50_000


def copy_rows(connection: Connection, *, like: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Copy `rows` into the temporary table `incoming`, empty before and gone with the transaction; return their number.

    COPY can't write into a table that has row-level security, hence the detour, which also lets one set-based
    statement compare the new rows with those stored.

    Args:
        connection: the open transaction.
        like: the table whose column types the temporary table takes over.
        columns: the columns that each row gives, in this order.
        rows: one sequence of values each, of the Python type that goes with the column's; JSON columns take JSON text.
    """
    cursor = connection.connection.cursor()
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    cursor.execute(_EMPTY_INCOMING.format(names, sql.Identifier(like)))
    while cursor.nextset():
        pass
    type_codes = [type_code for _, type_code, *_ in cursor.description or ()]
    for dumper in _JsonText, _JsonbText:
        cursor.adapters.register_dumper(None, dumper)
    count = 0
    # As text, each character of a payload would be looked at for being one to escape, here and again by the server.
    with cursor.copy(sql.SQL("COPY incoming ({}) FROM STDIN (FORMAT BINARY)").format(names)) as copy:
        copy.set_types(type_codes)
        for row in rows:
            copy.write_row(row)
            count += 1
    return count


_EMPTY_INCOMING = sql.SQL(
    """DROP TABLE IF EXISTS pg_temp.incoming;
       CREATE TEMPORARY TABLE incoming ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA;
       SELECT * FROM incoming"""
)


class _JsonText(Dumper):
    """JSON that is text already."""

    format = pq.Format.BINARY
    oid = postgres.types["json"].oid

    def dump(self, obj: str) -> bytes:
        return obj.encode()


class _JsonbText(_JsonText):
    oid = postgres.types["jsonb"].oid

    def dump(self, obj: str) -> bytes:
        return b"\x01" + obj.encode()  # the version of the format


def analyze_grown_tables(connection: Connection) -> None:
    """Let the planner know what a batch of writes has made of the tables; a millisecond where none has doubled."""
    connection.execute(text("SELECT analyze_grown_tables()"))


def count_if_few(connection: Connection, statement: TextClause, connector_id: str) -> int | None:
    """Return what a statement counts of a connector, up to `:most`; None where counting them all would take long."""
    rows = connection.execute(statement, {"connector": connector_id, "most": COUNTED_MAX + 1}).scalar_one()
    return rows if rows <= COUNTED_MAX else None

"""Bulk copies: what arrives is what was sent, in every type of column that rows are copied to."""

from datetime import UTC, datetime
from decimal import Decimal

import orjson
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from coppermind_pipeline.store import Database, copy_rows

_TYPES = {
    "said": "json",
    "kept": "jsonb",
    "label": "text",
    "amount": "numeric",
    "share": "numeric(5, 4)",
    "at": "timestamptz",
    "is_closed": "boolean",
    "place": "integer",
    "seq": "bigint",
    "hash": "bytea",
    "names": "text[]",
}

_texts = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))
_rows = st.tuples(
    st.dictionaries(st.text(st.characters(exclude_categories=("Cs",))), _texts).map(lambda d: orjson.dumps(d).decode()),
    st.dictionaries(_texts, _texts).map(lambda d: orjson.dumps(d).decode()),
    st.none() | _texts,
    st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**15), max_value=10**15),
    st.none() | st.decimals(allow_nan=False, places=4, min_value=0, max_value=1),
    st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2999, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    st.none() | st.booleans(),
    st.none() | st.integers(-(2**31), 2**31 - 1),
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.binary(),
    st.none() | st.lists(_texts),
)
_SPECIAL = '\\ "\\N" \t \r\n \x08\x0b\x0c {a,"b"} \u2028 é 漢 🦆'


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(_rows, max_size=5))
@example([])
@example(
    [
        (
            '{"a": "\\u0000"}',
            orjson.dumps({_SPECIAL: _SPECIAL}).decode(),
            _SPECIAL,
            Decimal("-0.000001"),
            Decimal("0.5"),
            datetime(2026, 11, 24, 12, 0, 0, 1, tzinfo=UTC),
            False,
            0,
            0,
            b"\0\\",
            [_SPECIAL, "", "NULL"],
        )
    ]
)
def test_rows_arrive_as_they_were_sent(database: Database, rows):
    with database.nobody() as connection:
        columns = ", ".join(f"{name} {type_name}" for name, type_name in _TYPES.items())
        connection.execute(text(f"CREATE TEMPORARY TABLE kinds ({columns}) ON COMMIT DROP"))
        assert copy_rows(connection, like="kinds", columns=list(_TYPES), rows=rows) == len(rows)
        arrived = connection.execute(text("SELECT *, CAST(said AS text) AS said_text FROM incoming")).all()
    assert [row.said_text for row in arrived] == [row[0] for row in rows]
    assert [row[1:-1] for row in arrived] == [(orjson.loads(row[1]), *row[2:]) for row in rows]


def test_each_copy_replaces_the_one_before_it(database: Database):
    with database.nobody() as connection:
        copy_rows(
            connection, like="hubspot_owners", columns=("hubspot_id", "archived"), rows=[("1", True), ("2", None)]
        )
        copy_rows(connection, like="hubspot_merges", columns=("loser_id",), rows=[("3",)])
        assert connection.execute(text("SELECT * FROM incoming")).all() == [("3",)]

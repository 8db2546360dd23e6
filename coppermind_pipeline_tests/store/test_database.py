"""The database as callers meet it: what can't be stored is named, and everything else stays the server's own error."""

import traceback
from zoneinfo import available_timezones

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError

from coppermind_pipeline.crm import time_zone
from coppermind_pipeline.store import Database, UnstorableText


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
@pytest.mark.parametrize("form", [str, lambda value: [value]])
def test_a_text_that_postgresql_does_not_know_is_a_usage_error(database: Database, value, form):
    with pytest.raises(UnstorableText, match="can't be stored"), database.nobody() as connection:
        connection.execute(text("SELECT :value"), {"value": form(value)})
    with database.nobody() as connection:
        assert connection.scalar(text("SELECT :value"), {"value": "good"}) == "good"


def test_a_value_that_the_server_refuses_is_none(database: Database):
    with pytest.raises(DataError), database.nobody() as connection:
        connection.execute(text("SELECT CAST(:value AS integer)"), {"value": "seven"})


def test_an_error_names_no_value_that_was_sent(database: Database):
    values = {"number": "x", "value": "somebody@example.com"}
    with pytest.raises(DataError) as failure, database.nobody() as connection:
        connection.execute(text("SELECT CAST(:number AS integer), CAST(:value AS text)"), values)
    assert "somebody@example.com" not in "".join(traceback.format_exception(failure.value))


def test_it_knows_every_time_zone_that_we_do(database: Database):
    ours = [name for name in available_timezones() | {"localtime", "posixrules", "Factory"} if time_zone(name)]
    with database.nobody() as connection:
        known = set(connection.scalars(text("SELECT name FROM pg_timezone_names")))
    assert len(ours) > 400
    assert [name for name in ours if name not in known] == []

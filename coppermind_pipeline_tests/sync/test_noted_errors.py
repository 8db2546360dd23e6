import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from coppermind_pipeline.store import Database
from coppermind_pipeline.sync.polls import as_noted


def test_what_the_database_refuses_is_told_by_its_own_kind_and_without_values(database: Database):
    with database.nobody() as connection, pytest.raises(DBAPIError) as refused:
        connection.execute(text("SELECT 1 / CAST(:none AS int)"), {"none": 0})
    noted = as_noted(refused.value)
    assert noted.code == "unexpected"
    assert noted.message == "Something failed that nobody foresaw (DivisionByZero)."

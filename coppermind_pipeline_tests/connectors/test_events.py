"""Problems stay until the same call succeeds; events tell what happened, once."""

import pytest
from sqlalchemy import Row, text

from coppermind_pipeline.accounts import Caller
from coppermind_pipeline.connectors import Connector, clear_problem, load_connector, record_event, report_problem
from coppermind_pipeline.hubspot import AuthorizationRevoked, RateLimited, TokenRejected
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.stored_portal import StoredPortal


@pytest.fixture
def connector(database: Database, caller: Caller) -> Connector:
    return load_connector(database, StoredPortal.create(database, caller.customer_id).connector_id)


def _report(
    database: Database, connector: Connector, *errors: AuthorizationRevoked | TokenRejected | RateLimited
) -> None:
    for error in errors:
        with database.mind(connector.mind_id) as connection:
            report_problem(connection, connector, "rate_limit" if isinstance(error, RateLimited) else "auth", error)


def _rows(database: Database, connector: Connector, statement: str) -> list[Row]:
    with database.mind(connector.mind_id) as connection:
        return list(connection.execute(text(statement)))


def test_a_problem_that_is_seen_again_keeps_its_beginning_and_is_logged_once(database: Database, connector: Connector):
    _report(database, connector, TokenRejected("first"))
    (before,) = _rows(database, connector, "SELECT since, last_seen FROM connector_problems")
    _report(database, connector, TokenRejected("second"))
    ((since, last_seen, message),) = _rows(
        database, connector, "SELECT since, last_seen, message FROM connector_problems"
    )
    assert since == before.since
    assert last_seen > before.last_seen
    assert message == "second"
    assert len(_rows(database, connector, "SELECT FROM connector_events")) == 1


def test_what_succeeds_clears_its_own_problem_and_the_last_error_that_came_of_it(
    database: Database, connector: Connector
):
    _report(database, connector, AuthorizationRevoked(), RateLimited(), TokenRejected())
    with database.mind(connector.mind_id) as connection:
        clear_problem(connection, connector, "auth", AuthorizationRevoked.code)
    assert {code for (code,) in _rows(database, connector, "SELECT code FROM connector_problems")} == {
        "rate_limited",
        "token_rejected",
    }
    last_error = "SELECT last_error ->> 'code' FROM connectors"
    assert _rows(database, connector, last_error) == [("token_rejected",)]
    with database.mind(connector.mind_id) as connection:
        clear_problem(connection, connector, "auth")
    assert _rows(database, connector, "SELECT code FROM connector_problems") == [("rate_limited",)]
    assert _rows(database, connector, last_error) == [(None,)]


def test_an_event_keeps_its_details(database: Database, connector: Connector):
    with database.mind(connector.mind_id) as connection:
        record_event(connection, connector, "warning", "code", "Message.", {"count": 3})
    assert _rows(database, connector, "SELECT severity, code, message, details FROM connector_events") == [
        ("warning", "code", "Message.", {"count": 3})
    ]

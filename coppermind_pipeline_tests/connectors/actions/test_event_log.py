"""The connector's log, page by page."""

import pytest

from coppermind_pipeline.accounts import Caller, create_customer
from coppermind_pipeline.connectors import Connector, ConnectorNotFound, load_connector, read_events, record_event
from coppermind_pipeline.store import Database
from coppermind_pipeline.tool_calls import ToolArgumentError
from coppermind_pipeline_tests.stored_portal import StoredPortal


@pytest.fixture
def connector(database: Database, caller: Caller) -> Connector:
    made = load_connector(database, StoredPortal.create(database, caller.customer_id).connector_id)
    with database.mind(made.mind_id) as connection:
        for number in range(3):
            record_event(
                connection, made, "error", f"code_{number}", "Message.", {"hint": "Do it.", "run_id": f"run-{number}"}
            )
    return made


def test_the_log_is_read_newest_first_and_page_by_page(database: Database, caller: Caller, connector: Connector):
    first = read_events(database, caller, connector.id, limit=2)
    assert [event.code for event in first.events] == ["code_2", "code_1"]
    assert (first.events[0].hint, first.events[0].run_id) == ("Do it.", "run-2")
    assert first.next_before == first.events[-1].id
    second = read_events(database, caller, connector.id, limit=2, before=first.next_before)
    assert [event.code for event in second.events] == ["code_0"]
    assert second.next_before is None


@pytest.mark.parametrize("arguments", [{"limit": 0}, {"limit": 201}, {"before": 0}, {"before": 2**63}])
def test_a_number_out_of_range_is_a_coded_error(
    database: Database, caller: Caller, connector: Connector, arguments: dict[str, int]
):
    with pytest.raises(ToolArgumentError) as raised:
        read_events(database, caller, connector.id, **arguments)
    assert raised.value.code == "tool_argument"


def test_another_customers_log_is_not_there(database: Database, connector: Connector):
    other = Caller(customer_id=create_customer(database, "other").id)
    with pytest.raises(ConnectorNotFound):
        read_events(database, other, connector.id)

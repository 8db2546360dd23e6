"""What `status` answers: every documented field, computed from what is stored."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from coppermind_pipeline.accounts import Caller, Mind, NoActiveMind, create_customer, create_mind
from coppermind_pipeline.connectors import SETUP_HELP, ConnectorConfig, ConnectorNotFound, StatusResponse, status
from coppermind_pipeline.connectors.configuration.periods import SPREAD_OVER
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connectors.people import HUB_IDS, Person
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal

_BACKFILL_FIELDS = {
    "status": str,
    "since": str,
    "started_at": str,
    "completed_at": (str, type(None)),
    "counts": dict,
    "state": dict,
    "eta_seconds": (int, type(None)),
}
_DIAGNOSTIC_FIELDS = {
    "operational_state": (str, type(None)),
    "last_successful_hubspot_pull": (str, type(None)),
    "last_queue_enqueue": (str, type(None)),
    "queue": dict,
    "queue_state": str,
    "records_pulled_by_type": dict,
    "last_poll_record_counts_by_type": dict,
    "latest_deal_seen": (dict, type(None)),
    "aggregate_recompute_at": (str, type(None)),
    "synthesis_cadence": str,
    "synthesis_period_key": (str, type(None)),
    "synthesis_recomputed_at": (str, type(None)),
    "synthesis_count": int,
    "synthesis_skipped_reason": (str, type(None)),
    "synthesis_last_error": (str, type(None)),
    "setup_error": (dict, type(None)),
    "persistent_errors": list,
    "hydration": str,
    "skipped_records": dict,
    "drift": (dict, type(None)),
}
_CONNECTOR_FIELDS = {
    "connector_id": str,
    "mind": str,
    "status": str,
    "hubspot_backfill": (dict, type(None)),
    "hubspot_diagnostics": dict,
    "last_error": (dict, type(None)),
    "config": dict,
    "portal_profile": (dict, type(None)),
    "next_step": str,
}


@pytest.fixture
def portal(database: Database, caller: Caller) -> StoredPortal:
    return StoredPortal.create(database, caller.customer_id)


def _only(database: Database, caller: Caller, **asked: Any) -> dict[str, Any]:
    (connector,) = status(database, caller, now=NOW, **asked).as_response()["connectors"]
    return connector


def _has(document: dict[str, Any], fields: dict[str, Any]) -> None:
    for name, kind in fields.items():
        assert name in document, name
        assert isinstance(document[name], kind), name


def test_every_documented_field_is_there_in_its_shape(database: Database, caller: Caller, portal: StoredPortal):
    answer = status(database, caller, now=NOW).as_response()
    assert answer.keys() == {"mind", "connectors", "paused_since", "polling_stopped_since", "next_step", "setup_help"}
    (connector,) = answer["connectors"]
    _has(connector, _CONNECTOR_FIELDS)
    _has(connector["hubspot_backfill"], _BACKFILL_FIELDS)
    _has(connector["hubspot_diagnostics"], _DIAGNOSTIC_FIELDS)
    assert connector["hubspot_diagnostics"]["queue"].keys() == {"pending", "in_progress", "dead", "oldest_pending_at"}
    assert StatusResponse.model_validate(answer).as_response() == answer


def test_setup_help_tells_the_right_flow_from_the_wrong_one(database: Database, caller: Caller, acme: Mind):
    answer = status(database, caller, now=NOW).as_response()
    assert answer["connectors"] == []
    assert "connectors action=connect" in answer["next_step"]
    setup_help = answer["setup_help"]
    assert setup_help["wrong_flow"]["text"] == "This account is not eligible to connect to Claude"
    assert {
        "HubSpot private app token",
        "personal access key",
        "developer API key",
        "service key",
        "client secret",
    } <= set(setup_help["never_ask_for"])
    assert "HubSpot admin" in setup_help["permissions"]
    assert any("connectors action=connect source_type=hubspot" in step for step in setup_help["steps"])


def test_setup_help_is_in_each_answer_and_is_to_be_read_while_somebody_connects(
    database: Database, caller: Caller, portal: StoredPortal
):
    connected = status(database, caller, now=NOW)
    assert connected.setup_help == SETUP_HELP
    assert not connected.somebody_connects
    portal.execute("UPDATE connectors SET status = 'inactive', disconnected_at = now()")
    assert status(database, caller, now=NOW).somebody_connects


def test_a_new_connector_has_no_backfill_and_no_state(person: Person):
    asked = person.ask()
    connector = _only(person.database, person.caller)
    assert (connector["connector_id"], connector["status"]) == (asked.connector_id, "pending_setup")
    assert connector["hubspot_backfill"] is None
    assert connector["hubspot_diagnostics"]["operational_state"] is None
    assert connector["last_error"] is None


async def test_a_connected_one_is_backfilling_until_its_first_backfill_is_complete(person: Person):
    authorized = await person.connect()
    connector = _only(person.database, person.caller)
    assert (connector["status"], connector["hub_id"]) == ("backfilling", HUB_IDS[0])
    assert connector["hubspot_diagnostics"]["operational_state"] == "backfilling"
    assert connector["connector_id"] == authorized.connector_id


def test_a_link_that_expired_unanswered_says_so(person: Person, acme: Mind):
    person.ask()
    later = datetime.now(UTC) + timedelta(hours=25)
    (connector,) = status(person.database, person.caller, now=later).as_response()["connectors"]
    assert connector["last_error"]["code"] == "link_expired"
    assert connector["hubspot_diagnostics"]["setup_error"] == connector["last_error"]
    assert connector["hubspot_diagnostics"]["operational_state"] == "setup_error"
    assert "connectors action=connect" in connector["next_step"]
    person.ask()
    assert _only(person.database, person.caller)["last_error"] is None


def test_backfill_progress_is_counted_by_type_and_estimated(database: Database, caller: Caller, portal: StoredPortal):
    portal.execute(
        """UPDATE hubspot_backfills
              SET completed_at = NULL, started_at = :at, totals = '{"contacts": 300, "deals": 100}'
            WHERE connector_id = :connector""",
        at=NOW - timedelta(seconds=60),
    )
    for object_type, records, done in (("contacts", 100, None), ("deals", 100, NOW)):
        portal.execute(
            """INSERT INTO hubspot_cursors (connector_id, mind_id, object_type, scan, last_id, pages, records,
                                            completed_at)
               VALUES (:connector, :mind, :type, 'backfill', 9000000000, 2, :records, :done)""",
            mind=portal.mind_id, type=object_type, records=records, done=done,
        )  # fmt: skip
    backfill = _only(database, caller)["hubspot_backfill"]
    assert backfill["status"] == "running"
    assert backfill["counts"] == {"contacts": 100, "companies": 0, "deals": 100}
    assert backfill["state"] == {
        "contacts": {"last_id": "9000000000", "done": False, "pages": 2},
        "deals": {"last_id": "9000000000", "done": True, "pages": 2},
    }
    assert backfill["eta_seconds"] == 60, "200 records took 60 seconds, 200 are left"


def test_a_stored_page_of_a_backfill_is_a_sign_of_life(database: Database, caller: Caller, portal: StoredPortal):
    portal.execute(
        """INSERT INTO hubspot_cursors (connector_id, mind_id, object_type, scan)
           VALUES (:connector, :mind, 'deals', 'backfill')""",
        mind=portal.mind_id,
    )
    portal.execute("UPDATE hubspot_backfills SET completed_at = NULL")
    portal.execute("UPDATE hubspot_polls SET last_succeeded_at = now() - interval '1 hour'")
    portal.execute("UPDATE connectors SET connected_at = now() - interval '1 hour'")

    def state() -> str:
        (connector,) = status(database, caller, now=datetime.now(UTC)).connectors
        return str(connector.hubspot_diagnostics.operational_state)

    assert state() == "stale"
    portal.execute("UPDATE hubspot_cursors SET pages = pages + 1")
    assert state() == "backfilling"


def test_queue_synthesis_and_deal_figures_come_from_the_store(database: Database, caller: Caller, portal: StoredPortal):
    portal.deal("1", name="Older", modified_at=NOW - timedelta(days=2))
    portal.deal("2", name="Newest", modified_at=NOW - timedelta(days=1))
    portal.deal("3", name="Archived", modified_at=NOW, archived_at=NOW)
    for ref, state, enqueued, claimed in (
        ("a", "pending", 30, None),
        ("b", "pending", 20, NOW),
        ("c", "dead", 10, None),
    ):
        portal.execute(
            """INSERT INTO memory_queue (source_ref, mind_id, connector_id, operation, state, enqueued_at, claimed_at,
                                         available_at)
               VALUES (:ref, :mind, :connector, 'publish', :state, :at, :claimed,
                       clock_timestamp() + interval '1 minute')""",
            ref=ref, mind=portal.mind_id, state=state, at=NOW - timedelta(minutes=enqueued), claimed=claimed,
        )  # fmt: skip
    portal.execute(
        """INSERT INTO syntheses (connector_id, mind_id, period_key, cadence, published_at, skipped)
           VALUES (:connector, :mind, '2026-W46', 'weekly', '2026-11-09T08:00:00Z', '{}'),
                  (:connector, :mind, '2026-W47', 'weekly', '2026-11-16T08:00:00Z', '{"loss_themes": "too few"}')""",
        mind=portal.mind_id,
    )
    portal.execute(
        """INSERT INTO memories (mind_id, connector_id, type, sensitivity, content, source_ref, search,
                                 aggregate_connector_id, aggregate_period_key, aggregate_scope)
           SELECT :mind, :connector, 'fact', 'sensitive', 'text', scope, '', :connector, '2026-W47', scope
             FROM unnest(ARRAY['channel_mix', 'geography']) AS scope""",
        mind=portal.mind_id,
    )
    diagnostics = _only(database, caller)["hubspot_diagnostics"]
    assert diagnostics["latest_deal_seen"] == {"id": "2", "name": "Newest", "modified_at": "2026-11-17T12:00:00Z"}
    assert diagnostics["queue"] == {
        "pending": 1,
        "in_progress": 1,
        "dead": 1,
        "oldest_pending_at": "2026-11-18T11:30:00Z",
    }
    assert (diagnostics["queue_state"], diagnostics["operational_state"]) == ("backed_up", "queue_backed_up")
    assert diagnostics["last_queue_enqueue"] == "2026-11-18T11:50:00Z"
    assert diagnostics["synthesis_period_key"] == "2026-W47"
    assert diagnostics["synthesis_recomputed_at"] == "2026-11-16T08:00:00Z"
    assert diagnostics["synthesis_count"] == 2
    assert diagnostics["synthesis_skipped_reason"] == "loss_themes: too few"
    due_at = datetime.fromisoformat(diagnostics["aggregate_recompute_at"])
    midnight = datetime(2026, 11, 23, 5, tzinfo=UTC)
    assert midnight <= due_at < midnight + SPREAD_OVER, "on Monday, soon after midnight in New York"


def test_a_value_that_somebody_stored_by_hand_and_that_cannot_be_used_is_shown(
    database: Database, caller: Caller, portal: StoredPortal
):
    portal.execute(
        """UPDATE connectors SET config = '{"report_timezone": "Mars/Olympus", "poll_interval_minutes": 30}'"""
    )
    (error,) = _only(database, caller)["hubspot_diagnostics"]["persistent_errors"]
    assert (error["kind"], error["code"]) == ("config", "invalid_config_value")
    assert "Mars/Olympus" in error["message"]


def test_degraded_hydration_is_shown(database: Database, caller: Caller, portal: StoredPortal):
    assert _only(database, caller)["hubspot_diagnostics"]["hydration"] == "full"
    portal.execute(
        """INSERT INTO hubspot_hydrations (connector_id, mind_id, object_type, error)
           VALUES (:connector, :mind, 'deals', 'e')""",
        mind=portal.mind_id,
    )
    assert _only(database, caller)["hubspot_diagnostics"]["hydration"] == "degraded"


def test_status_speaks_of_one_mind_unless_all_are_asked_for(database: Database, caller: Caller, portal: StoredPortal):
    globex = StoredPortal.create(database, caller.customer_id, mind="globex", hub_id=8)
    with pytest.raises(NoActiveMind):
        status(database, caller, now=NOW)
    assert _only(database, caller, mind="acme")["connector_id"] == portal.connector_id
    assert _only(database, caller, connector_id=globex.connector_id)["mind"] == "globex"
    everything = status(database, caller, all_minds=True, now=NOW)
    assert [each.mind for each in everything.connectors] == ["acme", "globex"]
    assert everything.mind is None


def test_another_customer_sees_none_of_it(database: Database, caller: Caller, portal: StoredPortal):
    stranger = Caller(create_customer(database, "Agency").id)
    create_mind(database, stranger, "Acme")
    assert status(database, stranger, all_minds=True, now=NOW).connectors == ()
    assert status(database, stranger, now=NOW).connectors == ()
    with pytest.raises(ConnectorNotFound, match="there are none yet"):
        status(database, stranger, connector_id=portal.connector_id, now=NOW)
    with database.nobody() as connection:
        assert connection.execute(text("SELECT connector_facts(NULL, NULL)")).all() == []
    with database.mind(portal.mind_id) as connection:
        assert connection.execute(text("SELECT connector_facts(NULL, NULL)")).all() == []


def test_status_of_a_hundred_connectors_is_one_query(database: Database, caller: Caller):
    for number in range(100):
        portal = StoredPortal.create(database, caller.customer_id, mind=f"client-{number}", hub_id=number)
        portal.deal("1")
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    connectors = status(database, caller, all_minds=True, now=NOW).connectors
    event.remove(Engine, "before_cursor_execute", note)
    assert len({connector.connector_id for connector in connectors}) == 100
    assert all(connector.hubspot_diagnostics.latest_deal_seen for connector in connectors)
    asked = [each for each in statements if "set_config" not in each and "FROM installation" not in each]
    assert len(asked) == 1


def test_the_newest_synthesis_is_looked_for_by_the_cadence_that_holds_where_none_is_set(database: Database):
    with database.owner() as connection:
        source = connection.scalar(text("SELECT prosrc FROM pg_proc WHERE proname = 'connector_facts'"))
    assert source is not None
    assert f"'hubspot_synthesis_cadence', '{ConnectorConfig().hubspot_synthesis_cadence}'" in source

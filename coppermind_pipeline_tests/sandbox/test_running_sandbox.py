import os
import socket
import threading
from pathlib import Path

import httpx
import pytest

from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig, serve
from coppermind_pipeline_tests.sandbox.conftest import SMALL, api_client, searched


def test_it_runs_in_a_thread_and_ends_with_its_block():
    with RunningSandbox(SandboxConfig(**SMALL)) as sandbox:
        assert sandbox.pid == os.getpid()
        assert httpx.get(sandbox.authorize_url).status_code == 400
        url = sandbox.url
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_it_ends_although_clients_hold_connections():
    before = set(threading.enumerate())  # with those of sandboxes that a whole session or package shares
    with RunningSandbox(SandboxConfig(**SMALL)) as sandbox, api_client(sandbox) as idle:
        assert searched(idle, "contacts")["total"] > 250
        asks = socket.create_connection(("127.0.0.1", httpx.URL(sandbox.url).port))
        asks.sendall(b"GET /crm/objects/2026-09/contacts HTTP/1.1\r\nHost: half-a-request\r\n")
    asks.close()
    assert "sandbox" not in {thread.name for thread in set(threading.enumerate()) - before}


def test_it_runs_in_a_child_process_and_ends_with_its_block(trap: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(trap)
    with RunningSandbox(SandboxConfig(**SMALL), process=True) as sandbox:
        pid = sandbox.pid
        assert pid != os.getpid()
        with api_client(sandbox) as api:
            assert searched(api, "contacts")["total"] > 250
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_child_that_cannot_start_is_told(tmp_path, capfd):
    with pytest.raises(RuntimeError, match="did not start"), RunningSandbox(SandboxConfig(load=tmp_path), process=True):
        pass
    assert "holds neither contacts.csv" in capfd.readouterr().err


def test_its_addresses_exist_only_while_it_runs():
    with pytest.raises(RuntimeError, match="not running"):
        _ = RunningSandbox().url


def test_two_sandboxes_share_nothing():
    with RunningSandbox(SandboxConfig(**SMALL)) as one, RunningSandbox(SandboxConfig(**SMALL)) as two:
        with api_client(one) as api:
            token = api.headers["Authorization"]
        other = httpx.get(f"{two.url}/crm/owners/2026-09", headers={"Authorization": token})
        assert other.status_code == 401


def test_serving_on_a_port_in_use_fails_at_once():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="Address already in use"):
        serve(SandboxConfig(**SMALL), port=taken.getsockname()[1])


def test_many_clients_at_once_get_whole_answers():
    with RunningSandbox(SandboxConfig(**SMALL)) as sandbox:
        totals: list[int] = []

        def read() -> None:
            with api_client(sandbox) as api:
                totals.extend(searched(api, "contacts", limit=100)["total"] for _ in range(20))

        threads = [threading.Thread(target=read) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(totals) == 120
        assert len(set(totals)) == 1

"""`coppermind up` as a person runs it: everything starts, answers, and is gone after Ctrl-C."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from coppermind_pipeline.interfaces.everything import settings_as_environment
from coppermind_pipeline.interfaces.processes import free_port, port_answers
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import paused_since


@pytest.fixture
def environment(installation_home: Path) -> dict[str, str]:
    return os.environ | {
        "COPPERMIND_PUBLIC_URL": f"http://localhost:{free_port(0)}",
        "COPPERMIND_DAGSTER_PORT": str(free_port(0)),
    }


def _up(environment: dict[str, str], *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [Path(sys.executable).with_name("coppermind"), "up", "--json", *options],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _addresses(process: subprocess.Popen[str]) -> dict[str, str]:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line == "}\n":
            return json.loads("".join(lines))
    raise AssertionError(process.stderr.read() if process.stderr else "")


def _end(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str]:
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


def test_everything_starts_answers_and_stops(environment):
    process = _up(environment)
    try:
        addresses = _addresses(process)
        assert httpx.get(f"{addresses['dagster']}/server_info", timeout=30).status_code == 200
        locations = httpx.post(
            f"{addresses['dagster']}/graphql",
            json={"query": "{workspaceOrError {... on Workspace {locationEntries {name loadStatus}}}}"},
            timeout=60,
        ).json()["data"]["workspaceOrError"]["locationEntries"]
        assert locations == [{"name": "coppermind_pipeline", "loadStatus": "LOADED"}]
        assert httpx.get(f"{addresses['web']}/healthz").json() == {"status": "ok"}
        assert httpx.get(addresses["sign_in"]).status_code == 200
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 3

        second = _up(environment)
        refusal, _ = second.communicate(timeout=60)
        assert second.returncode == 2
        assert json.loads(refusal)["error"]["code"] == "already_running"
    finally:
        code, errors = _end(process, signal.SIGINT)
    assert code == 0, errors
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert not port_answers(int(environment["COPPERMIND_DAGSTER_PORT"]))
    assert not (Path(environment["COPPERMIND_HOME"]) / "dagster" / "processes.json").exists()


@pytest.mark.parametrize("database_url", [None, SecretStr("postgresql://here/there")])
def test_its_processes_read_the_settings_that_it_was_given(monkeypatch, tmp_path, database_url):
    monkeypatch.setenv("COPPERMIND_DATABASE_URL", "postgresql://elsewhere/another")
    given = Settings(
        home=tmp_path,
        database_url=database_url,
        hubspot_client_id="our-client",
        hubspot_client_secret=SecretStr("our-secret"),
        hubspot_api_url="http://127.0.0.1:8490",
    )
    for name, value in settings_as_environment(given).items():
        monkeypatch.setenv(name, value)
    assert Settings.from_environment() == given


def test_a_port_in_use_is_named_before_anything_starts(environment):
    taken = int(environment["COPPERMIND_DAGSTER_PORT"])
    with socket.create_server(("127.0.0.1", taken)):
        process = _up(environment)
        refusal, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    error = json.loads(refusal)["error"]
    assert f"Port {taken} is in use" in error["message"]
    assert "COPPERMIND_DAGSTER_PORT" in error["hint"]


def test_it_says_that_a_restored_installation_is_paused_and_resumes_it_on_request(environment, database):
    with database.owner() as connection:
        connection.execute(text("UPDATE installation SET paused_since = now()"))
    # A port in use ends the command before Dagster starts.
    with socket.create_server(("127.0.0.1", int(environment["COPPERMIND_DAGSTER_PORT"]))):
        for options, said, paused in (((), "coppermind up --resume", True), (("--resume",), "no longer paused", False)):
            process = _up(environment, *options)
            _, errors = process.communicate(timeout=60)
            assert said in errors
            assert (paused_since(database) is not None) is paused

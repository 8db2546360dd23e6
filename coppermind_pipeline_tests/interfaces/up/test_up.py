"""`coppermind up` as a person runs it: everything starts, answers, and is gone after Ctrl-C."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import dagster as dg
import httpx
import psutil
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from coppermind_pipeline.defs.home import prepare_dagster_home
from coppermind_pipeline.ending import has_ended
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.processes import PortTaken, free_port, port_answers
from coppermind_pipeline.interfaces.up import run_everything, settings_as_environment
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.stopping import Stop
from coppermind_pipeline.store import embedded, paused_since
from coppermind_pipeline_tests.interfaces.web.visitors import token_of

# Dagster's processes start within seconds, where nothing else wants the processor.
UP_MAX_S = 300

COMMANDS_IN_A_LOOP = 5


@pytest.fixture
def environment(installation_home: Path) -> dict[str, str]:
    return os.environ | {
        "COPPERMIND_PUBLIC_URL": f"http://localhost:{free_port(0)}",
        "COPPERMIND_DAGSTER_PORT": str(free_port(0)),
    }


@pytest.fixture
def embedded_environment(environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """As `environment`, of an installation with its own embedded server; its home's path is short, as a socket's is."""
    home = Path(tempfile.mkdtemp(prefix="coppermind-tests-"))
    yield environment | {"COPPERMIND_HOME": str(home), "COPPERMIND_DATABASE_URL": ""}
    embedded.stop(home)
    shutil.rmtree(home)


def _up(environment: dict[str, str], *options: str, cwd: Path | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [Path(sys.executable).with_name("coppermind"), "up", "--json", *options],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def _running(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """Run everything inside the block, and end it by force where the test does not."""
    process = _up(environment)
    try:
        yield process, _addresses(process)
    finally:
        if process.poll() is None:
            _end(process, signal.SIGTERM)


def _eventually(holds: Callable[[], bool], *, deadline_s: float = 60) -> None:
    until = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)


def _postmaster(home: Path) -> int:
    return int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def _runs_anew(home: Path, former: int) -> bool:
    """Say whether another server took the place of one that ended, which calls itself ready to its last."""
    try:
        return _postmaster(home) != former and embedded.is_running(home)
    except (FileNotFoundError, IndexError):  # it is being replaced
        return False


def _stop_postgres(environment: dict[str, str]) -> str:
    command = [Path(sys.executable).with_name("coppermind"), "db", "stop"]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stderr


def _polls(address: str, browser: httpx.Client) -> float:
    """Return when Dagster's daemon last looked at the sensors, as its own page tells it."""
    query = '{instance {daemonHealth {daemonStatus(daemonType: "SENSOR") {lastHeartbeatTime}}}}'
    answer = browser.post(f"{address}/graphql", json={"query": query}).json()
    return answer["data"]["instance"]["daemonHealth"]["daemonStatus"]["lastHeartbeatTime"] or 0


def _sign_in(browser: httpx.Client, addresses: dict[str, str]) -> None:
    browser.post(f"{addresses['web']}/sign-in", data={"token": token_of(addresses["sign_in"])})


def _addresses(process: subprocess.Popen[str]) -> dict[str, str]:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line == "}\n":
            return json.loads("".join(lines))
    raise AssertionError(process.stderr.read() if process.stderr else "")


def _listening(process_ids: list[int]) -> set[int]:
    """Return the ports that the processes listen on, which every user of the machine can reach."""
    return {
        connection.laddr.port
        for process_id in process_ids
        for connection in psutil.Process(process_id).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }


def _end(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str]:
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


@pytest.mark.slow
@pytest.mark.timeout(UP_MAX_S)
def test_everything_starts_answers_and_stops(environment, tmp_path, trap):
    # Too long a path for the code server's socket, which then lies elsewhere; in other tests it is short enough.
    environment["COPPERMIND_HOME"] = str(tmp_path / ("long" * 20))
    process = _up(environment, cwd=trap)
    try:
        addresses = _addresses(process)
        assert httpx.get(f"{addresses['dagster']}/server_info", timeout=30).status_code == 200
        question = {"query": "{workspaceOrError {... on Workspace {locationEntries {name loadStatus}}}}"}
        assert httpx.post(f"{addresses['dagster']}/graphql", json=question, timeout=30).status_code == 401
        with httpx.Client(timeout=60) as browser:
            _sign_in(browser, addresses)  # on the connectors page: the session is one for Dagster's pages too
            answer = browser.post(f"{addresses['dagster']}/graphql", json=question)
        locations = answer.json()["data"]["workspaceOrError"]["locationEntries"]
        assert locations == [{"name": "coppermind_pipeline", "loadStatus": "LOADED"}]
        assert httpx.get(f"{addresses['web']}/healthz").json() == {"status": "ok"}
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 3
        assert _listening([process.pid, *(child.pid for child in children)]) == {
            int(environment["COPPERMIND_DAGSTER_PORT"]),
            urlsplit(environment["COPPERMIND_PUBLIC_URL"]).port,
        }

        second = _up(environment)
        refusal, _ = second.communicate(timeout=60)
        assert second.returncode == 2
        assert json.loads(refusal)["error"]["code"] == "already_running"
    finally:
        code, errors = _end(process, signal.SIGINT)
    assert code == 0, errors
    assert all(map(has_ended, children))
    assert not port_answers(int(environment["COPPERMIND_DAGSTER_PORT"]))
    assert not (Path(environment["COPPERMIND_HOME"]) / "dagster" / "processes.json").exists()


@pytest.mark.slow
def test_a_database_server_that_is_killed_or_stopped_is_started_again_and_everything_goes_on(embedded_environment):
    home = Path(embedded_environment["COPPERMIND_HOME"])
    with _running(embedded_environment) as (process, addresses), httpx.Client(timeout=60) as browser:
        _sign_in(browser, addresses)
        for _ in range(5):
            os.kill(killed := _postmaster(home), signal.SIGKILL)
            _eventually(lambda: _runs_anew(home, killed))
            health = httpx.get(f"{addresses['web']}/healthz", timeout=30)  # on a connection from before
            assert health.status_code == 200, health.text
            assert _callback_answers(addresses)
        stopped = _postmaster(home)
        assert "`coppermind up` runs, and starts it again" in _stop_postgres(embedded_environment)
        _eventually(lambda: _runs_anew(home, stopped))
        at = time.time()
        _eventually(lambda: _polls(addresses["dagster"], browser) > at, deadline_s=120)
        code, errors = _end(process, signal.SIGINT)
    assert code == 0, errors
    assert errors.count("The database server ended by itself; it is started again.") == 1
    assert "Traceback" not in errors
    assert not embedded.is_running(home)


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(signal.SIGKILL, id="is killed", marks=pytest.mark.slow),
        # What hangs is waited for, for minutes.
        pytest.param(signal.SIGSTOP, id="hangs", marks=pytest.mark.soak),
    ],
)
def test_each_child_that_ends_or_hangs_is_started_again_and_polls_resume(embedded_environment, way):
    home = Path(embedded_environment["COPPERMIND_HOME"])
    with _running(embedded_environment) as (process, addresses), httpx.Client(timeout=60) as browser:
        _sign_in(browser, addresses)
        _eventually(lambda: _seconds_since_look(addresses) < 60, deadline_s=120)
        before = _children(home)
        at = time.monotonic()
        for child in before.values():
            os.kill(child, way)
        _eventually(
            lambda: _callback_answers(addresses) and not set(before.values()) & set(_children(home).values()),
            deadline_s=600,
        )
        _eventually(lambda: _seconds_since_look(addresses) < time.monotonic() - at, deadline_s=180)
        _eventually(lambda: _dagster_answers(addresses, browser), deadline_s=120)
        code, errors = _end(process, signal.SIGINT)
    assert code == 0, errors
    for name in before:
        what = "ended by itself" if way == signal.SIGKILL else "no longer answers"
        assert errors.count(f"The {name} {what}; it is started again.") == 1, errors
    assert len(before) == 3
    assert "database server" not in errors


def _children(home: Path) -> dict[str, int]:
    """Return the processes of Dagster's that run, by their names."""
    try:
        return {name: of["pid"] for name, of in json.loads((home / "dagster" / "processes.json").read_bytes()).items()}
    except json.JSONDecodeError:  # it is being written
        return {}


def _callback_answers(addresses: dict[str, str]) -> bool:
    """Say that HubSpot's callback answers, whatever else is away; with nothing to complete, it says so."""
    answer = httpx.get(f"{addresses['web']}/oauth/hubspot/callback?state=unknown&code=any", timeout=30)
    return answer.status_code == 400 and "We don't know this link" in answer.text.replace("&#39;", "'")


def _seconds_since_look(addresses: dict[str, str]) -> float:
    """Return how long ago due polls were looked for; NaN if never."""
    metrics = httpx.get(f"{addresses['web']}/metrics", timeout=30).text
    return float(metrics.partition("\ncoppermind_poll_look_age_seconds ")[2].splitlines()[0])


def _dagster_answers(addresses: dict[str, str], browser: httpx.Client) -> bool:
    """Say whether Dagster's pages show the code location."""
    question = {"query": "{workspaceOrError {... on Workspace {locationEntries {loadStatus}}}}"}
    try:
        answer = browser.post(f"{addresses['dagster']}/graphql", json=question).json()
    except (httpx.HTTPError, ValueError):
        return False
    return answer["data"]["workspaceOrError"]["locationEntries"] == [{"loadStatus": "LOADED"}]


@pytest.mark.slow
@pytest.mark.timeout(2 * UP_MAX_S)
def test_commands_that_come_and_go_beside_it_neither_stop_nor_break_the_server(embedded_environment):
    home = Path(embedded_environment["COPPERMIND_HOME"])

    def come_and_go(command: tuple[str, ...]) -> None:
        for _ in range(COMMANDS_IN_A_LOOP):
            done = subprocess.run(
                [Path(sys.executable).with_name("coppermind"), *command, "--json"],
                env=embedded_environment, check=False, capture_output=True, text=True,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr

    with (
        _running(embedded_environment) as (process, addresses),
        ThreadPoolExecutor() as pool,
        httpx.Client(timeout=60) as browser,
    ):
        _sign_in(browser, addresses)
        server = _postmaster(home)
        list(pool.map(come_and_go, [("minds", "list"), ("tokens", "list"), ("db", "url")]))
        assert _postmaster(home) == server
        assert embedded.is_running(home)
        at = time.time()
        _eventually(lambda: _polls(addresses["dagster"], browser) > at, deadline_s=120)
        code, errors = _end(process, signal.SIGINT)
    assert code == 0, errors
    assert "ended by itself" not in errors
    assert embedded.is_running(home)  # `db url` asked for that: whoever was given the address counts on it


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


@pytest.mark.slow
@pytest.mark.timeout(UP_MAX_S)
def test_beside_another_daemon_it_is_refused_and_fails_none_of_its_runs(environment, database, tmp_path, monkeypatch):
    """It may be that of another machine, or of `dagster dev`; its run has not got to the lock of its connector yet."""
    for name, value in prepare_dagster_home(Settings(home=tmp_path / "elsewhere"), database).items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.get() as instance, database.daemon_lock() as place:
        assert place is not None
        begun = instance.create_run_for_job(_their_job, status=dg.DagsterRunStatus.STARTING)
        process = _up(environment)
        refusal, _ = process.communicate(timeout=UP_MAX_S)
        assert process.returncode == 2
        error = json.loads(refusal)["error"]
        assert error["code"] == "another_daemon"
        assert "`dagster dev`" in error["hint"]
        (run,) = instance.get_runs()
        assert (run.run_id, run.status) == (begun.run_id, dg.DagsterRunStatus.STARTING)


@dg.job
def _their_job() -> None:
    """Stand for a run of another daemon."""


@pytest.mark.slow
def test_a_port_in_use_is_named_before_anything_starts(environment):
    taken = int(environment["COPPERMIND_DAGSTER_PORT"])
    with socket.create_server(("127.0.0.1", taken)):
        process = _up(environment)
        refusal, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    error = json.loads(refusal)["error"]
    assert f"Port {taken} is in use" in error["message"]
    assert "COPPERMIND_DAGSTER_PORT" in error["hint"]


def test_the_web_services_own_port_is_no_port_for_dagster(tmp_path, database):
    settings = Settings(home=tmp_path, public_url="http://localhost:18480", dagster_port=18480)
    with pytest.raises(PortTaken, match="Port 18480 is the web service's own"):
        run_everything(
            Installation(settings, database), tell=pytest.fail, ready=lambda _: pytest.fail("ready"), stop=Stop()
        )


@pytest.mark.slow
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

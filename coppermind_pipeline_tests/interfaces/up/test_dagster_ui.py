"""Dagster's user interface under attack. Each attack is tried with the guard, and without it, where it succeeds."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster_webserver.webserver import DagsterWebserver
from playwright.sync_api import Browser, WebSocket, expect
from starlette.testclient import TestClient, WebSocketDenialResponse

from coppermind_pipeline.accounts import create_customer, create_token, end_all_sessions, revoke_token
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.processes import LoopbackService, free_port
from coppermind_pipeline.interfaces.up import CODE_LOCATION
from coppermind_pipeline.interfaces.up.dagster_ui import create_app
from coppermind_pipeline.interfaces.web import make_sign_in_link
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.interfaces.web.visitors import sign_in

Attack = Callable[[TestClient, str], None]

# No news to Dagster's makers, and no greeting of theirs over the page.
QUIET = {"telemetry": {"enabled": False}, "nux": {"enabled": False}}
# Dagster's pages are some megabytes of script.
PAGE_MS = 60_000
HOME = "http://localhost:3000"
SOCKET = "ws://localhost:3000/graphql"
ELSEWHERE = "https://evil.example"
RUNS = {"query": "{runsOrError {__typename}}"}
STOP = "mutation($id: String!) {stopSensor(id: $id) {__typename}}"
START = "mutation($selector: SensorSelector!) {startSensor(sensorSelector: $selector) {__typename}}"
STATE = """query($selector: SensorSelector!) {
    sensorOrError(sensorSelector: $selector) {... on Sensor {sensorState {id status}}}}"""
SENSOR = {"repositoryLocationName": CODE_LOCATION, "repositoryName": "__repository__", "sensorName": "due_polls"}


@pytest.fixture
def installation(database: Database, tmp_path: Path) -> Installation:
    return Installation(Settings(home=tmp_path, dagster_port=3000), database)


@pytest.fixture(scope="module")
def context() -> Iterator[WorkspaceProcessContext]:
    """The product's own definitions, in a Dagster of the test's."""
    origin = InProcessCodeLocationOrigin(
        LoadableTargetOrigin(module_name="coppermind_pipeline.definitions"), location_name=CODE_LOCATION
    )
    with (
        DagsterInstance.local_temp(overrides=QUIET) as instance,
        WorkspaceProcessContext(instance, InProcessWorkspaceLoadTarget(origin)) as context,
    ):
        yield context


@pytest.fixture(scope="module")
def unguarded(context: WorkspaceProcessContext) -> TestClient:
    return TestClient(DagsterWebserver(context).create_asgi_app(), base_url=HOME, follow_redirects=False)


@pytest.fixture
def stranger(installation: Installation, context: WorkspaceProcessContext) -> TestClient:
    return TestClient(create_app(installation, context), base_url=HOME, follow_redirects=False)


@pytest.fixture
def operator(installation: Installation, stranger: TestClient) -> TestClient:
    assert sign_in(stranger, installation.database) == 303
    return stranger


class Sensor:
    """The sensor that polls, as Dagster itself knows it."""

    def __init__(self, client: TestClient) -> None:
        self._client = client

    def state(self) -> dict[str, Any]:
        return self._ask(STATE)["sensorOrError"]["sensorState"]

    def start(self) -> None:
        self._ask(START)

    def _ask(self, query: str) -> dict[str, Any]:
        answer = self._client.post("/graphql", json={"query": query, "variables": {"selector": SENSOR}})
        return answer.json()["data"]

    @property
    def is_running(self) -> bool:
        return self.state()["status"] == "RUNNING"


@pytest.fixture
def sensor(unguarded: TestClient) -> Sensor:
    sensor = Sensor(unguarded)
    sensor.start()
    assert sensor.is_running
    return sensor


def post_from_elsewhere(client: TestClient, sensor_id: str) -> None:
    body = {"query": STOP, "variables": {"id": sensor_id}}
    client.post("/graphql", json=body, headers={"origin": ELSEWHERE})


def form_from_elsewhere(client: TestClient, sensor_id: str) -> None:
    """What a page can send with no script at all, and without asking the server first."""
    client.post("/graphql", params={"query": STOP, "variables": f'{{"id": "{sensor_id}"}}'},
                data={"x": "y"}, headers={"origin": ELSEWHERE})  # fmt: skip


def form_from_a_page_without_origin(client: TestClient, sensor_id: str) -> None:
    """From a sandboxed frame or a file."""
    client.post("/graphql", params={"query": STOP, "variables": f'{{"id": "{sensor_id}"}}'},
                data={"x": "y"}, headers={"origin": "null"})  # fmt: skip


def post_of_a_type_that_only_looks_like_json(client: TestClient, sensor_id: str) -> None:
    """To a browser this is plain text, which any page may send without asking."""
    body = json.dumps({"query": STOP, "variables": {"id": sensor_id}})
    client.post("/graphql", content=body, headers={"content-type": "text/plain; application/json"})


def get(client: TestClient, sensor_id: str) -> None:
    """What a picture's address can do."""
    client.get("/graphql", params={"query": STOP, "variables": f'{{"id": "{sensor_id}"}}'})


def get_of_an_address_that_the_router_takes_for_it(client: TestClient, sensor_id: str) -> None:
    client.get("/graphql%0A", params={"query": STOP, "variables": f'{{"id": "{sensor_id}"}}'})


def post_under_another_name(client: TestClient, sensor_id: str) -> None:
    """What a page does whose name was pointed at this machine once it was loaded: to its browser, all is one origin."""
    body = {"query": STOP, "variables": {"id": sensor_id}}
    client.post("/graphql", json=body, headers={"host": "evil.example:3000", "origin": "http://evil.example:3000"})


@pytest.mark.parametrize(
    "attack",
    [
        post_from_elsewhere,
        form_from_elsewhere,
        form_from_a_page_without_origin,
        post_of_a_type_that_only_looks_like_json,
        get,
        get_of_an_address_that_the_router_takes_for_it,
        post_under_another_name,
    ],
)
def test_no_page_elsewhere_stops_the_sensor_that_polls(attack: Attack, unguarded, operator, sensor):
    sensor_id = sensor.state()["id"]
    attack(operator, sensor_id)
    assert sensor.is_running
    attack(unguarded, sensor_id)
    assert not sensor.is_running


def test_nobody_stops_it_without_a_session(unguarded, stranger, sensor):
    sensor_id = sensor.state()["id"]
    body = {"query": STOP, "variables": {"id": sensor_id}}
    assert stranger.post("/graphql", json=body).status_code == 401
    assert sensor.is_running
    unguarded.post("/graphql", json=body)
    assert not sensor.is_running


def test_an_operator_stops_it(operator, sensor):
    body = {"query": STOP, "variables": {"id": sensor.state()["id"]}}
    assert operator.post("/graphql", json=body, headers={"origin": HOME}).status_code == 200
    assert not sensor.is_running


def test_a_socket_is_for_operators_and_for_its_own_pages(unguarded, operator, installation, context):
    def opens(client: TestClient, **headers: str) -> bool:
        try:
            with client.websocket_connect(SOCKET, subprotocols=["graphql-ws"], headers=headers) as socket:
                socket.send_json({"type": "connection_init"})
                return socket.receive_json() == {"type": "connection_ack"}
        except WebSocketDenialResponse:
            return False

    assert opens(operator)
    assert opens(operator, origin=HOME)
    without_session = TestClient(create_app(installation, context), base_url=HOME)
    attacks = [
        (operator, {"origin": ELSEWHERE}),
        (operator, {"origin": "null"}),
        (operator, {"host": "evil.example:3000", "origin": "http://evil.example:3000"}),
        (without_session, {"origin": HOME}),
    ]
    for client, headers in attacks:
        assert opens(unguarded, **headers)
        assert not opens(client, **headers)


@pytest.mark.parametrize("path", ["/", "/graphql", "/runs", "/logs/a/b.err", "/dagit_info", "/favicon.png"])
def test_a_browser_without_a_session_is_sent_to_sign_in_and_a_script_is_refused(path, unguarded, stranger):
    assert unguarded.get(path).status_code != 401
    page = stranger.get(path, headers={"accept": "text/html,*/*"})
    assert (page.status_code, page.headers["location"]) == (303, "/sign-in")
    refused = stranger.get(path)
    assert refused.status_code == 401
    assert "coppermind web --sign-in-link" in refused.text


def test_signing_in_here_leads_to_dagster_and_signing_out_elsewhere_ends_it(operator, database):
    assert "/_next/static/" in operator.get("/").text
    end_all_sessions(database)
    assert operator.post("/graphql", json=RUNS).status_code == 401


def test_another_customers_session_or_token_is_no_operators(database, installation, stranger):
    create_customer(database, "agency")
    token = create_token(database, customer="agency").token.get_secret_value()
    assert stranger.post("/graphql", json=RUNS, headers={"authorization": f"Bearer {token}"}).status_code == 401
    assert sign_in(stranger, installation.database, customer="agency") == 303
    page = stranger.get("/", headers={"accept": "text/html"})
    assert page.status_code == 401
    assert "`local`" in page.text


def test_a_script_shows_an_operators_token_until_it_is_revoked(database, stranger):
    token = create_token(database).token.get_secret_value()
    for scheme in ("Bearer", "bearer"):
        answer = stranger.post("/graphql", json=RUNS, headers={"authorization": f"{scheme} {token}"})
        assert answer.json()["data"]["runsOrError"]["__typename"] == "Runs"
    for shown in (f"Basic {token}", "Bearer", "Bearer ", f"Bearer {token}x", token):
        assert stranger.post("/graphql", json=RUNS, headers={"authorization": shown}).status_code == 401
    revoke_token(database, token)
    assert stranger.post("/graphql", json=RUNS, headers={"authorization": f"Bearer {token}"}).status_code == 401


def test_what_is_open_is_named_and_changes_nothing(stranger):
    assert stranger.get("/server_info").json().keys() >= {"dagster_version"}
    assert stranger.get("/static/pages.css").status_code == 200
    page = stranger.get("/sign-in")
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_no_page_of_another_site_frames_it(operator):
    for path in ("/", "/runs", "/sign-in", "/graphql"):
        assert operator.get(path).headers["x-frame-options"] == "DENY"


@pytest.mark.slow
@pytest.mark.browser
def test_dagsters_own_pages_work_in_a_browser(chromium: Browser, database, tmp_path, context, sensor):
    """By POST and by WebSocket: what they show, what they change, and what they are told unasked."""
    settings = Settings(home=tmp_path, dagster_port=free_port(0))
    home = f"http://localhost:{settings.dagster_port}"
    said_by_socket: list[str] = []

    def note(frame: str | bytes) -> None:
        said_by_socket.append(str(frame))

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", note)

    page = chromium.new_context().new_page()
    page.set_default_timeout(PAGE_MS)
    page.on("websocket", listen)
    app = create_app(Installation(settings, database), context)
    with LoopbackService(app, port=settings.dagster_port, name="Dagster web server", port_hint=""):
        page.goto(home)
        expect(page.get_by_text("Sign in with a link")).to_be_visible()
        page.goto(make_sign_in_link(database, home))
        page.get_by_role("button", name="Sign in").click()
        with page.expect_websocket():
            page.goto(f"{home}/locations/{CODE_LOCATION}/sensors/due_polls")
        switch = page.get_by_role("checkbox")
        expect(switch).to_be_checked(timeout=PAGE_MS)
        page.locator("label", has=switch).click()
        expect(switch).not_to_be_checked(timeout=PAGE_MS)
        page.context.close()
    assert not sensor.is_running
    assert any("connection_ack" in frame for frame in said_by_socket)

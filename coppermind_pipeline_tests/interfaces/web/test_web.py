"""The web service as a browser meets it: who gets in, what every answer carries, health and metrics."""

import html
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from uuid import UUID

import httpx
import psutil
import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, make_url, text
from starlette.routing import Route
from starlette.testclient import TestClient

from coppermind_pipeline.accounts import create_customer, create_mind, local_caller
from coppermind_pipeline.connectors import SETUP_HELP, load_connector, record_event
from coppermind_pipeline.connectors.actions.event_log import EVENTS_SHOWN
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.processes import PortTaken, free_port
from coppermind_pipeline.interfaces.web import WebService, chosen, create_app, listening_port, make_sign_in_link
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.interfaces.web.visitors import routes, sign_in, token_of
from coppermind_pipeline_tests.stored_portal import StoredPortal

OPEN = (
    "/sign-in",
    "/oauth/hubspot/callback",
    "/healthz",
    "/metrics",
    "/nothing",
    "/static/pages.css",
    "/static/report.css",
)


@pytest.fixture
def installation(database: Database, tmp_path: Path) -> Iterator[Installation]:
    settings = Settings(
        home=tmp_path,
        public_url=f"http://localhost:{free_port(0)}",
        hubspot_client_id="our-client",
        hubspot_client_secret=SecretStr("our-secret"),
        hubspot_api_url="http://localhost:1",
    )
    installation = Installation(settings, database)
    with WebService(installation):
        yield installation


@pytest.fixture
def stranger(installation: Installation) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=installation.settings.public_url, timeout=20) as client:
        yield client


@pytest.fixture
def signed_in(installation: Installation) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=installation.settings.public_url, timeout=20, follow_redirects=True) as client:
        assert sign_in(client, installation.database) == 200
        yield client


@pytest.fixture
def addresses(installation: Installation) -> dict[str, list[str]]:
    """The addresses behind the sign-in, by method: those of all routes but the open ones."""
    closed = [route for route in routes(installation) if isinstance(route, Route) and route.path not in OPEN]
    filled = [(re.sub(r"\{\w+\}", "x", route.path), route.methods or set()) for route in closed]
    return {method: [path for path, methods in filled if method in methods] for method in ("GET", "POST")}


def csrf_of(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


def test_pages_and_actions_are_for_signed_in_people_alone(stranger, addresses):
    assert {"/", "/connectors", "/reports", "/brief"} <= set(addresses["GET"])
    for path in addresses["GET"]:
        page = stranger.get(path)
        assert page.status_code == 401
        assert "coppermind web --sign-in-link" in page.text
    for path in addresses["POST"]:
        assert stranger.post(path, data={"csrf": "x"}).status_code == 401


def test_a_sign_in_link_opens_a_session_once(installation, stranger):
    link = make_sign_in_link(installation.database, "")
    form = {"token": token_of(link)}
    answer = stranger.post("/sign-in", data=form)
    assert answer.status_code == 303
    assert "httponly" in answer.headers["set-cookie"].lower()
    assert "samesite=lax" in answer.headers["set-cookie"].lower()
    assert stranger.get("/").status_code == 200
    with httpx.Client(base_url=installation.settings.public_url) as another:
        assert another.get(link).status_code == 401
        assert another.post("/sign-in", data=form).status_code == 401


def test_looking_at_a_sign_in_link_uses_nothing_up_and_signs_nobody_in(installation, stranger):
    link = make_sign_in_link(installation.database, "")
    for method in ("HEAD", "GET", "GET"):
        answer = stranger.request(method, link, headers={"purpose": "prefetch"})
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
    assert stranger.get("/").status_code == 401
    assert stranger.post("/sign-in", data={"token": token_of(link)}).status_code == 303


def test_no_page_of_another_site_signs_a_browser_in_as_somebody_else(installation, stranger):
    form = {"token": token_of(make_sign_in_link(installation.database, ""))}
    for origin in ("https://elsewhere.example", "http://localhost:1", "null", ""):
        answer = stranger.post("/sign-in", data=form, headers={"Origin": origin})
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
    own = installation.settings.public_url.replace("localhost", "127.0.0.1")
    with httpx.Client(base_url=own) as on_another_name:
        assert on_another_name.post("/sign-in", data=form, headers={"Origin": own}).status_code == 303


def test_a_forms_token_is_required(signed_in, addresses):
    assert len(addresses["POST"]) >= 4
    for path in addresses["POST"]:
        for form in ({}, {"csrf": ""}, {"csrf": "guessed"}, {"csrf": "ü"}):
            assert signed_in.post(path, data=form).status_code == 403, path


def test_every_form_that_changes_something_carries_the_sessions_token(database, local_customer, signed_in):
    StoredPortal.create(database, local_customer)
    found = set()
    for path in ("/", "/connectors", "/reports", "/brief"):
        page = signed_in.get(path)
        for method, action, fields in re.findall(r'<form[^>]*method="(\w+)" action="([^"]+)"[^>]*>(.*?)</form>',
                                                 page.text, re.DOTALL):  # fmt: skip
            carries = f'name="csrf" value="{csrf_of(page)}"' in fields
            assert carries == (method == "post"), action
            found.add(action)
    assert found == {"/sign-out", "/connectors/connect", "/connectors/acme-hubspot-0007/sync",
                     "/connectors/acme-hubspot-0007/disconnect", "/", "/reports", "/brief"}  # fmt: skip


def test_signing_out_ends_the_session(signed_in):
    page = signed_in.post("/sign-out", data={"csrf": csrf_of(signed_in.get("/"))})
    assert page.status_code == 401
    assert signed_in.get("/").status_code == 401


def test_a_copy_of_the_cookie_is_worth_nothing_after_signing_out(installation, signed_in):
    with httpx.Client(base_url=installation.settings.public_url, cookies=dict(signed_in.cookies)) as thief:
        assert thief.get("/").status_code == 200
        signed_in.post("/sign-out", data={"csrf": csrf_of(signed_in.get("/"))})
        refused = thief.get("/")
        assert refused.status_code == 401
        assert "Sign out" not in refused.text


def test_a_session_sees_its_own_customers_connectors_alone(installation, database, local_customer, signed_in):
    StoredPortal.create(database, local_customer, mind="mine", hub_id=1)
    other = create_customer(database, "other")
    StoredPortal.create(database, other.id, mind="theirs", hub_id=2)
    page = signed_in.get("/connectors")
    assert "mine-hubspot-0001" in page.text
    assert "theirs" not in page.text
    refused = signed_in.post("/connectors/theirs-hubspot-0002/disconnect", data={"csrf": csrf_of(page)})
    assert refused.status_code == 400
    with database.reader() as connection:
        assert connection.scalar(text("SELECT status FROM connectors WHERE hub_id = 2")) == "active"


def test_a_link_and_its_pending_connector_are_shown_with_hubspots_refusals(database, local_customer, signed_in):
    create_mind(database, local_caller(database), "Acme", kind="client")
    first = signed_in.get("/connectors")
    assert "If HubSpot refuses" not in first.text
    link = signed_in.post("/connectors/connect", data={"csrf": csrf_of(first), "mind": "Acme"})
    assert html.escape(SETUP_HELP.scopes_note.split("`")[0]) in link.text
    for page in (link, signed_in.get("/connectors")):
        shown = html.unescape(page.text)
        for refusal in SETUP_HELP.refusals:
            assert refusal.text in shown
            assert refusal.what_to_do.split("`")[0] in shown


def test_a_paused_installation_says_so_and_what_to_do(database, local_customer, signed_in):
    StoredPortal.create(database, local_customer)
    assert "Paused" not in signed_in.get("/connectors").text
    with database.owner() as connection:
        connection.execute(text("UPDATE installation SET paused_since = now()"))
    page = signed_in.get("/connectors")
    assert "Paused" in page.text
    assert "so that it resumes" in page.text
    refused = signed_in.post("/connectors/acme-hubspot-0007/sync", data={"csrf": csrf_of(page)})
    assert refused.status_code == 409
    assert "so that it resumes" in refused.text
    assert "coppermind up" not in page.text + refused.text


@pytest.fixture
def many(database: Database, local_customer: UUID, monkeypatch: pytest.MonkeyPatch) -> list[StoredPortal]:
    """More connectors than a page shows, of which one has been refused by HubSpot; the others were polled just now."""
    monkeypatch.setattr(chosen, "SHOWN_MAX", 5)
    monkeypatch.setattr(chosen, "SEARCHED_FROM", 5)
    portals = [StoredPortal.create(database, local_customer, mind=f"client-{n}", hub_id=100 + n) for n in range(7)]
    for portal in portals:
        portal.execute("UPDATE hubspot_polls SET last_started_at = now(), last_succeeded_at = now()")
    portals[6].execute(
        """INSERT INTO connector_problems (connector_id, mind_id, kind, code, message)
           VALUES (:connector, current_mind(), 'auth', 'token_rejected', 'Refused.')"""
    )
    return portals


def test_many_connectors_are_summed_up_searched_and_paged_with_the_worst_first(many, signed_in):
    first = signed_in.get("/connectors").text
    assert "7 connectors: 1 in need of you, 6 up to date." in first
    ids = re.findall(r'id="state-([^"]+)"', first)
    assert (len(ids), ids[0]) == (5, "client-6-hubspot-0106")
    assert len(re.findall(r'id="state-', signed_in.get("/connectors?page=2").text)) == 2
    assert re.findall(r'id="state-([^"]+)"', signed_in.get("/connectors?search=ENT-2").text) == [
        "client-2-hubspot-0102"
    ]
    assert re.findall(r'id="state-([^"]+)"', signed_in.get("/connectors?state=bad").text) == ["client-6-hubspot-0106"]
    assert "No connector is like that" in signed_in.get("/connectors?search=nobody").text


def test_the_page_is_sent_what_has_changed_and_nothing_else(many, signed_in):
    def asked(text: str) -> str:
        return html.unescape(re.findall(r'hx-get="([^"]+)"', text)[0])

    address = asked(signed_in.get("/connectors").text)
    answer = signed_in.get(address)
    while answer.status_code != 204:  # a minute has passed meanwhile, by which everything is older
        address = asked(answer.text)
        answer = signed_in.get(address)
    many[3].execute("UPDATE hubspot_polls SET last_succeeded_at = now() - interval '10 minutes'")
    answer = signed_in.get(address)
    while len(re.findall("state-", answer.text)) > 1:
        many[3].execute("UPDATE hubspot_polls SET last_succeeded_at = last_succeeded_at - interval '1 minute'")
        answer = signed_in.get(asked(answer.text))
    assert re.findall(r'id="state-([^"]+)"', answer.text) == ["client-3-hubspot-0103"]
    assert len(answer.content) < 3_000
    assert signed_in.get(asked(answer.text)).status_code == 204


def test_an_installation_that_polls_no_more_says_so_and_what_to_do(database, local_customer, signed_in):
    StoredPortal.create(database, local_customer)
    assert "Not polling" not in signed_in.get("/connectors").text
    assert "coppermind_poll_look_age_seconds NaN" in signed_in.get("/metrics").text
    with database.owner() as connection:
        connection.execute(text("UPDATE installation SET polls_looked_for_at = now() - interval '1 hour'"))
    page = signed_in.get("/connectors")
    assert "Not polling" in page.text
    assert "<code>due_polls</code>" in page.text
    assert "coppermind_poll_look_age_seconds 36" in signed_in.get("/metrics").text


def test_every_answer_carries_the_security_headers(stranger, signed_in, addresses):
    for client in (stranger, signed_in):
        for path in (*OPEN, *addresses["GET"], "/reports?mind=nobody", "/reports?format=csv"):
            headers = client.get(path).headers
            assert headers["x-frame-options"] == "DENY", path
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"
            assert headers["cache-control"] == "no-store"
            assert "default-src 'none'" in headers["content-security-policy"]
            assert "unsafe-" not in headers["content-security-policy"]
            assert "upgrade-insecure-requests" not in headers["content-security-policy"]
            assert "server" not in headers


def test_another_name_for_this_machine_is_refused(installation):
    port = listening_port(installation.settings)
    assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    assert httpx.get(f"http://127.0.0.1:{port}/", headers={"host": "evil.example"}).status_code == 400


def test_it_listens_on_loopback_alone(installation):
    port = listening_port(installation.settings)
    listeners = {c.laddr.ip for c in psutil.Process().net_connections("tcp") if c.laddr.port == port and not c.raddr}
    assert listeners == {"127.0.0.1"}


Away = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def database_away(administrator: Connection, database_url: str, installation: Installation) -> Away:
    """Makes the server let nobody into the test's database, for as long as a `with` block lasts."""
    name = make_url(database_url).database

    @contextmanager
    def away() -> Iterator[None]:
        administrator.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        administrator.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
        )
        yield
        administrator.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
        installation.database.dispose()

    return away


def test_health_says_whether_the_database_answers(database_away, stranger):
    assert stranger.get("/healthz").json() == {"status": "ok"}
    with database_away():
        answer = stranger.get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "database unavailable"}


def test_pages_say_that_the_database_is_away_and_come_back_with_it(database_away, signed_in):
    with database_away():
        answer = signed_in.get("/")
    assert answer.status_code == 503
    assert "The database is away" in answer.text
    assert "127.0.0.1" not in answer.text
    assert signed_in.get("/").status_code == 200


def test_metrics_count_connectors_and_answer_this_machine_alone(database, local_customer, stranger):
    StoredPortal.create(database, local_customer)
    shown = stranger.get("/metrics").text
    assert 'coppermind_connectors{status="active"} 1.0' in shown
    assert 'coppermind_connector_states{state="active"} 0.0' in shown
    assert 'coppermind_connector_states{state="stale"} 1.0' in shown
    assert 'coppermind_memory_queue{state="dead"} 0.0' in shown
    assert 'coppermind_pull_age_seconds{quantile="0.95"}' in shown
    assert 'coppermind_runs_unfinished{status="QUEUED"} 0.0' in shown
    assert "acme" not in shown
    assert 'coppermind_store_bytes{kind="versions"}' in shown
    assert 'coppermind_retention_removed_rows_total{kind="runs"} 0.0' in shown
    for name in ("x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-host", "via"):
        assert stranger.get("/metrics", headers={name: "203.0.113.7"}).status_code == 403


def test_metrics_answer_whoever_shows_the_token(database, tmp_path):
    def answer(token: str | None, shown: str) -> int:
        settings = Settings(home=tmp_path, metrics_token=SecretStr(token) if token else None)
        client = TestClient(create_app(Installation(settings, database)), base_url=settings.public_url,
                            client=("203.0.113.7", 5000))  # fmt: skip
        return client.get("/metrics", headers={"authorization": shown}).status_code

    assert answer("the-token", "Bearer the-token") == 200
    for shown in ("Bearer another", "Bearer ", "Basic the-token", "the-token"):
        assert answer("the-token", shown) == 403
    for shown in ("Bearer ", "Bearer None"):
        assert answer(None, shown) == 403


@pytest.mark.parametrize(
    ("client", "address", "status"),
    [
        (("127.0.0.1", 5000), "http://localhost:8480", 200),
        (("::1", 5000), "http://localhost:8480", 200),
        (("203.0.113.7", 5000), "http://localhost:8480", 403),
        (("127.0.0.1", 5000), "https://connect.example.com", 403),
    ],
)
def test_metrics_are_for_a_client_on_this_machine_under_this_machines_name(database, tmp_path, client, address, status):
    app = create_app(Installation(Settings(home=tmp_path, public_url="https://connect.example.com"), database))
    answer = TestClient(app, base_url=address, client=client).get("/metrics")
    assert answer.status_code == status
    assert ("coppermind_connectors" in answer.text) == (status == 200)


def test_a_port_that_is_taken_is_named_with_the_setting(installation):
    with pytest.raises(PortTaken, match=str(listening_port(installation.settings))) as failure:
        WebService(installation)
    assert "COPPERMIND_PUBLIC_URL" in failure.value.hint


def test_behind_an_https_proxy_cookies_are_for_https_alone(database, tmp_path):
    settings = Settings(home=tmp_path, public_url="https://connect.example.com")
    client = TestClient(create_app(Installation(settings, database)), base_url="https://connect.example.com")
    answer = client.post("/sign-in", data={"token": token_of(make_sign_in_link(database, ""))}, follow_redirects=False)
    assert "secure" in answer.headers["set-cookie"].lower()
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_a_connectors_log_is_a_page(signed_in, stranger, database, local_customer):
    portal = StoredPortal.create(database, local_customer)
    address = f"/connectors/{portal.connector_id}/events"
    connector = load_connector(database, portal.connector_id)
    with database.mind(portal.mind_id) as connection:
        for number in range(EVENTS_SHOWN + 1):
            record_event(connection, connector, "error", f"code_{number}", "<b>It</b> failed.", {"hint": "Do it."})
    assert f'href="{address}"' in signed_in.get("/connectors").text
    page = signed_in.get(address)
    assert page.status_code == 200
    assert "&lt;b&gt;It&lt;/b&gt; failed. Do it." in page.text
    assert page.text.index(f"code_{EVENTS_SHOWN}<") < page.text.index("code_1<")
    assert "code_0<" not in page.text
    earlier = re.search(r'href="(\?before=\d+)"', page.text)
    assert earlier is not None
    last = signed_in.get(address + earlier[1])
    assert "code_0<" in last.text
    assert "?before=" not in last.text
    assert signed_in.get(f"{address}?before={'9' * 30}").status_code == 200
    assert signed_in.get("/connectors/nobody/events").status_code == 400
    refused = stranger.get(address)
    assert "code_1" not in refused.text


def test_another_customers_log_is_no_page(signed_in, database):
    other = StoredPortal.create(database, create_customer(database, "Agency").id, mind="globex", hub_id=9)
    assert signed_in.get(f"/connectors/{other.connector_id}/events").status_code == 400

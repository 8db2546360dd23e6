"""The OAuth callback as a browser meets it: a real web service, a real sandbox portal, real redirects."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from coppermind_pipeline.accounts import create_mind, local_caller
from coppermind_pipeline.connectors import ConnectResponse, connect
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.processes import free_port
from coppermind_pipeline.interfaces.web import WebService
from coppermind_pipeline.sandbox import Fault, RunningSandbox, SandboxConfig
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=5, companies=3, deals=4)) as sandbox:
        yield sandbox


@pytest.fixture
def installation(database: Database, tmp_path: Path, sandbox: RunningSandbox) -> Iterator[Installation]:
    settings = Settings(
        home=tmp_path,
        public_url=f"http://localhost:{free_port(0)}",
        hubspot_client_id=sandbox.client_id,
        hubspot_client_secret=SecretStr(sandbox.client_secret),
        hubspot_api_url=sandbox.url,
        hubspot_authorize_url=sandbox.authorize_url,
    )
    installation = Installation(settings, database)
    with WebService(installation):
        yield installation


@pytest.fixture
def browser() -> Iterator[httpx.Client]:
    with httpx.Client(follow_redirects=True, timeout=20) as client:
        yield client


def _connect(installation: Installation) -> ConnectResponse:
    caller = local_caller(installation.database)
    create_mind(installation.database, caller, "Acme & Söhne")
    return connect(
        installation.database, installation.settings, caller, source_type="hubspot", mind=None, callback_listening=True
    )


def _answer(browser: httpx.Client, auth_url: str, decision: str) -> httpx.Response:
    """Open the portal's authorization page and press one of its buttons."""
    return browser.get(f"{auth_url}&decision={decision}")


def _words(page: httpx.Response) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text.split("<main>")[1])))


def _connector(installation: Installation, connector_id: str):
    with installation.database.reader() as connection:
        return connection.execute(text("SELECT * FROM connectors WHERE id = :id"), {"id": connector_id}).one()


def test_an_approval_connects_and_says_what_comes_next(installation, browser):
    pending = _connect(installation)
    page = _answer(browser, pending.auth_url, "approve")
    assert page.status_code == 200
    connector = _connector(installation, pending.connector_id)
    assert connector.status == "active"
    words = _words(page)
    assert "HubSpot is connected" in words
    assert f"Portal {connector.hub_id} now feeds the mind “Acme & Söhne”" in words
    assert "connectors action=status" in words
    assert "You can close this window" in words


def test_a_refusal_that_comes_back_says_who_may_approve(installation, browser, sandbox):
    sandbox.control.set_switches(refusal_redirects=True)
    pending = _connect(installation)
    page = _answer(browser, pending.auth_url, "deny")
    assert page.status_code == 400
    words = _words(page)
    assert "The approval was refused" in words
    assert "allowed to install apps" in words
    assert "This account is not eligible to connect to Claude" in words
    assert _connector(installation, pending.connector_id).status == "pending_setup"


def test_a_link_works_once(installation, browser):
    pending = _connect(installation)
    first = _answer(browser, pending.auth_url, "approve")
    again = browser.get(first.url)
    assert again.status_code == 400
    assert "This link was used already" in _words(again)
    assert _connector(installation, pending.connector_id).status == "active"


def test_a_forged_state_connects_nothing(installation, browser):
    pending = _connect(installation)
    for query in ("", "?code=abc", "?code=abc&state=forged", "?state=%00", "?error=access_denied&state=x"):
        page = browser.get(f"{installation.settings.redirect_uri}{query}")
        assert page.status_code == 400, query
        assert "We don't know this link" in _words(page)
    assert _connector(installation, pending.connector_id).status == "pending_setup"


def test_an_expired_link_says_so(installation, browser):
    pending = _connect(installation)
    with installation.database.administrator() as connection:
        connection.execute(text("UPDATE coppermind.oauth_states SET expires_at = now() - interval '1 second'"))
    page = _answer(browser, pending.auth_url, "approve")
    assert page.status_code == 400
    assert "This link has expired" in _words(page)


def test_a_missing_scope_is_named(installation, browser, sandbox):
    sandbox.control.set_switches(withheld_scopes=["crm.objects.owners.read"])
    page = _answer(browser, _connect(installation).auth_url, "approve")
    assert page.status_code == 400
    words = _words(page)
    assert "HubSpot granted too little" in words
    assert "crm.objects.owners.read" in words


def test_a_wrong_code_is_explained_without_showing_it(installation, browser):
    state = parse_qs(urlsplit(_connect(installation).auth_url).query)["state"][0]
    page = browser.get(installation.settings.redirect_uri, params={"code": "made-up-code", "state": state})
    assert page.status_code == 400
    assert "HubSpot could not be connected" in _words(page)
    assert "made-up-code" not in page.text
    assert state not in page.text


def test_a_token_answer_that_makes_no_sense_is_explained(installation, browser, sandbox):
    pending = _connect(installation)
    sandbox.control.add_fault(Fault(path="/token$", status=200, body="[" * 100_000))
    page = _answer(browser, pending.auth_url, "approve")
    assert page.status_code == 400
    assert "HubSpot could not be connected" in _words(page)
    assert "can't be used: it is no JSON" in _words(page)


def test_what_an_address_says_is_shown_as_text_alone(installation, browser):
    state = parse_qs(urlsplit(_connect(installation).auth_url).query)["state"][0]
    parameters = {"state": state, "error": "<b>x</b>", "error_description": "<script>alert(1)</script>"}
    page = browser.get(installation.settings.redirect_uri, params=parameters)
    assert page.status_code == 400
    assert "<script>alert" not in page.text
    assert "<b>x" not in page.text


def test_a_service_without_the_apps_settings_says_so(database, browser, installation):
    unset = installation.settings.model_copy(
        update={"hubspot_client_secret": SecretStr(""), "public_url": f"http://localhost:{free_port(0)}"}
    )
    pending = _connect(installation)
    state = parse_qs(urlsplit(pending.auth_url).query)["state"][0]
    with WebService(Installation(unset, database)):
        page = browser.get(unset.redirect_uri, params={"state": state, "code": "c"})
    assert "This installation is not set up for HubSpot yet" in _words(page)
    assert "COPPERMIND_HUBSPOT_CLIENT_SECRET must be set" in _words(page)
    assert _connector(installation, pending.connector_id).setup_error["code"] == "settings"


def test_a_link_preview_does_not_use_the_approval_up(installation, browser):
    pending = _connect(installation)
    redirect = httpx.get(f"{pending.auth_url}&decision=approve", follow_redirects=False).headers["location"]
    assert browser.head(redirect).status_code == 200
    assert _connector(installation, pending.connector_id).status == "pending_setup"
    assert "HubSpot is connected" in _words(browser.get(redirect))


def test_the_page_needs_nothing_from_elsewhere_and_tells_nobody_its_address(installation, browser):
    page = _answer(browser, _connect(installation).auth_url, "approve")
    assert page.headers["referrer-policy"] == "same-origin"
    assert page.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page.text)
    assert "set-cookie" not in page.headers

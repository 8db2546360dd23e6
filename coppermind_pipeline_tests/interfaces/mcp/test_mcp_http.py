"""The MCP server over HTTP: an access token says in whose name a call is made, and nobody else gets in."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from mcp.shared.exceptions import MCPError
from psycopg import sql
from sqlalchemy import make_url

from coppermind_pipeline.accounts import create_customer, create_token, list_tokens, revoke_token
from coppermind_pipeline.interfaces.cli.servers.mcp import HTTP_PORT
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.mcp import DEFAULT_PORT, http_address, http_service
from coppermind_pipeline.interfaces.processes import free_port
from coppermind_pipeline.interfaces.web.callback_listener import CallbackListener
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.interfaces.mcp.assistant import over_http
from coppermind_pipeline_tests.stored_portal import StoredPortal

_CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call",
         "params": {"name": "minds", "arguments": {"action": "list"}}}  # fmt: skip
_HEADERS = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}


@pytest.fixture
def address(database: Database, tmp_path: Path) -> Iterator[str]:
    installation, port = Installation(Settings(home=tmp_path), database), free_port(0)
    with CallbackListener(installation) as callback, http_service(installation, callback, port=port):
        yield http_address(installation.settings, port=port)


def _token(database: Database, customer: str = "local") -> str:
    return create_token(database, customer=customer).token.get_secret_value()


def _post(address: str, token: str | None, **headers: str) -> httpx.Response:
    authorization = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx.post(address, json=_CALL, headers=_HEADERS | authorization | headers)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_every_tool_answers_over_http(database: Database, address: str, mode: str):
    async with over_http(address, _token(database), mode=mode) as assistant:
        created = await assistant.call("minds", action="create", name="Acme")
        StoredPortal.create(database, created["customer_id"])
        status = await assistant.call("connectors", action="status")
        assert (status["mind"], status["connectors"][0]["mind"]) == ("Acme", "Acme")
        report = await assistant.call("memory", action="crm_report")
        assert report["trust"]["mind"] == "Acme"
        assert (await assistant.call("memory", action="list"))["memories"] == []
        assert (await assistant.fail("connectors", action="connect"))["code"] == "settings"


async def test_customers_never_see_each_others_minds(database: Database, address: str):
    create_customer(database, "Agency")
    async with over_http(address, _token(database)) as ours, over_http(address, _token(database, "Agency")) as theirs:
        acme = await ours.call("minds", action="create", name="Acme")
        connector_id = StoredPortal.create(database, acme["customer_id"]).connector_id
        assert await theirs.call("minds", action="list") == {"minds": []}
        assert (await theirs.call("connectors", action="status", all=True))["connectors"] == []
        for tool, arguments in (
            ("minds", {"action": "switch"}),
            ("minds", {"action": "update", "name": "Mine now"}),
            ("connectors", {"action": "status"}),
            ("connectors", {"action": "connect"}),
            ("memory", {"action": "list"}),
            ("memory", {"action": "crm_report"}),
        ):
            for mind in ("Acme", acme["id"]):
                error = await theirs.fail(tool, **arguments, mind=mind)
                assert error["code"] in {"mind_not_found", "settings"}
                assert connector_id not in str(error)
        for action in ("status", "sync", "disconnect", "resync"):
            error = await theirs.fail("connectors", action=action, connector_id=connector_id)
            assert error["code"] == "connector_not_found"
        (connector,) = (await ours.call("connectors", action="status"))["connectors"]
        assert (connector["connector_id"], connector["status"], connector["mind"]) == (connector_id, "active", "Acme")


@pytest.mark.slow
async def test_each_token_has_an_active_mind_of_its_own(database: Database, address: str):
    async with over_http(address, _token(database)) as one, over_http(address, _token(database)) as other:
        for name in ("Acme", "Globex"):
            await one.call("minds", action="create", name=name)
        await other.call("minds", action="switch", mind="Globex")
        assert (await one.call("connectors", action="status"))["mind"] == "Acme"
        assert (await other.call("connectors", action="status"))["mind"] == "Globex"
        assert (await other.call("connectors", action="status", mind="Acme"))["mind"] == "Acme"


async def test_a_token_that_is_revoked_midway_ends_the_conversation(database: Database, address: str):
    token = _token(database)
    async with over_http(address, token) as assistant:
        await assistant.call("minds", action="list")
        assert list_tokens(database)[0].last_used_at is not None
        revoke_token(database, token)
        with pytest.raises(MCPError):  # the library tells no more; the status is looked at below
            await assistant.call("minds", action="list")
    assert _post(address, token).status_code == 401


def test_without_a_good_token_nothing_answers(database: Database, address: str):
    good = _token(database)
    answer = _post(address, good)
    assert answer.status_code == 200
    assert answer.json()["result"]["structuredContent"] == {"minds": []}
    for wrong in (None, "coppermind_", "coppermind_nonsense", good[:-1], good.upper()):
        refused = _post(address, wrong)
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')
        assert good not in refused.text
    basic = _post(address, None, Authorization=f"Basic {good}")
    assert basic.status_code == 401
    assert httpx.get(f"{address}?token={good}", headers=_HEADERS).status_code == 401


@contextmanager
def _away(database_url: str) -> Iterator[None]:
    """Take the database away inside the block: whoever asks for it is told that there is none of that name."""
    url = make_url(database_url)
    name = str(url.database)
    here, elsewhere = sql.Identifier(name), sql.Identifier(f"{name}_away")
    server = url.set(database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(here))
        connection.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", (name,))
        connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(here, elsewhere))
        try:
            yield
        finally:
            connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(elsewhere, here))
            connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(here))


async def test_each_tool_says_that_the_database_is_away(database: Database, database_url: str, address: str):
    async with over_http(address, _token(database)) as assistant:
        await assistant.call("minds", action="create", name="Acme")
        with _away(database_url):
            for tool, action in (("minds", "list"), ("connectors", "status"), ("memory", "crm_report")):
                error = await assistant.fail(tool, action=action)
                assert error["code"] == "database_unavailable"
                assert "try again" in error["hint"]
                assert str(make_url(database_url).database) not in str(error)
        assert [mind["name"] for mind in (await assistant.call("minds", action="list"))["minds"]] == ["Acme"]


def test_while_the_database_is_away_a_call_without_a_token_is_still_refused(database_url: str, address: str):
    with _away(database_url):
        assert _post(address, None).status_code == 401
        answer = _post(address, "coppermind_nonsense")
    assert answer.status_code == 200
    assert answer.json()["result"]["structuredContent"]["error"]["code"] == "database_unavailable"


def test_another_name_for_this_machine_does_not_reach_it(database: Database, address: str):
    token = _token(database)
    assert _post(address, token, Host="evil.example").status_code == 421
    assert _post(address, token, Host=f"evil.example:{httpx.URL(address).port}").status_code == 421
    assert _post(address, token, Origin="http://evil.example").status_code == 403
    assert _post(address, token, Origin=address.removesuffix("/mcp")).status_code == 200


def test_a_public_address_is_below_the_web_services_and_may_be_used(database: Database, tmp_path: Path):
    settings = Settings(home=tmp_path, public_url="https://crm.example.com")
    port = free_port(0)
    assert http_address(settings, port=port) == "https://crm.example.com/mcp"
    installation = Installation(settings, database)
    with CallbackListener(installation) as callback, http_service(installation, callback, port=port):
        behind_proxy = {"Host": "crm.example.com", "Origin": "https://crm.example.com"}
        assert _post(f"http://localhost:{port}/mcp", _token(database), **behind_proxy).status_code == 200


@pytest.mark.slow
def test_the_command_serves_until_it_is_told_to_end(database: Database, installation_home: Path):
    command = [Path(sys.executable).with_name("coppermind"), "mcp", "--http", "--json", "--port", str(free_port(0))]
    token = _token(database)
    with subprocess.Popen(
        command, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        shown = "".join(iter(process.stdout.readline, "}\n")) + "}"
        assert _post(json.loads(shown)["url"], token).json()["result"]["structuredContent"] == {"minds": []}
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert token not in errors


def test_the_commands_default_port_is_the_servers():
    assert HTTP_PORT == DEFAULT_PORT


def test_a_token_makes_the_customer_option_superfluous(coppermind):
    refused = coppermind("mcp", "--http", "--customer", "Agency")
    assert refused.exit_code == 2
    assert "tokens create --customer" in refused.stderr

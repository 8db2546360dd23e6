"""The tools over MCP, mostly as an assistant on this machine starts them: every action, every way to go wrong."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from uuid import UUID

import anyio
import anyio.to_thread
import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from coppermind_pipeline.accounts import create_customer, create_mind, local_caller
from coppermind_pipeline.connectors import SETUP_HELP, load_connector, record_event
from coppermind_pipeline.defs.sync_now import sync_connector
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.mcp import tools
from coppermind_pipeline.interfaces.mcp.arguments import (
    MEMORY_ACTIONS_IN_WORDS,
    ConnectorsArguments,
    MemoryArguments,
    MindsArguments,
    checked,
)
from coppermind_pipeline.interfaces.mcp.tools import TOOLS
from coppermind_pipeline.interfaces.processes import free_port, port_answers
from coppermind_pipeline.memories import drain, map_records
from coppermind_pipeline.reports import MEMORY_ACTIONS
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database
from coppermind_pipeline.tool_calls import ToolArgumentError
from coppermind_pipeline.wording import in_markdown
from coppermind_pipeline_tests.interfaces.mcp.assistant import in_process, over_stdio
from coppermind_pipeline_tests.stored_portal import StoredPortal


@pytest.fixture
def sandbox(installation_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSandbox]:
    """A portal; the environment names it, and a port for the callback on which nothing listens."""
    with RunningSandbox(SandboxConfig(contacts=60, companies=20, deals=40, limits=False)) as sandbox:
        monkeypatch.setenv("COPPERMIND_HUBSPOT_API_URL", sandbox.url)
        monkeypatch.setenv("COPPERMIND_HUBSPOT_AUTHORIZE_URL", sandbox.authorize_url)
        monkeypatch.setenv("COPPERMIND_HUBSPOT_CLIENT_ID", sandbox.client_id)
        monkeypatch.setenv("COPPERMIND_HUBSPOT_CLIENT_SECRET", sandbox.client_secret)
        monkeypatch.setenv("COPPERMIND_PUBLIC_URL", f"http://localhost:{free_port(0)}")
        yield sandbox


@pytest.fixture
def portal(database: Database, local_customer: UUID, installation_home: Path) -> StoredPortal:
    """The mind `acme` with a synced portal."""
    portal = StoredPortal.create(database, local_customer)
    portal.contact("1", email="ann@globex.com")
    return portal


def _approve(auth_url: str) -> str:
    return httpx.get(f"{auth_url}&decision=approve", follow_redirects=True, timeout=20).text


async def test_the_setup_script_leads_from_a_new_mind_to_a_report(database: Database, sandbox: RunningSandbox):
    settings = Settings.from_environment()
    async with over_stdio() as assistant:
        await assistant.call("minds", action="create", name="Other client")
        await assistant.call("minds", action="create", name="Acme", domains=["acme.com"])
        switched = await assistant.call("minds", action="switch", mind="acme")
        assert (switched["name"], switched["active"]) == ("Acme", True)

        connected = await assistant.call("connectors", action="connect", source_type="hubspot")
        assert (connected["mind"], connected["status"]) == ("Acme", "pending_setup")
        assert connected["callback_listening"] is True
        assert connected["setup_help"] == SETUP_HELP.model_dump(mode="json")
        assert "HubSpot is connected" in await anyio.to_thread.run_sync(_approve, connected["auth_url"])

        (connector,) = (await assistant.call("connectors", action="status"))["connectors"]
        assert connector["connector_id"] == connected["connector_id"]
        assert connector["status"] in {"active", "syncing", "backfilling"}

        connector_id = connected["connector_id"]
        sync = partial(sync_connector, database, settings, connector_id, until_complete=True)
        assert (await anyio.to_thread.run_sync(sync)).complete
        shown = await assistant.call("connectors", action="status", connector_id=connector_id, mind="Acme")
        assert shown["connectors"][0]["status"] == "active"
        assert shown["connectors"][0]["portal_profile"] is not None
        said = await assistant.read("connectors", action="status", connector_id=connector_id, mind="Acme")
        assert "Pipelines: " in said
        assert not {"{", "["} & set(said)  # words, not data

        report = await assistant.call("memory", action="crm_report", period="this_year", group_by="source", detail=True)
        assert report["trust"]["mind"] == "Acme"
        assert report["trust"]["backfill_complete"]
        assert report["deals"]["total"] > 0
        assert in_markdown(report["headline"][0]) in await assistant.read(
            "memory", action="crm_report", period="this_year"
        )
        for format_ in ("markdown", "csv", "html"):
            rendered = await assistant.call("memory", action="crm_report", format=format_)
            assert rendered["content"]
        compared = await assistant.call("memory", action="crm_report", compare_to="previous_year", live_fallback=True)
        assert compared["period"]["compared_with"]

        found = await assistant.call("memory", action="search", query="strategy", types=["fact"], limit=3)
        for types in ('["fact"]', "fact"):
            assert await assistant.call("memory", action="search", query="strategy", types=types, limit=3) == found
        assert (await assistant.call("memory", action="search", query="strategy", types=[], limit=3))["memories"]
        assert found["memories"]
        (first, *_) = found["memories"]
        assert (await assistant.call("memory", action="get", memory_id=first["id"]))["memory"] == first
        page = await assistant.call("memory", action="list", limit=1, audience="client")
        assert page["next_before"] is not None
        assert page["memories"][0]["sensitivity"] == "open"

        configured = await assistant.call(
            "connectors", action="configure", connector_id=connector_id,
            config={"hubspot_property_filters": {"deals": {"pipeline": "default"}}},
        )  # fmt: skip
        assert configured["filter_preview"]["deals"]["kept"] > 0
        await assistant.call("connectors", action="sync", connector_id=connector_id)
        again = await assistant.call("connectors", action="resync", connector_id=connector_id, object_type="deals")
        assert again["object_types"] == ["deals"]
        ended = await assistant.call("connectors", action="disconnect", connector_id=connector_id)
        assert (ended["mind"], ended["status"], ended["token_revoked"]) == ("Acme", "inactive", True)


@pytest.mark.slow
async def test_a_second_link_is_heard_of_while_the_first_is_open(sandbox: RunningSandbox):
    port = int(Settings.from_environment().public_url.rpartition(":")[2])
    async with over_stdio() as assistant:
        links = []
        for name in ("Acme", "Globex"):
            await assistant.call("minds", action="create", name=name)
            links.append((await assistant.call("connectors", action="connect", mind=name))["auth_url"])
        for link in links:
            assert "HubSpot is connected" in await anyio.to_thread.run_sync(_approve, link)
        everything = await assistant.call("connectors", action="status", all=True)
        assert [(each["mind"], each["status"]) for each in everything["connectors"]] == [
            ("Acme", "backfilling"),
            ("Globex", "backfilling"),
        ]
    assert not port_answers(port)


@pytest.mark.slow
async def test_the_tools_say_what_they_do(installation_home: Path):
    async with over_stdio() as assistant:
        assert set(assistant.tools) == {"connectors", "minds", "memory"}
        for tool in assistant.tools.values():
            assert tool.output_schema is not None
            assert tool.output_schema["type"] == tool.input_schema["type"] == "object"
            # Assistants' APIs take no alternatives at the top of what a tool takes.
            assert not {"anyOf", "oneOf", "allOf"} & tool.input_schema.keys()
            assert all(about["description"] for about in tool.input_schema["properties"].values())
        hints = {name: tool.annotations for name, tool in assistant.tools.items()}
        assert hints["memory"] is not None
        assert hints["connectors"] is not None
        assert (hints["memory"].read_only_hint, hints["connectors"].destructive_hint) == (True, True)
        assert "never ask" in " ".join((assistant.client.instructions or "").split())


def test_the_memory_tool_offers_every_action_and_all_that_each_takes():
    assert MEMORY_ACTIONS_IN_WORDS.keys() == MEMORY_ACTIONS.keys()
    offered = {about.alias or name for name, about in MemoryArguments.model_fields.items()}
    for action in MEMORY_ACTIONS.values():
        assert set(action.takes) <= offered


def test_arguments_are_taken_as_assistants_write_them():
    given = {"action": "list", "limit": "5", "include_superseded": "true", "types": '["fact"]', "company": "",
             "outcome": []}  # fmt: skip
    assert checked("memory", MemoryArguments, given) == {
        "action": "list", "limit": 5, "include_superseded": True, "types": ["fact"],
    }  # fmt: skip
    config = {"action": "configure", "config": '{"poll_interval_minutes": 5}', "mind": ""}
    assert checked("connectors", ConnectorsArguments, config)["config"] == {"poll_interval_minutes": 5}
    assert checked("minds", MindsArguments, {"action": "update", "domains": []})["domains"] == []
    assert checked("memory", MemoryArguments, {"action": "crm_report", "period": 2026, "mind": 7}) == {
        "action": "crm_report", "period": "2026", "mind": "7",
    }  # fmt: skip
    with pytest.raises(ToolArgumentError, match="takes no 'compny'"):
        checked("memory", MemoryArguments, {"action": "list", "compny": ""})


def test_the_list_of_tools_is_short_enough_to_read_before_every_conversation():
    definitions = [tool.definition.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in TOOLS.values()]
    assert len(json.dumps(definitions, ensure_ascii=False, separators=(",", ":")).encode()) < 12_000
    for definition in definitions:
        assert definition["outputSchema"]["properties"]["error"]["properties"].keys() == {"code", "message", "hint"}


async def test_who_the_contact_is_is_read_in_the_text_too(database: Database, portal: StoredPortal):
    portal.company("1", name="Globex")
    portal.contact("77", name="Ann Lee", properties={"associatedcompanyid": "1"})
    installation = Installation(Settings.from_environment(), database)
    async with in_process(installation, local_caller(database)) as assistant:
        asked = {"action": "account", "company": "globex", "mind": "acme"}
        assert (await assistant.call("memory", **asked))["contacts"]["rows"][0]["name"] == "Ann Lee"
        assert "Globex: 1 contact is known: Ann Lee." in await assistant.read("memory", **asked)
        # Each answer is checked against the tool's schema; `get` needs an id of a memory.
        for action in MEMORY_ACTIONS.keys() - {"get"}:
            needed = {"account": {"company": "globex"}, "search": {"query": "globex"}}.get(action, {})
            assert await assistant.read("memory", action=action, **needed)
        for_client = await assistant.call("memory", **asked, audience="client")
        assert (for_client["trust"]["mind_id"], for_client["contacts"]["rows"]) == (None, [])


@pytest.mark.parametrize(
    ("tool", "arguments", "code", "said"),
    [
        ("connectors", {"action": "status", "connector_id": "x"}, "connector_not_found", "acme-hubspot-0007"),
        ("connectors", {"action": "sync"}, "tool_argument", "needs a connector_id"),
        ("connectors", {"action": "conect"}, "tool_argument", "Did you mean connect"),
        ("connectors", {"action": "connect", "source_type": "salesforce"}, "unsupported_source", "hubspot"),
        ("connectors", {"action": "connect", "mind": "Us"}, "mind_not_connectable", "internal"),
        ("connectors", {"action": "status", "conector_id": "x"}, "tool_argument", "Did you mean connector_id"),
        ("connectors", {"action": "status", "all": "perhaps"}, "tool_argument", "all: "),
        ("connectors", {"action": "status", "mind": "Acne"}, "mind_not_found", "acme"),
        ("connectors", {}, "tool_argument", "needs an action"),
        (
            "connectors",
            {"action": "configure", "connector_id": "acme-hubspot-0007", "config": {"pol_interval_minutes": 5}},
            "unknown_config_key",
            "Did you mean poll_interval_minutes",
        ),
        (
            "connectors",
            {"action": "configure", "connector_id": "acme-hubspot-0007", "config": {"poll_interval_minutes": 0}},
            "invalid_config_value",
            "poll_interval_minutes",
        ),
        (
            "connectors",
            {"action": "disconnect", "connector_id": "acme-hubspot-0007", "mind": "Us"},
            "connector_not_found",
            "another mind has it",
        ),
        ("minds", {"action": "switch"}, "tool_argument", "needs a mind"),
        ("minds", {"action": "switch", "mind": "Acne"}, "mind_not_found", "acme"),
        ("minds", {"action": "create", "name": "ACME"}, "mind_exists", "ACME"),
        ("minds", {"action": "update", "mind": "acme", "domains": ["not a domain"]}, "invalid_mind", "not a domain"),
        ("memory", {"action": "list"}, "no_active_mind", "acme, Us"),
        ("memory", {"action": "search", "mind": "acme"}, "tool_argument", "needs a query"),
        ("memory", {"action": "list", "mind": "acme", "query": "x"}, "tool_argument", "takes no 'query'"),
        ("memory", {"action": "list", "mind": "acme", "limit": "many"}, "tool_argument", "limit"),
        ("memory", {"action": "get", "mind": "acme", "memory_id": 404}, "unknown_memory", "404"),
        ("memory", {"action": "crm_report", "mind": "acme", "period": "this_decade"}, "report_argument", "this_decade"),
        ("memory", {"action": "crm_report", "mind": "acme", "now": "2020-01-01"}, "tool_argument", "takes no 'now'"),
        ("memory", {"action": "crm_report", "mind": "acme", "connector_id": "x"}, "connector_not_found", "x"),
    ],
)  # fmt: skip
async def test_a_wrong_call_says_what_to_do(
    database: Database, portal: StoredPortal, tool: str, arguments: dict, code: str, said: str
):
    caller = local_caller(database)
    create_mind(database, caller, "Us", kind="internal")
    with database.owner() as connection:
        connection.exec_driver_sql("UPDATE customers SET active_mind_id = NULL")
    settings = Settings(hubspot_client_id="ours", hubspot_client_secret=SecretStr("secret"))
    async with in_process(Installation(settings, database), caller) as assistant:
        error = await assistant.fail(tool, **arguments)
        assert error["code"] == code
        assert said in f"{error['message']} {error['hint']}"
        (connector,) = (await assistant.call("connectors", action="status", mind="acme"))["connectors"]
        assert (connector["status"], connector["config"]) == ("active", {})


async def test_a_fault_of_ours_is_in_the_log_and_not_in_the_answer(
    database: Database, installation_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the details")

    monkeypatch.setattr(tools, "minds_tool", broken)
    async with in_process(Installation(Settings(), database), local_caller(database)) as assistant:
        error = await assistant.fail("minds", action="list")
    assert error["code"] == "unexpected"
    assert "the details" not in str(error)
    assert "the details" in "".join(capsys.readouterr())


@pytest.mark.slow
async def test_it_acts_for_the_customer_that_it_is_started_for(database: Database, portal: StoredPortal):
    create_customer(database, "Agency")
    async with over_stdio("--customer", "Agency") as assistant:
        assert await assistant.call("minds", action="list") == {"minds": []}
        assert "no connector 'acme-hubspot-0007'" in (
            await assistant.fail("connectors", action="status", connector_id=portal.connector_id)
        )["message"]  # fmt: skip
        created = await assistant.call("minds", action="create", name="acme", kind="prospect")
        assert created["active"]
        renamed = await assistant.call("minds", action="update", name="Acme Rockets", domains=["acme.com"])
        assert (renamed["name"], renamed["company_info"]) == ("Acme Rockets", {"domain": "acme.com"})
        listed = await assistant.call("minds", action="list", mind="acme rockets")
        assert [mind["id"] for mind in listed["minds"]] == [created["id"]]


@pytest.mark.slow
def test_standard_output_carries_the_protocol_alone_and_its_end_is_the_servers(portal: StoredPortal):
    messages = [
        {"id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {},
                                                     "clientInfo": {"name": "by hand", "version": "0"}}},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "connectors", "arguments": {"action": "status"}}},
        {"id": 3, "method": "tools/call", "params": {"name": "no such tool", "arguments": {}}},
    ]  # fmt: skip
    lines = "".join(json.dumps({"jsonrpc": "2.0"} | message) + "\n" for message in messages)
    with subprocess.Popen(
        [Path(sys.executable).with_name("coppermind"), "mcp"],
        env=os.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(lines)
        process.stdin.flush()
        answers = {answer["id"]: answer for answer in (json.loads(process.stdout.readline()) for _ in range(3))}
        rest, errors = process.communicate(timeout=30)
    assert rest == ""
    assert process.returncode == 0, errors
    assert answers[1]["result"]["serverInfo"]["name"] == "coppermind-pipeline"
    assert answers[2]["result"]["structuredContent"]["connectors"][0]["mind"] == "acme"
    assert "no such tool" in answers[3]["error"]["message"]


async def test_an_assistant_is_told_nothing_that_nobody_sees(database: Database):
    caller = create_customer(database, "Hidden")
    with database.owner() as connection:
        connection.execute(
            text("INSERT INTO minds (customer_id, name, slug, kind) VALUES (:c, :name, 'a', 'client')"),
            {"c": caller.id, "name": "Ac\x1b[2J\u202e\u200bme\U000e0041"},
        )
    async with in_process(Installation(Settings(), database), local_caller(database, "Hidden")) as assistant:
        answer = await assistant.call("minds", action="list")
        assert answer["minds"][0]["name"] == "Ac[2Jme"
        assert "Ac[2Jme" in await assistant.read("minds", action="list")


async def test_a_connectors_log_is_read_page_by_page(database: Database, portal: StoredPortal):
    connector = load_connector(database, portal.connector_id)
    with database.mind(portal.mind_id) as connection:
        for number in range(3):
            record_event(
                connection, connector, "error", f"code_{number}", "It failed.", {"hint": "Do it.", "run_id": "r"}
            )
    installation = Installation(Settings.from_environment(), database)
    asked = {"action": "events", "connector_id": portal.connector_id}
    async with in_process(installation, local_caller(database)) as assistant:
        answer = await assistant.call("connectors", **asked, limit=2)
        assert [event["code"] for event in answer["events"]] == ["code_2", "code_1"]
        assert set(answer["events"][0]) == {"id", "at", "severity", "code", "message", "hint", "run_id"}
        assert answer["next_before"] == answer["events"][-1]["id"]
        rest = await assistant.call("connectors", **asked, before=answer["next_before"])
        assert [event["code"] for event in rest["events"]] == ["code_0"]
        assert rest["next_before"] is None
        short = await assistant.read("connectors", **asked, limit=2)
        assert "error code_2: It failed. Do it." in short
        assert f"before={answer['next_before']}" in short
        for arguments in ({"limit": 0}, {"limit": 201}, {"before": 2**63}, {"before": -1}):
            assert (await assistant.fail("connectors", **asked, **arguments))["code"] == "tool_argument"
        assert "connector_id" in (await assistant.fail("connectors", action="events"))["message"]


@pytest.mark.slow
async def test_every_answer_of_the_memory_begins_with_trust(database: Database, portal: StoredPortal):
    portal.execute("UPDATE hubspot_crm_objects SET name = 'Ann Lee'")
    of_portal = {"connector_id": portal.connector_id, "mind_id": portal.mind_id}
    map_records(database, **of_portal)
    drain(database, **of_portal)
    installation = Installation(Settings.from_environment(), database)
    async with in_process(installation, local_caller(database)) as assistant:
        (memory,) = (await assistant.call("memory", action="list"))["memories"]
        for arguments in (
            {"action": "get", "memory_id": memory["id"]},
            {"action": "get", "source_ref": memory["source_ref"]},
            {"action": "list"},
            {"action": "search", "query": "Ann"},
            {"action": "search", "query": "nothing of this kind"},
            {"action": "crm_report"},
            {"action": "crm_report", "format": "markdown"},
            {"action": "changes", "from": "2026-11-18T12:00:00Z", "to": "now"},
            {"action": "account", "company": "nobody"},
            {"action": "account", "company": "nobody", "format": "markdown"},
        ):
            assert next(iter(await assistant.call("memory", **arguments))) == "trust"
            assert (await assistant.read("memory", **arguments)).startswith("Mind acme: synced 2026-11-18 12:00 UTC, ")
        with database.mind(portal.mind_id) as connection:
            connection.execute(text("UPDATE hubspot_polls SET last_succeeded_at = NULL"))
        said = await assistant.read("memory", action="get", memory_id=memory["id"])
        assert said.startswith("Mind acme: not completely synced yet, never synced; ")
        await assistant.call("minds", action="create", name="bare")
        said = await assistant.read("memory", action="list", mind="bare")
        assert said.startswith("Mind bare: no HubSpot portal is connected yet.")

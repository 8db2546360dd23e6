"""No number and no time of whatever size is a fault of ours: it is taken, or refused in words and with a code."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from coppermind_pipeline.accounts import local_caller
from coppermind_pipeline.errors import CoppermindError, UsageError
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.mcp.tools import TOOLS, Call
from coppermind_pipeline.interfaces.web.callback_listener import CallbackListener
from coppermind_pipeline.settings import Settings, SettingsError
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.stored_portal import StoredPortal

CONNECTOR = "acme-hubspot-0007"
NUMBERS = (-(2**63) - 1, -1, 0, 2**63, 10**40, 1e300, "9" * 5_000)
TIMES = (
    "0001-01-01", "0001-01-01T00:00:00+14:00", "1900-01-01T00:00:00+14:00", "2999-12-31T23:59:59-12:00",
    "9999-12-31T23:59:59-14:00", "10000-01-01T00:00:00Z", "+10000-01-01", "99999999999999999999",
    "9999", "2999-12", "FY2999-Q4", "1e400",
)  # fmt: skip

EVENTS = {"action": "events", "connector_id": CONNECTOR}
RESYNC = {"action": "resync", "connector_id": CONNECTOR}
SEARCH = {"action": "search", "mind": "acme", "query": "Globex"}
LIST = {"action": "list", "mind": "acme"}
GET = {"action": "get", "mind": "acme"}
REPORT = {"action": "crm_report", "mind": "acme"}


@pytest.fixture
def installation(database: Database, local_customer, tmp_path: Path) -> Installation:
    portal = StoredPortal.create(database, local_customer)
    portal.deal("1", outcome="won", stage_id="closedwon", close_at=datetime(2026, 11, 1, tzinfo=UTC), amount="10",
                currency="USD")  # fmt: skip
    return Installation(
        Settings(home=tmp_path, hubspot_client_id="ours", hubspot_client_secret=SecretStr("x")), database
    )


@pytest.fixture
def call(installation: Installation) -> Call:
    caller = local_caller(installation.database)
    return Call(installation=installation, caller=caller, callback=CallbackListener(installation))


@pytest.mark.parametrize(
    ("tool", "arguments", "name"),
    [
        ("connectors", EVENTS, "limit"),
        ("connectors", EVENTS, "before"),
        ("memory", SEARCH, "limit"),
        ("memory", LIST, "limit"),
        ("memory", LIST, "before"),
        ("memory", GET, "memory_id"),
        ("memory", REPORT, "page"),
        ("memory", REPORT | {"detail": True}, "page_rows"),
        ("memory", REPORT | {"group_by": "source"}, "groups_max"),
    ],
)
async def test_a_number_of_any_size(call: Call, tool: str, arguments: dict[str, Any], name: str):
    for number in NUMBERS:
        with suppress(CoppermindError):
            await TOOLS[tool].call(call, arguments | {name: number})


@pytest.mark.parametrize(
    ("tool", "arguments", "name"),
    [
        ("connectors", EVENTS, "before"),
        ("memory", LIST, "before"),
        ("memory", GET, "memory_id"),
        ("memory", REPORT, "page"),
    ],
)
async def test_a_number_that_no_row_can_have_is_named(call: Call, tool: str, arguments: dict[str, Any], name: str):
    for number in (2**63, 10**5_000):
        with pytest.raises(UsageError, match=name):
            await TOOLS[tool].call(call, arguments | {name: number})


@pytest.mark.parametrize(
    ("tool", "arguments", "name"),
    [
        ("connectors", RESYNC, "since"),
        ("memory", REPORT, "period"),
        ("memory", REPORT | {"end": "2026-01-01"}, "start"),
        ("memory", REPORT | {"start": "2026-01-01"}, "end"),
        ("memory", REPORT | {"compare_to": "previous_year"}, "as_of"),
        ("memory", LIST, "period_key"),
    ],
)
async def test_a_time_of_any_year(call: Call, tool: str, arguments: dict[str, Any], name: str):
    for time in TIMES:
        with suppress(CoppermindError):
            await TOOLS[tool].call(call, arguments | {name: time})


@pytest.mark.parametrize(
    "key",
    ["hubspot_backfill_since", "poll_interval_minutes", "late_stage_probability", "fiscal_year_start_month",
     "report_timezone", "hubspot_property_filters"],
)  # fmt: skip
async def test_a_setting_of_any_size(call: Call, key: str):
    for value in (*NUMBERS, *TIMES, float("inf"), float("nan")):
        given = {"deals": {"amount": value}} if key == "hubspot_property_filters" else value
        arguments = {"action": "configure", "connector_id": CONNECTOR, "config": {key: given}}
        with suppress(CoppermindError):
            await TOOLS["connectors"].call(call, arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("memory", "list", "--mind", "acme", "--before", str(2**63)),
        ("memory", "list", "--mind", "acme", "--before", "9" * 5_000),
        ("memory", "list", "--mind", "acme", "--limit", "51"),
        ("memory", "get", "--mind", "acme", "9" * 5_000),
        ("memory", "get", "--mind", "acme", str(2**63)),
        ("memory", "report", "--mind", "acme", "--page", str(2**63)),
        ("memory", "report", "--mind", "acme", "--page-rows", "9" * 5_000),
        ("memory", "report", "--mind", "acme", "--start", "10000-01-01", "--end", "10001-01-01"),
        ("connectors", "events", CONNECTOR, "--before", str(2**63)),
        ("connectors", "events", CONNECTOR, "--limit", "-1"),
        ("connectors", "resync", CONNECTOR, "--since", "9999-12-31T23:59:59-14:00"),
        ("connectors", "configure", CONNECTOR, "poll_interval_minutes=" + "9" * 5_000),
        ("connectors", "configure", CONNECTOR, "poll_interval_minutes=" + "[" * 100_000),
        ("mcp", "--http", "--port", "65536"),
    ],
    ids=lambda arguments: " ".join(arguments)[:60],
)  # fmt: skip
def test_on_the_command_line(coppermind, installation: Installation, arguments: tuple[str, ...]):
    refused = coppermind(*arguments, "--json")
    assert refused.exit_code == 2, refused.stdout
    error = json.loads(refused.stdout)["error"]
    assert error["code"]
    assert error["message"]


@pytest.mark.parametrize("contacts", ["-1", str(10**12), "9" * 5_000])
def test_a_portal_that_no_machine_could_hold(coppermind, contacts: str):
    assert coppermind("sandbox", "serve", "--contacts", contacts).exit_code == 2


@pytest.mark.parametrize(
    "name", ["DAGSTER_PORT", "PUBLIC_URL", "HUBSPOT_API_URL", "HUBSPOT_AUTHORIZE_URL", "ALERT_WEBHOOK_URL"]
)
@pytest.mark.parametrize("port", ["-1", "65536", "9" * 5_000])
def test_a_port_that_is_none(monkeypatch, name: str, port: str):
    monkeypatch.setenv(f"COPPERMIND_{name}", port if name == "DAGSTER_PORT" else f"http://localhost:{port}")
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment()

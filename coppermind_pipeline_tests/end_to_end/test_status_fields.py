"""Every field that the product's page names is in what `status` answers, under that name and in its shape."""

import asyncio
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from coppermind_pipeline.accounts import create_mind, local_caller
from coppermind_pipeline.connectors import ConnectResponse, complete_authorization, connect, status
from coppermind_pipeline.defs.sync_now import sync_connector
from coppermind_pipeline.hubspot import PortalUnavailable
from coppermind_pipeline.sandbox import Fault, RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import Connected, approve, settings_for

Shape = Callable[[Any], bool]

TYPES = {"contacts", "companies", "deals"}
STATES = {"active", "syncing", "backfilling", "draining_queue", "queue_backed_up", "synthesis_error", "stale",
          "setup_error", "auth_error", "rate_limited", "error"}  # fmt: skip


def _one_of(*values: str) -> Shape:
    return lambda value: value in values


def _or_null(shape: Shape) -> Shape:
    return lambda value: value is None or shape(value)


def _instant(value: Any) -> bool:
    """RFC 3339 in UTC."""
    return isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value) is not None


def _text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _number(value: Any) -> bool:
    return type(value) is int and value >= 0


def _of(**fields: Shape) -> Shape:
    """An object of exactly these fields."""
    return lambda value: value.keys() == fields.keys() and all(shape(value[name]) for name, shape in fields.items())


def _by_type(shape: Shape) -> Shape:
    return lambda value: value.keys() <= TYPES and all(shape(part) for part in value.values())


_ERROR = _of(code=_text, message=_text, hint=_text, at=_instant)
_PERSISTENT = _of(kind=_one_of("auth", "rate_limit", "scope", "config"), code=_text, message=_text, hint=_text,
                  since=_instant, last_seen=_instant)  # fmt: skip

# field, shape for any connector, shape for one that has read its whole history
CONNECTOR: tuple[tuple[str, Shape, Shape], ...] = (
    ("status", _one_of("pending_setup", "backfilling", "syncing", "active", "inactive"), _one_of("active", "syncing")),
    ("last_error", _or_null(_ERROR), lambda value: value is None),
    ("config", lambda value: isinstance(value, dict), lambda value: value == {}),
    ("portal_profile", _or_null(lambda value: isinstance(value, dict)), lambda value: isinstance(value, dict)),
    ("next_step", _text, _text),
)
BACKFILL: tuple[tuple[str, Shape], ...] = (
    ("status", _one_of("complete")),
    ("since", _instant),
    ("started_at", _instant),
    ("completed_at", _instant),
    ("counts", lambda value: value.keys() == TYPES and all(_number(count) and count > 0 for count in value.values())),
    ("state", lambda value: value.keys() == TYPES
        and all(_of(last_id=_text, done=lambda done: done is True, pages=_number)(part) for part in value.values())),
    ("eta_seconds", lambda value: value is None),
)  # fmt: skip
DIAGNOSTICS: tuple[tuple[str, Shape, Shape], ...] = (
    ("operational_state", _or_null(_one_of(*STATES)), _one_of("active", "syncing")),
    ("last_successful_hubspot_pull", _or_null(_instant), _instant),
    ("last_queue_enqueue", _or_null(_instant), _instant),
    ("queue", _of(pending=_number, in_progress=_number, dead=_number, oldest_pending_at=_or_null(_instant)),
        lambda value: value == {"pending": 0, "in_progress": 0, "dead": 0, "oldest_pending_at": None}),
    ("queue_state", _one_of("idle", "draining", "backed_up"), _one_of("idle")),
    ("records_pulled_by_type", _by_type(_number),
        lambda value: value.keys() == TYPES and all(count > 0 for count in value.values())),
    ("last_poll_record_counts_by_type", _by_type(_number), lambda value: value.keys() == TYPES),
    ("latest_deal_seen", _or_null(_of(id=_text, name=_or_null(_text), modified_at=_instant)),
        _of(id=_text, name=_text, modified_at=_instant)),
    ("aggregate_recompute_at", _or_null(_instant), _instant),
    ("synthesis_cadence", _one_of("weekly", "monthly"), _one_of("weekly")),
    ("synthesis_period_key", _or_null(_text), lambda value: re.fullmatch(r"\d{4}-W\d\d", value) is not None),
    ("synthesis_recomputed_at", _or_null(_instant), _instant),
    ("synthesis_count", _number, lambda value: value == 5),
    ("synthesis_skipped_reason", _or_null(_text), lambda value: value is None),
    ("synthesis_last_error", _or_null(_text), lambda value: value is None),
    ("setup_error", _or_null(_ERROR), lambda value: value is None),
    ("persistent_errors", lambda value: isinstance(value, list) and all(map(_PERSISTENT, value)),
        lambda value: value == []),
    ("hydration", _one_of("full", "degraded"), _one_of("full")),
    ("drift", _or_null(lambda value: isinstance(value, dict)), lambda value: value is None),
)  # fmt: skip


def _status(database: Database) -> dict[str, Any]:
    answer = status(database, local_caller(database), now=datetime.now(UTC)).as_response()
    assert answer["setup_help"]["wrong_flow"]["text"] == "This account is not eligible to connect to Claude"
    (connector,) = answer["connectors"]
    return connector


def _misshapen(document: dict[str, Any], fields: list[tuple[str, Shape]]) -> list[str]:
    """Return the fields that are missing or have another shape."""
    return [name for name, shape in fields if name not in document or not shape(document[name])]


def _in_any_shape(fields: tuple[tuple[str, Shape, Shape], ...]) -> list[tuple[str, Shape]]:
    return [(name, shape) for name, shape, _ in fields]


def test_of_a_connector_that_has_read_its_history(database: Database, tmp_path: Path):
    with RunningSandbox(SandboxConfig(contacts=300, companies=80, deals=200, limits=False)) as sandbox:
        connected = asyncio.run(Connected.create(database, settings_for(sandbox, tmp_path)))
        assert sync_connector(database, connected.settings, connected.connector_id, until_complete=True).complete
    connector = _status(database)
    assert _misshapen(connector, [(name, shape) for name, _, shape in CONNECTOR]) == []
    assert _misshapen(connector["hubspot_backfill"], list(BACKFILL)) == []
    assert _misshapen(connector["hubspot_diagnostics"], [(name, shape) for name, _, shape in DIAGNOSTICS]) == []


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=3, companies=2, deals=2, limits=False)) as running:
        yield running


@pytest.fixture
def pending(database: Database, sandbox: RunningSandbox, tmp_path: Path) -> ConnectResponse:
    caller = local_caller(database)
    create_mind(database, caller, "Acme")
    return connect(database, settings_for(sandbox, tmp_path), caller, callback_listening=True)


def test_of_a_connector_that_waits_for_its_approval(database: Database, pending: ConnectResponse):
    connector = _status(database)
    assert _misshapen(connector, _in_any_shape(CONNECTOR)) == []
    assert _misshapen(connector["hubspot_diagnostics"], _in_any_shape(DIAGNOSTICS)) == []
    assert (connector["connector_id"], connector["status"]) == (pending.connector_id, "pending_setup")
    assert connector["hubspot_backfill"] is None
    assert connector["last_error"] is None
    assert connector["hubspot_diagnostics"]["operational_state"] is None
    assert connector["hubspot_diagnostics"]["setup_error"] is None


@pytest.mark.slow
async def test_of_a_connector_whose_approval_failed(
    database: Database, sandbox: RunningSandbox, pending: ConnectResponse, tmp_path: Path
):
    redirect = approve(pending.auth_url)
    sandbox.control.add_fault(Fault(path="/token", status=500, body={}, count=None))
    with pytest.raises(PortalUnavailable):
        await complete_authorization(database, settings_for(sandbox, tmp_path), **redirect)
    connector = _status(database)
    assert _misshapen(connector, _in_any_shape(CONNECTOR)) == []
    assert _misshapen(connector["hubspot_diagnostics"], _in_any_shape(DIAGNOSTICS)) == []
    assert (connector["connector_id"], connector["status"]) == (pending.connector_id, "pending_setup")
    assert connector["hubspot_diagnostics"]["operational_state"] == "setup_error"
    assert connector["hubspot_diagnostics"]["setup_error"] == connector["last_error"]
    assert connector["last_error"]["code"] == "portal_unavailable"
    assert "for a fresh link" in connector["last_error"]["hint"]
    assert redirect["code"] not in str(connector)

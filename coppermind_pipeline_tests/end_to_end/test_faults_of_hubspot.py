"""What HubSpot, or what stands before it, may answer at its worst: told as it is, and without a trace once it is over.

Each test prints its row of the table: `pytest -m slow -s` shows it.
"""

import asyncio
import base64
import gzip
import io
import re
import resource
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import stamina

from coppermind_pipeline.accounts import local_caller
from coppermind_pipeline.connectors import ConnectorStatus, request_sync
from coppermind_pipeline.defs.sync_now import SyncOutcome, sync_connector
from coppermind_pipeline.reports import CrmReport
from coppermind_pipeline.sandbox import Fault, RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import Connected, settings_for
from coppermind_pipeline_tests.end_to_end.syncing import report_of, status_of
from coppermind_pipeline_tests.portal_comparison import assert_store_equals_portal

pytestmark = pytest.mark.slow

_MEGABYTE = 1 << 20
_REFUSED = {"status": "error", "category": "MISSING_SCOPES", "message": "This app hasn't been granted all scopes."}
_CLOUDFLARE = "<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head></html>"
_TOO_MANY_REQUESTS = {"status": "error", "message": "You have reached your limit.", "errorType": "RATE_LIMIT"}
_LIMIT_HEADERS = (
    "x-hubspot-ratelimit-max",
    "x-hubspot-ratelimit-remaining",
    "x-hubspot-ratelimit-interval-milliseconds",
)
_SOMETHING = r"(?!.*[Nn]othing is to be done)"
_NO_STEP = r"Nothing is to be done; the next poll is due by "
_RESUMES = r"Nothing is to be done; polling resumes by itself at "
_WATCH = r"Look at status\.hubspot\.com .*polls go on meanwhile[.,]"


def _packed(size: int) -> bytes:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9) as stream:
        for _ in range(size // _MEGABYTE):
            stream.write(b" " * _MEGABYTE)
    return packed.getvalue()


@dataclass(frozen=True)
class _Case:
    """A fault, and what is told while it lasts; without an error, nothing is: the sync gets by.

    Attributes:
        pause: how long HubSpot is left alone, where it asked for that.
    """

    fault: dict[str, Any]
    state: str = "active"
    error: str | None = None
    problems: list[str] = field(default_factory=list)
    next_step: str = _NO_STEP
    pause: timedelta | None = None


def _unavailable(**answer: Any) -> _Case:
    fault = {"path": "/search$", "content_type": "application/json", **answer}
    return _Case(fault, state="error", error="portal_unavailable", next_step=_WATCH)


def _limited(retry_after: str, *, pause: timedelta | None = None) -> _Case:
    fault = {"path": "/search$", "status": 429, "body": _TOO_MANY_REQUESTS, "headers": {"Retry-After": retry_after}}
    return _Case(
        fault,
        state="rate_limited" if pause else "error",
        error="rate_limited",
        problems=["rate_limit"],
        next_step=_RESUMES if pause else _WATCH,
        pause=pause,
    )


_CASES = {
    "504 for batches over 50": _Case({"path": "objects/.*batch/read", "over": 50, "status": 504, "body": "<html>504"}),
    "400 for association batches over 100": _Case(
        {
            "path": "associations/.*batch/read",
            "over": 100,
            "status": 400,
            "body": {"status": "error", "message": "The maximum number of inputs is 100"},
        }
    ),
    "400 for searches over 100": _Case(
        {
            "path": "/search$",
            "over": 100,
            "status": 400,
            "body": {"status": "error", "category": "VALIDATION_ERROR", "message": "limit must be at most 100"},
        }
    ),
    "a 30-digit rate header": _Case({"path": "", "headers": dict.fromkeys(_LIMIT_HEADERS, "9" * 30)}),
    "403 for owners": _Case(
        {"path": "/owners", "status": 403, "body": _REFUSED},
        state="auth_error",
        error="scope_missing",
        problems=["scope"],
        next_step=_SOMETHING,
    ),
    "500 for owners": _Case(
        {"path": "/owners", "status": 500, "body": {"status": "error", "message": "internal error"}},
        state="error",
        error="portal_unavailable",
        next_step=_WATCH,
    ),
    "403 of Cloudflare": _Case(
        {"path": "/search", "status": 403, "body": _CLOUDFLARE, "content_type": "text/html"},
        state="error",
        error="request_refused",
        next_step=_SOMETHING,
    ),
    "JSON 200,000 deep": _unavailable(status=200, body="[" * 200_000 + "]" * 200_000),
    "1 MB of error text": _Case(
        {"path": "/search$", "status": 400, "body": {"status": "error", "message": "no \x1b[2J" * (_MEGABYTE // 8)}},
        state="error",
        error="request_refused",
        next_step=r"Hand last_error to support: what was refused once is refused again",
    ),
    "500 MB of gzip": _unavailable(
        status=200, body_base64=base64.b64encode(_packed(500 * _MEGABYTE)), headers={"Content-Encoding": "gzip"}
    ),
    "Retry-After 10^9": _limited(str(10**9), pause=timedelta(hours=24)),
    "Retry-After -1": _limited("-1"),
    "Retry-After a date": _limited(
        format_datetime(datetime.now(UTC) + timedelta(hours=3), usegmt=True), pause=timedelta(hours=3)
    ),
    "Retry-After text": _limited("soon"),
}


@pytest.fixture(autouse=True)
def no_waits_between_attempts() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=160, companies=30, deals=150, limits=False)) as running:
        yield running


@pytest.fixture
def connected(database: Database, sandbox: RunningSandbox, tmp_path: Path) -> Connected:
    everything = {"hubspot_backfill_since": "2000-01-01T00:00:00Z"}
    return asyncio.run(Connected.create(database, settings_for(sandbox, tmp_path), config=everything))


def _sync(connected: Connected, *, until_complete: bool = False) -> SyncOutcome:
    return sync_connector(connected.database, connected.settings, connected.connector_id, until_complete=until_complete)


def _peak_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _assert_told(case: _Case, shown: ConnectorStatus, report: CrmReport) -> None:
    diagnostics = shown.hubspot_diagnostics
    assert diagnostics.operational_state == case.state
    assert [problem.kind for problem in diagnostics.persistent_errors] == case.problems
    assert re.match(case.next_step, shown.next_step), shown.next_step
    assert diagnostics.skipped_records == {}
    if case.error is None:
        assert shown.last_error is None
        assert report.trust.freshness == "fresh"
        return
    assert shown.last_error is not None
    assert shown.last_error.code == case.error
    assert shown.last_error.message.isprintable()
    assert len(shown.last_error.message) < 700
    assert diagnostics.last_successful_hubspot_pull is None
    assert report.trust.freshness == "never_synced"
    first = " ".join(report.audit.caveats[:3])
    # A short pause may be over by now.
    pause = "pause until" if case.error == "rate_limited" else None
    assert (pause is not None and pause in first) or (not case.pause and shown.last_error.message.rstrip(".") in first)
    assert len(first) < 1_500


@pytest.mark.parametrize("name", _CASES)
def test_what_hubspot_answers_at_its_worst(name: str, connected: Connected, sandbox: RunningSandbox):
    case = _CASES[name]
    sandbox.control.add_fault(Fault(count=None, **case.fault))
    memory = _peak_memory()
    for _ in range(2):
        assert _sync(connected).succeeded == (case.error is None)
    grown = _peak_memory() - memory
    shown, report = status_of(connected), report_of(connected)
    _assert_told(case, shown, report)
    assert grown < 400 * _MEGABYTE
    if case.pause is not None:
        (poll,) = connected.rows("SELECT retry_at - clock_timestamp() AS wait FROM hubspot_polls")
        assert case.pause - timedelta(hours=1) < poll.wait <= case.pause
    if case.error is None:
        assert_store_equals_portal(connected, sandbox)

    sandbox.control.clear_faults()
    request_sync(connected.database, local_caller(connected.database), connected.connector_id)
    outcome = _sync(connected, until_complete=True)
    assert outcome.complete, outcome.reason
    after = status_of(connected)
    assert after.hubspot_diagnostics.operational_state == "active"
    assert after.last_error is None
    assert after.hubspot_diagnostics.persistent_errors == ()
    assert report_of(connected).trust.freshness == "fresh"
    assert_store_equals_portal(connected, sandbox)
    assert connected.rows("SELECT FROM memories")
    _print_row(name, shown, report, grown)


def _print_row(name: str, shown: ConnectorStatus, report: CrmReport, grown: int) -> None:
    error = f"{shown.last_error.code}: {shown.last_error.message[:90]}" if shown.last_error else "none"
    problems = ", ".join(p.kind for p in shown.hubspot_diagnostics.persistent_errors) or "none"
    told = f"{report.trust.freshness.value}; {report.audit.caveats[0][:90] if report.audit.caveats else 'no caveat'}"
    cells = (
        name,
        str(shown.hubspot_diagnostics.operational_state),
        error,
        problems,
        shown.next_step[:90],
        told,
        f"exact afterwards, {grown // _MEGABYTE} MiB at most",
    )
    print("\n|", " | ".join(cells), "|")  # noqa: T201 - the table is what a person runs this for

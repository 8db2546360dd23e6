"""A crowd of portals of which many are in trouble, under `coppermind up`: the others' polls come on time."""

import json
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from statistics import quantiles
from time import monotonic, sleep
from typing import Any

import dagster as dg
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from coppermind_pipeline.accounts import local_caller
from coppermind_pipeline.connectors import status
from coppermind_pipeline.defs.home import prepare_dagster_home
from coppermind_pipeline.interfaces.processes import free_port
from coppermind_pipeline.sandbox import Fault
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.connected import Connected
from coppermind_pipeline_tests.crowd import Crowd
from coppermind_pipeline_tests.end_to_end.everything import everything, polling_ticks

_INTERVAL = timedelta(minutes=1)
_LATE_MAX_S = 120
_TICK_MAX_S = 60
_LOOK_S = 2
_EDIT_EVERY_S = 15
# Longer than anything here waits for an answer.
_HANG_MS = 120_000
# 1, 2, 4, 8, then every 15 minutes: tries in an hour of trouble, with some of a start that meets it first.
_TRIES_IN_AN_HOUR_MAX = 12


@dataclass
class Seen:
    """What an outsider saw: when each connector's polls began, and when they failed."""

    started: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    failed: dict[str, set[datetime]] = field(default_factory=lambda: defaultdict(set))

    def delays_s(self, connector_ids: set[str], until: datetime) -> list[float]:
        """Return by how much later than after their interval polls began; one that is overdue at the end counts."""
        return [
            max(0.0, (later - earlier - _INTERVAL).total_seconds())
            for connector_id in connector_ids
            for earlier, later in zip(self.started[connector_id], [*self.started[connector_id][1:], until], strict=True)
        ]


@pytest.mark.soak
@pytest.mark.parametrize(("portals", "minutes"), [(15, 3), (100, 60)])
async def test_portals_in_trouble_are_nobody_elses_trouble(
    portals: int,
    minutes: int,
    database: Database,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    with _webhook() as (hook, alerts):
        addresses = {
            "database_url": SecretStr(database_url),
            "public_url": f"http://localhost:{free_port(0)}",
            "dagster_port": free_port(0),
            "alert_webhook_url": SecretStr(hook),
        }
        with Crowd.of_size(portals, database, tmp_path, **addresses) as crowd:
            await crowd.connect(portals, idle=portals, settled=True)
            settings = crowd.installation.settings
            for name, value in prepare_dagster_home(settings, Database(database_url, tmp_path)).items():
                monkeypatch.setenv(name, value)
            hanging, failing, revoked, healthy = _spoil(crowd)
            crowd.sleep("2 minutes")
            with dg.DagsterInstance.get() as instance, everything(settings):
                seen = _watch(crowd, healthy, minutes=minutes)
                ticks = list(polling_ticks(instance, limit=10_000).values())
                until = database.now()
            healthy_ids = {member.connector_id for member in healthy}
            delays = sorted(seen.delays_s(healthy_ids, until))
            kinds = {"hanging": hanging, "failing": failing, "revoked": revoked, "healthy": healthy}
            states = {kind: _states(database, members) for kind, members in kinds.items()}
            tries = [len(seen.failed[member.connector_id]) for member in (*hanging, *failing)]
            found = {
                "portals": portals,
                "minutes": minutes,
                "polls_of_healthy": len(delays),
                "delay_s": {"median": _share(delays, 50), "p95": _share(delays, 95), "most": delays[-1]},
                "ticks": len(ticks),
                "tick_s": {"median": _share([tick.took_s for tick in ticks], 50), "most": max(t.took_s for t in ticks)},
                "tick_ends": Counter(tick.status for tick in ticks),
                "states": states,
                "failed_tries": {"least": min(tries), "most": max(tries)},
                "alerts": Counter(alert["state_after"] for alert in alerts),
                "alert_words": sorted({alert["message"] for alert in alerts}),
            }
            with capsys.disabled():
                print(f"\n{json.dumps(found)}")  # noqa: T201
    assert found["tick_ends"].keys() <= {"SUCCESS", "SKIPPED"}
    assert found["tick_s"]["most"] < _TICK_MAX_S
    assert found["delay_s"]["p95"] <= _LATE_MAX_S
    assert states["revoked"] == {"auth_error": len(revoked)}
    assert not {"error", "auth_error", "stale"} & states["healthy"].keys()
    assert max(tries) <= _TRIES_IN_AN_HOUR_MAX
    assert min(tries) >= 1
    if minutes >= 10:
        assert states["hanging"].keys() | states["failing"].keys() <= {"error"}
        assert {alert["connector"] for alert in alerts} == {m.connector_id for m in (*hanging, *failing, *revoked)}


def _spoil(crowd: Crowd) -> tuple[list[Connected], list[Connected], list[Connected], list[Connected]]:
    """Let a fifth of the portals hang, a fifth answer 502, and a tenth be revoked; poll all every minute."""
    members, control = crowd.members, crowd.sandbox.control
    fifth, tenth = len(members) // 5, len(members) // 10
    hanging, failing = members[:fifth], members[fifth : 2 * fifth]
    revoked, healthy = members[2 * fifth : 2 * fifth + tenth], members[2 * fifth + tenth :]
    for member in hanging:
        control.add_fault(Fault(hub_id=member.connector.hub_id, delay_ms=_HANG_MS, count=None))
    for member in failing:
        control.add_fault(
            Fault(hub_id=member.connector.hub_id, status=502, body="<html>Bad Gateway</html>", count=None)
        )
    for member in revoked:
        control.uninstall(hub_id=member.connector.hub_id)
    crowd.poll_every_minute()
    return hanging, failing, revoked, healthy


def _watch(crowd: Crowd, healthy: list[Connected], *, minutes: int) -> Seen:
    """Look on, while a deal of one healthy portal after another changes, and halfway a new week begins for all."""
    seen, began, edited, weeks = Seen(), monotonic(), 0.0, 0
    changing = cycle(healthy)
    while monotonic() - began < minutes * 60:
        with crowd.installation.database.scheduler() as connection:
            for row in connection.execute(_TIMES):
                if seen.started[row.connector_id][-1:] != [row.last_started_at]:
                    seen.started[row.connector_id].append(row.last_started_at)
                if row.last_failed_at is not None:
                    seen.failed[row.connector_id].add(row.last_failed_at)
        if monotonic() - edited > _EDIT_EVERY_S:
            edited = monotonic()
            crowd.change_a_deal(next(changing))
        if weeks == 0 and monotonic() - began > minutes * 30:
            weeks = 1
            crowd.begin_a_week()
        sleep(_LOOK_S)
    # What was stored before the start, and moved into the past, began no poll that anybody waited for.
    for times in seen.started.values():
        del times[0]
    return seen


_TIMES = text("SELECT connector_id, last_started_at, last_failed_at FROM hubspot_polls")


def _states(database: Database, members: list[Connected]) -> dict[str, int]:
    caller = local_caller(database)
    found = status(database, caller, all_minds=True, now=database.now()).connectors
    states = {one.connector_id: one.hubspot_diagnostics.operational_state for one in found}
    return dict(Counter(str(states[member.connector_id]) for member in members))


def _share(values: list[float], percent: int) -> float:
    return round(quantiles(values, n=100, method="inclusive")[percent - 1], 1)


@contextmanager
def _webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Receive alerts on loopback."""
    received: list[dict[str, Any]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (as its base class calls it)
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook", received
        server.shutdown()

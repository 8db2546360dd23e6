"""Portals polled every minute under `coppermind up` for over an hour, with faults, daily work and weekly work.

Nothing comes late without saying so, nothing grows, and nothing is lost. `make soak-fleet` runs the long one.
"""

import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle, pairwise
from pathlib import Path
from random import Random
from statistics import median, quantiles
from time import monotonic, sleep
from typing import Any

import psutil
import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, create_engine, make_url, text

from coppermind_pipeline.accounts import local_caller
from coppermind_pipeline.connectors import status
from coppermind_pipeline.interfaces.processes import free_port
from coppermind_pipeline.sandbox import Fault
from coppermind_pipeline.store import Database
from coppermind_pipeline.store.roles.passwords import key_fingerprint
from coppermind_pipeline_tests.connected import Connected
from coppermind_pipeline_tests.crowd import Crowd
from coppermind_pipeline_tests.end_to_end.everything import count_connections, everything
from coppermind_pipeline_tests.portal_comparison import assert_store_equals_portal

_INTERVAL = timedelta(minutes=1)
# Two intervals and five minutes after the last success a connector says that it is stale; with what a look takes.
_SAYS_SO_AFTER = 2 * _INTERVAL + timedelta(minutes=5, seconds=30)
_LOOK_S = 5
_EDIT_EVERY_S = 10
_FAULT_EVERY_S = 20
_OUTAGE_EVERY_S = 300
_DAY_EVERY_S = 15 * 60
_WEEK_EVERY_S = 25 * 60
_ALL_SYNCED_MAX_S = 1_500
_GROWTH_MAX = 1.15
_CONNECTIONS_MAX = 97  # PostgreSQL's 100, less those that are kept for superusers

# What becomes of a few requests of some portal; a client of HubSpot's has to bear each.
_FAULTS = (
    Fault(status=429, headers={"Retry-After": "2"}, body={"status": "error", "errorType": "RATE_LIMIT"}, count=3),
    Fault(status=502, body="<html>Bad Gateway</html>", count=6),
    Fault(status=200, body="not JSON", count=2),
    Fault(status=401, body={"status": "error", "category": "EXPIRED_AUTHENTICATION"}, count=1),
    Fault(action="drop", count=4),
    Fault(action="truncate", count=2),
    Fault(delay_ms=12_000, count=4),
)
# What `up` consists of, by a word of each command line; runs are forked off the fork server.
_PROCESSES = {
    "code_server": "code_server",
    "fork_server": "forkserver",
    "daemon": "dagster._daemon",
    "dagster_ui": "dagster_ui",
    "up": "up",
}


@dataclass
class Seen:
    """What an outsider saw, look by look."""

    started: dict[str, list[datetime]] = field(default_factory=dict)
    failed: set[tuple[str, datetime]] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    states: Counter[str] = field(default_factory=Counter)
    memory_mib: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in _PROCESSES})
    connections: dict[str, int] = field(default_factory=dict)
    database_mib: list[float] = field(default_factory=list)
    files_mib: list[float] = field(default_factory=list)

    def delays_s(self) -> list[float]:
        """Return how late polls began after their interval; those that rested after a failure are left out."""
        tries = {
            connector_id: {at for known, at in self.failed if known == connector_id} for connector_id in self.started
        }
        return sorted(
            max(0.0, (later - earlier - _INTERVAL).total_seconds())
            for connector_id, times in self.started.items()
            for earlier, later in pairwise(times[1:])
            if not any(earlier <= at <= later for at in tries[connector_id])
        )


@pytest.mark.soak
@pytest.mark.parametrize(("portals", "minutes"), [(8, 6), (50, 75)])
async def test_a_fleet_runs_for_long(
    portals: int,
    minutes: int,
    database: Database,
    database_url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    addresses = {
        "database_url": SecretStr(database_url),
        "public_url": f"http://localhost:{free_port(0)}",
        "dagster_port": free_port(0),
    }
    with Crowd.of_size(portals, database, tmp_path, **addresses) as crowd:
        await crowd.connect(portals, idle=portals, settled=True)
        crowd.poll_every_minute()
        crowd.sleep("2 minutes")
        with everything(crowd.installation.settings):
            seen = _watch(crowd, database_url, tmp_path, minutes=minutes)
            took_s = _sync_all(crowd)
        for member in crowd.members:
            assert_store_equals_portal(member, crowd.sandbox)
    delays = seen.delays_s()
    found = {
        "portals": portals,
        "minutes": minutes,
        "polls": sum(len(times) for times in seen.started.values()),
        "failed_polls": len(seen.failed),
        "delay_s": {"median": _percentile(delays, 50), "p95": _percentile(delays, 95), "most": delays[-1]},
        "states": seen.states,
        "late_and_silent": sorted(seen.silent),
        "memory_mib": {name: _course(values) for name, values in seen.memory_mib.items()},
        "connections_at_most": seen.connections,
        "database_mib": _course(seen.database_mib),
        "files_mib": _course(seen.files_mib),
        "all_synced_after_s": round(took_s),
    }
    with capsys.disabled():
        print(f"\n{json.dumps(found)}")  # noqa: T201
    assert not seen.silent
    assert seen.connections["all"] < _CONNECTIONS_MAX
    if minutes >= 60:
        grown = {name: of_process["growth"] for name, of_process in found["memory_mib"].items()}
        assert max(grown.values()) < _GROWTH_MAX, grown


def _watch(crowd: Crowd, database_url: str, home: Path, *, minutes: int) -> Seen:
    """Look on, while deals change, requests fail, a portal at a time is out of order, and days and weeks begin."""
    seen, random, began = Seen(), Random(1), monotonic()
    changing, troubled, faults = (
        cycle(crowd.members),
        cycle(random.sample(crowd.members, len(crowd.members))),
        cycle(_FAULTS),
    )
    due_s = {
        "edit": 0.0,
        "fault": 0.0,
        "outage": _OUTAGE_EVERY_S / 2,
        "day": _DAY_EVERY_S / 2,
        "week": _WEEK_EVERY_S / 2,
    }

    def is_due(what: str, every_s: float) -> bool:
        passed_s = monotonic() - began
        if passed_s < due_s[what]:
            return False
        due_s[what] = passed_s + every_s
        return True

    engine = create_engine(make_url(database_url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as server:
        while monotonic() - began < minutes * 60:
            if is_due("edit", _EDIT_EVERY_S):
                crowd.change_a_deal(next(changing))
            if is_due("outage", _OUTAGE_EVERY_S):
                crowd.sandbox.control.clear_faults()
                _break(crowd, next(troubled), Fault(status=503, body="out of order", count=None))
            if is_due("fault", _FAULT_EVERY_S):
                _break(crowd, random.choice(crowd.members), next(faults))
            if is_due("day", _DAY_EVERY_S):
                crowd.begin_a_day()
            if is_due("week", _WEEK_EVERY_S):
                crowd.begin_a_week()
            _look(seen, crowd, server, home)
            sleep(_LOOK_S)
    engine.dispose()
    return seen


def _break(crowd: Crowd, member: Connected, fault: Fault) -> None:
    crowd.sandbox.control.add_fault(fault.model_copy(update={"hub_id": member.connector.hub_id}))


def _look(seen: Seen, crowd: Crowd, server: Connection, home: Path) -> None:
    database = crowd.installation.database
    with database.scheduler() as connection:
        polls = connection.execute(text("SELECT * FROM hubspot_polls")).all()
    now = database.now()
    found = status(database, local_caller(database), all_minds=True, now=now).connectors
    states = {one.connector_id: str(one.hubspot_diagnostics.operational_state) for one in found}
    seen.states.update(states.values())
    for poll in polls:
        times = seen.started.setdefault(poll.connector_id, [])
        if times[-1:] != [poll.last_started_at]:
            times.append(poll.last_started_at)
        if poll.last_failed_at is not None:
            seen.failed.add((poll.connector_id, poll.last_failed_at))
        if now - poll.last_succeeded_at > _SAYS_SO_AFTER and states[poll.connector_id] == "active":
            seen.silent.add(poll.connector_id)
    for name, memory_mib in _memory_mib().items():
        seen.memory_mib[name].append(memory_mib)
    count_connections(server, key_fingerprint(crowd.installation.settings.home), seen.connections)
    seen.database_mib.append((server.scalar(text("SELECT pg_database_size(current_database())")) or 0) / 2**20)
    seen.files_mib.append(sum(path.stat().st_size for path in home.rglob("*") if path.is_file()) / 2**20)


def _memory_mib() -> dict[str, float]:
    """Return what each process of `up` has in memory; none that runs for one run alone is counted."""
    up = next(child for child in psutil.Process().children() if "up" in child.cmdline())
    found = {}
    children = up.children()
    for process in (up, *children, *(own for child in children for own in child.children())):
        with suppress(psutil.NoSuchProcess):
            command = " ".join(process.cmdline())
            name = next((name for name, word in _PROCESSES.items() if word in command), None)
            if name is not None:
                found[name] = process.memory_info().rss / 2**20
    return found


def _sync_all(crowd: Crowd) -> float:
    """End all faults, have each portal synced, and return after how many seconds all were."""
    crowd.sandbox.control.clear_faults()
    asked_at, began = crowd.installation.database.now(), monotonic()
    crowd.ask_for_a_sync()
    while monotonic() - began < _ALL_SYNCED_MAX_S:
        with crowd.installation.database.scheduler() as connection:
            last = connection.scalar(text("SELECT min(last_succeeded_at) FROM hubspot_polls"))
        if last is not None and last > asked_at:
            return monotonic() - began
        sleep(_LOOK_S)
    raise AssertionError(f"not all were synced within {_ALL_SYNCED_MAX_S} s")


def _course(values: list[float]) -> dict[str, Any]:
    """Return what something was in the second quarter of the time and in the last, and by how much it grew."""
    quarter = len(values) // 4
    early, late = median(values[quarter : 2 * quarter]), median(values[-quarter:])
    return {"early": round(early, 1), "late": round(late, 1), "growth": round(late / early, 3)}


def _percentile(values: list[float], percent: int) -> float:
    return round(quantiles(values, n=100, method="inclusive")[percent - 1], 1)

"""What is measured of many connectors under `coppermind up`: a cadence of polls in real time, and what it takes."""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from statistics import quantiles
from time import monotonic, sleep
from typing import Any

import httpx
import psutil
import structlog
from sqlalchemy import text

from coppermind_pipeline.interfaces.processes import free_port
from coppermind_pipeline.store import Database, embedded, upgrade
from coppermind_pipeline_tests.crowd import Crowd
from coppermind_pipeline_tests.end_to_end.everything import everything

CADENCE = timedelta(minutes=15)
# A portal that takes half a minute by HubSpot's limits.
_LARGE = {"contacts": 22_000, "companies": 3_000, "deals": 5_000}
_LOOK_S = 2
_UP_MAX_S = 300


@dataclass
class _Polls:
    """When each connector was polled last as the measuring began, and first after it."""

    before: dict[str, datetime] = field(default_factory=dict)
    after: dict[str, datetime] = field(default_factory=dict)

    def look(self, crowd: Crowd) -> None:
        with crowd.installation.database.scheduler() as connection:
            rows = connection.execute(text("SELECT connector_id, last_started_at FROM hubspot_polls")).all()
        for row in rows:
            if row.last_started_at > self.before.setdefault(row.connector_id, row.last_started_at):
                self.after.setdefault(row.connector_id, row.last_started_at)

    def delays_s(self) -> list[float]:
        """Return how long after a cadence each next poll began; never early by more than the connector's share."""
        return [max(0.0, (at - self.before[known] - CADENCE).total_seconds()) for known, at in self.after.items()]


def fleet(*, connectors: int, backfilling: int = 0, minutes: float = 15) -> dict[str, Any]:
    """One cadence of polls: a tenth of the portals changes meanwhile, and `backfilling` large ones have yet to be read.

    `cores` are those that everything but the sandbox kept busy, on average; `delay_s` is how late polls were.
    """
    with tiny_portals(connectors) as crowd:
        asyncio.run(crowd.connect(connectors, idle=connectors, settled=True))
        large = asyncio.run(crowd.connect_large(backfilling, **_LARGE))
        _spread(crowd)
        with everything(crowd.installation.settings):
            _wait_until_up(crowd)
            polls, busy, began, changed = _Polls(), _processor_seconds(crowd), monotonic(), 0
            while (passed := monotonic() - began) < minutes * 60:
                polls.look(crowd)
                while changed < connectors / 10 * passed / (minutes * 60):
                    _change(crowd, changed)
                    changed += 1
                sleep(_LOOK_S)
            polls.look(crowd)
            took_s, busy = monotonic() - began, _processor_seconds(crowd) - busy
            read = [member.rows("SELECT count(*) FROM hubspot_crm_objects")[0][0] for member in large]
        delays = sorted(polls.delays_s())
    twentieths = quantiles(delays, n=20, method="inclusive") if len(delays) > 1 else [0.0] * 19
    return {
        "connectors": connectors,
        "backfilling": backfilling,
        "minutes": minutes,
        "changed": changed,
        "records_backfilled": sum(read),
        "polled": len(delays),
        "delay_s": {"p50": round(twentieths[9], 1), "p95": round(twentieths[18], 1),
                    "max": round(max(delays, default=0.0), 1)},
        "cores": round(busy / took_s, 2),
    }  # fmt: skip


@contextmanager
def tiny_portals(portals: int, *, process: bool = False) -> Iterator[Crowd]:
    """Yield an installation whose server is its own, and portals that none of it is connected to yet."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    home = Path(tempfile.mkdtemp(prefix="coppermind-bench-"))
    database = Database(embedded.start(home), home)
    upgrade(database)
    addresses = {"public_url": f"http://localhost:{free_port(0)}", "dagster_port": free_port(0)}
    try:
        with Crowd.of_size(portals, database, home, process=process, **addresses) as crowd:
            yield crowd
    finally:
        database.dispose()
        embedded.stop(home)
        shutil.rmtree(home, ignore_errors=True)


def _spread(crowd: Crowd) -> None:
    """Have the last polls lie evenly over a cadence, as they do once connectors have parted ways."""
    for number, member in enumerate(crowd.members):
        ago = CADENCE * (number / len(crowd.members))
        with crowd.installation.database.mind(member.connector.mind_id) as connection:
            # The approval asked for a sync: after a poll that is set back, it would be asked for again.
            connection.execute(
                text("UPDATE connectors SET connected_at = connected_at - interval '1 day', sync_requested_at = NULL")
            )
            connection.execute(
                text("UPDATE hubspot_polls SET last_started_at = now() - :ago, last_succeeded_at = now() - :ago"),
                {"ago": ago},
            )


def _change(crowd: Crowd, number: int) -> None:
    hub_id = crowd.members[(number * 10) % len(crowd.idle)].connector.hub_id
    crowd.sandbox.control.edit("deals", None, {"amount": str(1_000 + number)}, hub_id=hub_id)


def _wait_until_up(crowd: Crowd) -> None:
    """Return when the installation has looked for due polls."""
    until = monotonic() + _UP_MAX_S
    look = f"{crowd.installation.settings.public_url}/metrics"
    while monotonic() < until:
        try:
            if "coppermind_poll_look_age_seconds NaN" not in httpx.get(look, timeout=30).raise_for_status().text:
                return
        except httpx.HTTPError:
            pass
        sleep(1)
    raise TimeoutError("nothing has looked for due polls")


def _processor_seconds(crowd: Crowd) -> float:
    """Return what `up`, its children and the database server have taken so far, those that have ended among them."""
    home = crowd.installation.settings.home
    server = psutil.Process(int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0]))
    up = next(child for child in psutil.Process().children() if "up" in child.cmdline())
    taken = 0.0
    for process in (server, up, *server.children(recursive=True), *up.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        taken += times.user + times.system + times.children_user + times.children_system
    return taken

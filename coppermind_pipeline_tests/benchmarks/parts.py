"""What one connector costs a machine, part by part: what docs/when-to-move-on.md multiplies."""

import asyncio
import logging
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import psutil
import structlog
import uvloop

from coppermind_pipeline.defs.sync_now import sync_connector
from coppermind_pipeline.memories import drain, map_records
from coppermind_pipeline.store import sizes
from coppermind_pipeline.sync import due_polls, link, normalize, polls_to_run
from coppermind_pipeline_tests.benchmarks.fleet import tiny_portals
from coppermind_pipeline_tests.benchmarks.installation import installation
from coppermind_pipeline_tests.connected import Connected
from coppermind_pipeline_tests.crowd import Crowd
from coppermind_pipeline_tests.end_to_end.syncing import environment

_RUNS = 5


def parts(*, connectors: int, records: int) -> dict[str, Any]:
    """Seconds of a processor: of a poll that finds nothing, of a run that reads one changed deal, of a first read.

    Each in the process that does it, and in PostgreSQL; the portals' process is not counted. A run is told twice, in a
    process of its own as the daemon starts it, and in one that has worked before, as a worker's.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tiny_portals(connectors, process=True) as crowd:
        asyncio.run(crowd.connect(connectors, idle=connectors, settled=True))
        crowd.sleep("16 minutes")
        first, *others = crowd.members
        measured = _Measured(crowd.installation.settings.home)
        _probe(crowd, {first.connector_id})
        idle = measured(lambda: _probe(crowd, {other.connector_id for other in others}), len(others))
        _sync(crowd, others[:1])
        warm = measured(lambda: _sync(crowd, others[1 : _RUNS + 1]), _RUNS)
        cold = measured(lambda: _sync_apart(crowd, others[:_RUNS]), _RUNS)
    return {
        "connectors": connectors,
        "idle_poll": idle,
        "run_in_a_worker": warm,
        "run_in_a_new_process": cold,
        "first_read": _first_read(records),
    }


def _first_read(records: int) -> dict[str, Any]:
    """Read a portal to its end, memories too: seconds and bytes for each of its records."""
    sizes_of = {"contacts": records * 5 // 8, "companies": records // 8, "deals": records // 4}
    with installation(**sizes_of, limits=False) as portal:
        database, connector = portal.connected.database, portal.connected.connector
        home = portal.connected.settings.home

        def read() -> None:
            uvloop.run(portal.pull(limited=False))
            normalize(database, connector)
            link(database, connector)
            map_records(database, connector_id=connector.id, mind_id=connector.mind_id)
            drain(database, connector_id=connector.id, mind_id=connector.mind_id)

        took = _Measured(home)(read, records)
        with database.reader() as connection:
            stored = {size.kind.value: round(size.bytes / records) for size in sizes(connection)}
    return {"records": records, **took, "bytes": {kind: of_each for kind, of_each in stored.items() if of_each > 50}}


class _Measured:
    """Seconds of a processor that an act takes, each time."""

    def __init__(self, home: Path) -> None:
        self._server = psutil.Process(int((home / "postgres" / "postmaster.pid").read_text().splitlines()[0]))

    def __call__(self, act: Callable[[], object], times: int) -> dict[str, float]:
        ours, servers = _own_s(), self._server_s()
        act()
        return {
            "process_s": round((_own_s() - ours) / times, 5),
            "postgresql_s": round((self._server_s() - servers) / times, 5),
        }

    def _server_s(self) -> float:
        taken = 0.0
        for process in (self._server, *self._server.children()):
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:  # it ended just now, and the server has its time
                continue
            taken += times.user + times.system + times.children_user + times.children_system
        return taken


def _own_s() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return process_time() + ended.ru_utime + ended.ru_stime


def _probe(crowd: Crowd, connector_ids: set[str]) -> None:
    database, settings = crowd.installation.database, crowd.installation.settings
    with database.scheduler() as connection:
        due = [poll for poll in due_polls(connection) if poll.connector_id in connector_ids]
    assert len(due) == len(connector_ids)
    assert not polls_to_run(database, settings, due).polls


def _sync(crowd: Crowd, members: list[Connected]) -> None:
    for member in members:
        _change(crowd, member)
        assert sync_connector(member.database, member.settings, member.connector_id).succeeded


def _sync_apart(crowd: Crowd, members: list[Connected]) -> None:
    command = Path(sys.executable).with_name("coppermind")
    for member in members:
        _change(crowd, member)
        subprocess.run(
            [command, "sync", member.connector_id],
            env=environment(member, ""),
            check=True,
            capture_output=True,
        )


def _change(crowd: Crowd, member: Connected) -> None:
    crowd.sandbox.control.edit("deals", None, {"closed_lost_reason": "Price"}, hub_id=member.connector.hub_id)

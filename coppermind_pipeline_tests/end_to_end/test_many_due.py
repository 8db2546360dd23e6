"""Hundreds of connectors due at once under `coppermind up`: how many ticks work them off, and how long it takes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

import dagster as dg
import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, make_url

from coppermind_pipeline.defs.home import prepare_dagster_home
from coppermind_pipeline.interfaces.processes import free_port
from coppermind_pipeline.store import Database
from coppermind_pipeline.store.roles.passwords import key_fingerprint
from coppermind_pipeline_tests.crowd import Crowd
from coppermind_pipeline_tests.end_to_end.everything import Tick, count_connections, everything, polling_ticks

_TICK_MAX_S = 60  # after which the daemon cuts it off
_ALL_MAX_S = 900
_LOOK_S = 0.3


@dataclass
class Watched:
    """What an outsider saw until no idle connector was due any more.

    Attributes:
        ticks: of the polling sensor, and what was due after each.
        connections: the most that there were at one moment, in all and by login.
    """

    ticks: list[tuple[Tick, int]] = field(default_factory=list)
    connections: dict[str, int] = field(default_factory=dict)


@pytest.mark.parametrize(
    "portals", [pytest.param(30, marks=pytest.mark.slow), pytest.param(300, marks=pytest.mark.soak)]
)
async def test_many_due_connectors_are_worked_off_beside_everything_else(
    portals: int,
    database: Database,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    addresses = {
        "database_url": SecretStr(database_url),
        "public_url": f"http://localhost:{free_port(0)}",
        "dagster_port": free_port(0),
    }
    with Crowd.of_size(portals, database, tmp_path, **addresses) as crowd:
        began = monotonic()
        await crowd.connect(portals, idle=portals - portals // 30, settled=True)
        _tell(capsys, f"{portals} portals connected and settled in {monotonic() - began:.0f} s")
        settings = crowd.installation.settings
        for name, value in prepare_dagster_home(settings, Database(database_url, tmp_path)).items():
            monkeypatch.setenv(name, value)
        for downtime in ("16 minutes", "1 day"):
            crowd.sleep(downtime)
            _tell(capsys, f"after {downtime}, {len(crowd.due())} are due")
            with dg.DagsterInstance.get() as instance, everything(settings):
                watched = _watch(instance, crowd, database_url, lambda said: _tell(capsys, said))
            _tell(capsys, f"  connections at most: {watched.connections}")
            assert watched.ticks
            assert {tick.status for tick, _ in watched.ticks} <= {"SUCCESS", "SKIPPED"}
            assert max(tick.took_s for tick, _ in watched.ticks) < _TICK_MAX_S
            assert watched.connections["all"] < 97  # PostgreSQL's 100, less those that are kept for superusers


def _tell(capsys: pytest.CaptureFixture[str], said: str) -> None:
    with capsys.disabled():
        print(f"\n{said}", end="", flush=True)  # noqa: T201


def _watch(instance: dg.DagsterInstance, crowd: Crowd, database_url: str, tell: Callable[[str], None]) -> Watched:
    """Look at the sensor's ticks, at what is due and at the connections until no idle connector is due any more."""
    began, watched, seen, is_over = monotonic(), Watched(), set(polling_ticks(instance)), False
    engine = create_engine(make_url(database_url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    ours = key_fingerprint(crowd.installation.settings.home)
    with engine.connect() as server:
        while not is_over:
            assert monotonic() - began < _ALL_MAX_S
            count_connections(server, ours, watched.connections)
            for tick_id, tick in polling_ticks(instance).items():
                if tick_id not in seen:
                    seen.add(tick_id)
                    still_due = len(crowd.idle & set(crowd.due()))
                    is_over = still_due == 0
                    watched.ticks.append((tick, still_due))
                    tell(
                        f"  tick {len(watched.ticks)}: {tick.status}, {tick.took_s:.1f} s, "
                        f"{still_due} idle ones still due, {monotonic() - began:.0f} s since the start"
                    )
            sleep(_LOOK_S)
    engine.dispose()
    return watched

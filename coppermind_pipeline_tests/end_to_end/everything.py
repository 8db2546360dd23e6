"""`coppermind up` as an outsider runs it, and the ticks of the sensor that polls as Dagster keeps them."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Connection, text

from coppermind_pipeline.interfaces.up import settings_as_environment
from coppermind_pipeline.settings import Settings

END_MAX_S = 120


@dataclass(frozen=True, slots=True)
class Tick:
    """An ended tick: how, and after how many seconds."""

    status: str
    took_s: float


@contextmanager
def everything(settings: Settings) -> Iterator[None]:
    """Run the installation until the end of the block; one that does not end then tells what it is doing."""
    said = settings.home / "up.log"
    with (
        said.open("ab") as log,
        subprocess.Popen(
            [Path(sys.executable).with_name("coppermind"), "up", "--json"],
            env=os.environ | settings_as_environment(settings) | {"PYTHONFAULTHANDLER": "1"},
            stdout=subprocess.DEVNULL,
            stderr=log,
        ) as process,
    ):
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=END_MAX_S)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGABRT)  # its handler prints what each thread is at
                process.wait()
                pytest.fail(f"`coppermind up` did not end within {END_MAX_S} seconds:\n{said.read_text()}")
            assert process.returncode == 0, said.read_text()


def polling_ticks(instance: dg.DagsterInstance, *, limit: int = 100) -> dict[str, Tick]:
    """Return the newest ended ticks of the sensor that polls, by id."""
    states = [state for state in instance.all_instigator_state() if state.instigator_name == "due_polls"]
    return {
        str(tick.tick_id): Tick(tick.status.value, tick.end_timestamp - tick.timestamp)
        for state in states
        for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=limit)
        if tick.end_timestamp is not None
    }


def count_connections(server: Connection, ours: str, most: dict[str, int]) -> None:
    """Count the connections of an installation, by login and in all, where there were never more.

    Args:
        server: a connection of a user who sees those of all.
        ours: what the installation's logins end with.
        most: how many there were at most.
    """
    found = server.execute(
        text(
            """SELECT coalesce(replace(usename, '_' || :ours, ''), 'all') AS login, count(*) AS connections
                 FROM pg_stat_activity WHERE usename LIKE '%\\_' || :ours GROUP BY ROLLUP (usename)"""
        ),
        {"ours": ours},
    )
    for row in found:
        most[row.login] = max(most.get(row.login, 0), row.connections)

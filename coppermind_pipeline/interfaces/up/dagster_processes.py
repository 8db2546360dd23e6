"""Dagster's three processes as `coppermind up` runs them, and how each is asked whether it works."""

import os
import sys
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import grpc
import httpx
from dagster import DagsterInstance
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub

from coppermind_pipeline.defs.one_daemon import DAEMON_WAIT_S, AnotherDaemon
from coppermind_pipeline.interfaces.processes import Child
from coppermind_pipeline.store import Database

# By its name, as Dagster is told of it: this lies above all that is imported here.
DEFINITIONS = "coppermind_pipeline.definitions"

_ANSWER_MAX_S = 5
# What Dagster itself tolerates of one of a daemon's threads, which a long tick may keep from its heartbeat.
_THREAD_SILENT_MAX_S = int(os.environ.get("DAGSTER_DAEMON_HEARTBEAT_TOLERANCE") or 1800)


def dagster_children(
    database: Database, *, workspace: Path, code_location: str, code_socket: Path, port: int
) -> tuple[Child, Child, Child]:
    """Return code server, daemon and web server; they end in the opposite order."""
    python, log = sys.executable, ("--log-format", "json")
    code_server = (python, "-m", "coppermind_pipeline.interfaces.up.code_server",
                   "--module-name", DEFINITIONS, "--socket", str(code_socket),
                   "--location-name", code_location, "--inject-env-vars-from-instance", *log)  # fmt: skip
    daemon = (python, "-m", "dagster._daemon", "run", "--workspace", str(workspace), *log)
    webserver = (python, "-m", "coppermind_pipeline.interfaces.up.dagster_ui", "--workspace", str(workspace))
    return (
        # Asked to end, a code server lets its runs finish first; they are asked with it, and stop where they are.
        Child("code server", code_server, stop_deadline_s=3, answers=lambda: code_server_answers(code_socket)),
        # Before the code server: a run that the daemon hands to a server on its way out would fail.
        Child(
            "daemon",
            daemon,
            stop_deadline_s=2,
            answers=Heartbeats().go_on,
            may_start=lambda: require_no_daemon(database),
        ),
        Child("Dagster web server", webserver, stop_deadline_s=2, answers=lambda: web_server_answers(port)),
    )


def require_no_daemon(database: Database, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Make sure that no daemon works on the database, on whatever machine; nor is any let in during `meanwhile`.

    Raises:
        AnotherDaemon: one does.
    """
    with database.daemon_lock(wait_s=DAEMON_WAIT_S) as place:
        if place is None:
            raise AnotherDaemon
        meanwhile()


def code_server_answers(socket: Path) -> bool:
    """Ask the code server for its health, as gRPC has it."""
    with grpc.insecure_channel(f"unix:{socket}") as channel:
        try:
            # Generated code: the method comes to be in the constructor.
            HealthStub(channel).Check(HealthCheckRequest(), timeout=_ANSWER_MAX_S)  # pyright: ignore[reportAttributeAccessIssue]
        except grpc.RpcError:
            return False
    return True


def web_server_answers(port: int) -> bool:
    """Ask Dagster's web server for its version, which needs neither a session nor the database."""
    try:
        httpx.get(f"http://127.0.0.1:{port}/server_info", timeout=_ANSWER_MAX_S, trust_env=False)
    except httpx.HTTPError:
        return False
    return True


class Heartbeats:
    """The daemon's heartbeats: each of its threads stores one every 30 seconds, if the database is there."""

    def __init__(self) -> None:
        self._newest: float | None = None

    def go_on(self) -> bool:
        """Say whether any came since the last look, and none is missing for longer than Dagster tolerates.

        A thread may be long at work, but not all of them at once. Clocks are not compared but for the second: what a
        machine that slept has missed comes before the watch has lost its patience.
        """
        statuses = self._instance.get_daemon_statuses().values()
        beats = [status.last_heartbeat.timestamp for status in statuses if status.last_heartbeat is not None]
        newest = max(beats, default=0.0)
        is_new, self._newest = self._newest not in (None, newest), newest
        return is_new and min(beats) > time.time() - _THREAD_SILENT_MAX_S

    @cached_property
    def _instance(self) -> DagsterInstance:
        return DagsterInstance.get()

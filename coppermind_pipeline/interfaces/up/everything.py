"""The whole installation on this machine: database, Dagster's three processes and the web service."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson
from pydantic import SecretStr

from coppermind_pipeline.errors import UsageError
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.processes import (
    FIRST_STARTS_MAX,
    STARTS_MAX,
    PortTaken,
    Processes,
    Restarts,
    Watch,
    port_answers,
)
from coppermind_pipeline.interfaces.web import WebService, listening_port, make_sign_in_link
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.stopping import Stop
from coppermind_pipeline.store import Database, directory_of_socket, embedded, locked_if_free

CODE_SERVER_SOCKET = "code-server.sock"
CODE_LOCATION = "coppermind_pipeline"
START_DEADLINE_S = 120
_CHECK_S = 1.0


class AlreadyRunning(UsageError):
    """This installation runs already."""

    code = "already_running"
    hint = "Stop the other `coppermind up` first, or give this one another COPPERMIND_HOME and other ports."


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a person finds what was started; a session that `sign_in` opens is one for Dagster's pages too."""

    dagster: str
    web: str
    sign_in: str
    logs: Path


def run_everything(
    installation: Installation,
    *,
    tell: Callable[[str], None],
    ready: Callable[[Addresses], None],
    stop: Stop,
) -> None:
    """Start everything, report the addresses to `ready`, and stop everything once `stop` is asked.

    Args:
        installation: opened, with an up-to-date schema.
        tell: takes a sentence for a person as the work goes on.
        ready: called once, when all parts answer.
        stop: asked from a signal handler.

    Raises:
        AlreadyRunning: another process runs this installation.
        AnotherDaemon: something else polls from this database, here or on another machine.
        PortTaken: a port is in use.
        ProcessEnded: a part did not start, or ends by itself again and again; the others are stopped.
    """
    home, port = installation.settings.home, installation.settings.dagster_port
    record = home / "dagster" / "processes.json"
    with _only_one(home), Processes(record=record, logs=home / "logs", tell=tell) as processes:
        for name in processes.end_left_over():
            tell(f"Ended the {name} that an earlier start had left behind.")
        _require_free(port, "COPPERMIND_DAGSTER_PORT", web_port=listening_port(installation.settings))
        with WebService(installation) as web, _KeptDatabase(installation.settings, tell) as database:

            def keep_running(starts_max: int) -> None:
                if database.keep_running():  # without it, Dagster's processes would end again at once
                    processes.keep_running(starts_max=starts_max)
                web.require_running()

            starting = partial(keep_running, FIRST_STARTS_MAX)
            if _start_dagster(installation, processes, tell, stop, starting):
                ready(
                    Addresses(
                        # One name for all pages: a browser shares a session between ports of one name alone.
                        dagster=f"http://localhost:{port}",
                        web=installation.settings.public_url,
                        sign_in=make_sign_in_link(installation.database, installation.settings.public_url),
                        logs=home / "logs",
                    )
                )
            while not stop.wait(_CHECK_S):
                keep_running(STARTS_MAX)
            tell("Stopping; a sync that runs goes on from where it is at the next start.")


def runs_everything(home: Path) -> bool:
    """Say whether a process runs everything under `home`, and will start again what is stopped there."""
    if not home.exists():
        return False
    with locked_if_free(_lock(home)) as is_free:
        return not is_free


class _KeptDatabase:
    """The embedded server, kept running; one that the settings name is not ours to start."""

    def __init__(self, settings: Settings, tell: Callable[[str], None]) -> None:
        self._home, self._is_ours = settings.home, settings.database_url is None
        self._restarts = Restarts("database server", log=embedded.log_of(settings.home), tell=tell)
        self._watch = self._begin_watch()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watch.end()

    def keep_running(self) -> bool:
        """Start the server again where it ended; return whether it runs now."""
        if not self._is_ours:
            return True
        if not embedded.is_running(self._home):
            self._restarts.ended(partial(self._start, embedded.start))
        elif self._watch.hangs:
            self._restarts.ended(partial(self._start, embedded.start_anew), what="no longer answers")
        else:
            if self._watch.has_answered:
                self._restarts.running()
            embedded.rotate_log(self._home)
        return embedded.is_running(self._home)

    def _start(self, start: Callable[[Path], str]) -> None:
        self._watch.end()
        start(self._home)
        self._watch = self._begin_watch()

    def _begin_watch(self) -> Watch:
        return Watch(partial(embedded.answers, self._home) if self._is_ours else None)


def settings_as_environment(settings: Settings) -> dict[str, str]:
    """Return the variables from which another process reads the same settings."""
    values = {name: getattr(settings, name) for name in type(settings).model_fields}
    return {
        f"COPPERMIND_{name.upper()}": value.get_secret_value() if isinstance(value, SecretStr) else str(value or "")
        for name, value in values.items()
    }


def _start_dagster(
    installation: Installation,
    processes: Processes,
    tell: Callable[[str], None],
    stop: Stop,
    keep_running: Callable[[], None],
) -> bool:
    """Start Dagster's processes; return whether they all answer, which is not waited for once `stop` is asked."""
    from coppermind_pipeline.defs.home import prepare_dagster_home
    from coppermind_pipeline.interfaces.up.dagster_processes import dagster_children, require_no_daemon

    settings = installation.settings
    # This process reads Dagster's instance too, whose configuration names these variables.
    os.environ.update(prepare_dagster_home(settings, installation.database))
    environment = os.environ | settings_as_environment(settings)
    # Runs that another daemon has begun are no orphans.
    require_no_daemon(installation.database, meanwhile=partial(_free_orphaned_runs, installation.database))
    directory = Path(environment["DAGSTER_HOME"]).resolve()
    # Whoever reaches it can read all definitions and start runs, and it asks nobody who they are.
    code_socket = directory_of_socket(directory, CODE_SERVER_SOCKET) / CODE_SERVER_SOCKET
    workspace = _write_workspace(directory, code_socket)
    code_server, daemon, webserver = dagster_children(
        installation.database,
        workspace=workspace,
        code_location=CODE_LOCATION,
        code_socket=code_socket,
        port=settings.dagster_port,
    )
    tell("Starting Dagster …")
    processes.start(code_server, environment)
    if not processes.wait_for_socket(code_socket, deadline_s=START_DEADLINE_S, stop=stop, meanwhile=keep_running):
        return False
    processes.start(daemon, environment)
    processes.start(webserver, environment)
    return processes.wait_for_port(
        settings.dagster_port, deadline_s=START_DEADLINE_S, stop=stop, meanwhile=keep_running
    )


def _free_orphaned_runs(database: Database) -> None:
    from dagster import DagsterInstance

    from coppermind_pipeline.defs import runs

    with DagsterInstance.get() as instance:
        for run in runs.orphaned(instance, database):
            runs.fail_orphan(instance, run)


def _write_workspace(directory: Path, code_socket: Path) -> Path:
    file = directory / "workspace.yaml"
    location = {"socket": str(code_socket), "location_name": CODE_LOCATION}
    file.write_bytes(orjson.dumps({"load_from": [{"grpc_server": location}]}))  # JSON is YAML, with any path quoted
    return file


def _require_free(port: int, setting: str, *, web_port: int) -> None:
    if port == web_port:
        raise PortTaken(f"Port {port} is the web service's own.", hint=f"Set {setting} to another port.")
    if port_answers(port):
        raise PortTaken(
            f"Port {port} is in use by another process.",
            hint=f"Stop that process, or set {setting} to another port.",
        )


def _lock(home: Path) -> Path:
    return home / "up.lock"


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked_if_free(_lock(home)) as is_free:
        if not is_free:
            raise AlreadyRunning(f"The installation in {home} runs already.")
        yield

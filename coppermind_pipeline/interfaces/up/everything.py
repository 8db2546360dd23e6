"""The whole installation on this machine: database, Dagster's three processes and the web service."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
from pydantic import SecretStr

from coppermind_pipeline.errors import UsageError
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.processes import Child, PortTaken, Processes, Restarts, port_answers
from coppermind_pipeline.interfaces.web import WebService, make_sign_in_link
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import directory_of_socket, embedded, locked_if_free

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
    stop: threading.Event,
) -> None:
    """Start everything, report the addresses to `ready`, and stop everything once `stop` is set.

    Args:
        installation: opened, with an up-to-date schema.
        tell: takes a sentence for a person as the work goes on.
        ready: called once, when all parts answer.
        stop: set from a signal handler.

    Raises:
        AlreadyRunning: another process runs this installation.
        PortTaken: a port is in use.
        ProcessEnded: a part did not start, or ends by itself again and again; the others are stopped.
    """
    home, port = installation.settings.home, installation.settings.dagster_port
    record = home / "dagster" / "processes.json"
    with _only_one(home), Processes(record=record, logs=home / "logs", tell=tell) as processes:
        for name in processes.end_left_over():
            tell(f"Ended the {name} that an earlier start had left behind.")
        _require_free(port, "COPPERMIND_DAGSTER_PORT")
        with WebService(installation) as web:
            if _start_dagster(installation, processes, tell, stop):
                ready(
                    Addresses(
                        # One name for all pages: a browser shares a session between ports of one name alone.
                        dagster=f"http://localhost:{port}",
                        web=installation.settings.public_url,
                        sign_in=make_sign_in_link(home, installation.settings.public_url),
                        logs=home / "logs",
                    )
                )
            database = _KeptDatabase(installation.settings, tell)
            while not stop.wait(_CHECK_S):
                if database.keep_running():  # without it, Dagster's processes would end again at once
                    processes.keep_running()
                web.require_running()
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

    def keep_running(self) -> bool:
        """Start the server again where it ended; return whether it runs now."""
        if not self._is_ours:
            return True
        if embedded.is_running(self._home):
            self._restarts.running()
            embedded.rotate_log(self._home)
            return True
        self._restarts.ended(lambda: embedded.start(self._home))
        return embedded.is_running(self._home)


def settings_as_environment(settings: Settings) -> dict[str, str]:
    """Return the variables from which another process reads the same settings."""
    values = {name: getattr(settings, name) for name in type(settings).model_fields}
    return {
        f"COPPERMIND_{name.upper()}": value.get_secret_value() if isinstance(value, SecretStr) else str(value or "")
        for name, value in values.items()
    }


def _start_dagster(
    installation: Installation, processes: Processes, tell: Callable[[str], None], stop: threading.Event
) -> bool:
    """Start Dagster's processes; return whether they all answer, which is not waited for once `stop` is set."""
    from coppermind_pipeline.defs.home import prepare_dagster_home

    settings = installation.settings
    # This process reads Dagster's instance too, whose configuration names these variables.
    os.environ.update(prepare_dagster_home(settings, installation.database))
    environment = os.environ | settings_as_environment(settings)
    _free_orphaned_runs(installation)
    directory = Path(environment["DAGSTER_HOME"]).resolve()
    # Whoever reaches it can read all definitions and start runs, and it asks nobody who they are.
    code_socket = directory_of_socket(directory, CODE_SERVER_SOCKET) / CODE_SERVER_SOCKET
    workspace = _write_workspace(directory, code_socket)
    code_server, daemon, webserver = _dagster_children(workspace, code_socket)
    tell("Starting Dagster …")
    processes.start(code_server, environment)
    if not processes.wait_for_socket(code_socket, deadline_s=START_DEADLINE_S, stop=stop):
        return False
    processes.start(daemon, environment)
    processes.start(webserver, environment)
    return processes.wait_for_port(settings.dagster_port, deadline_s=START_DEADLINE_S, stop=stop)


def _dagster_children(workspace: Path, code_socket: Path) -> tuple[Child, Child, Child]:
    """Return code server, daemon and web server; they end in the opposite order."""
    python, log = sys.executable, ("--log-format", "json")
    code_server = (python, "-m", "dagster", "api", "grpc", "--module-name", "coppermind_pipeline.definitions",
                   "--socket", str(code_socket), "--location-name", CODE_LOCATION,
                   "--inject-env-vars-from-instance", *log)  # fmt: skip
    daemon = (python, "-m", "dagster._daemon", "run", "--workspace", str(workspace), *log)
    webserver = (python, "-m", "coppermind_pipeline.interfaces.up.dagster_ui", "--workspace", str(workspace))
    return (
        # Asked to end, a code server lets its runs finish first; they are asked with it, and stop where they are.
        Child("code server", code_server, stop_deadline_s=3),
        # Before the code server: a run that the daemon hands to a server on its way out would fail.
        Child("daemon", daemon, stop_deadline_s=2),
        Child("Dagster web server", webserver, stop_deadline_s=2),
    )


def _free_orphaned_runs(installation: Installation) -> None:
    from dagster import DagsterInstance

    from coppermind_pipeline.defs.runs import fail_orphaned_runs

    with DagsterInstance.get() as instance:
        fail_orphaned_runs(instance, installation.database)


def _write_workspace(directory: Path, code_socket: Path) -> Path:
    file = directory / "workspace.yaml"
    location = {"socket": str(code_socket), "location_name": CODE_LOCATION}
    file.write_bytes(orjson.dumps({"load_from": [{"grpc_server": location}]}))  # JSON is YAML, with any path quoted
    return file


def _require_free(port: int, setting: str) -> None:
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

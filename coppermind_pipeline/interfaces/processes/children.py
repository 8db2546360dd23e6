"""Child processes that a command keeps running: started so that they can be ended, ended in order, within deadlines."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
import psutil

from coppermind_pipeline.ending import has_ended, wait_for_ends
from coppermind_pipeline.errors import UsageError
from coppermind_pipeline.interfaces.processes.restarts import STARTS_MAX, ProcessEnded, Restarts
from coppermind_pipeline.interfaces.processes.watch import Watch
from coppermind_pipeline.stopping import Stop
from coppermind_pipeline.store import private_directory, replace_text, rotate

GROUP_STOP_DEADLINE_S = 10
# What was killed ends at once, unless the kernel waits for a disk; that is waited for no longer than this.
KILL_DEADLINE_S = 10
_POLL_S = 0.1


class PortTaken(UsageError):
    """Another process listens on the port."""

    code = "port_taken"


@dataclass(frozen=True, slots=True)
class Child:
    """A process to run.

    Attributes:
        name: as messages and the log file call it.
        stop_deadline_s: how long it may take to end by itself once it was asked to.
        answers: asks it whether it works, as a Watch does; one that hangs is ended, and started again.
        may_start: raises a CoppermindError where it is not to be started again yet.
    """

    name: str
    command: Sequence[str]
    stop_deadline_s: float
    answers: Callable[[], bool] | None = None
    may_start: Callable[[], None] | None = None


@dataclass(slots=True)
class _Running:
    """A child at work, and what it takes to start it again."""

    child: Child
    environment: Mapping[str, str]
    restarts: Restarts
    process: psutil.Popen
    watch: Watch

    def trouble(self) -> str | None:
        """Say what is wrong with the child, in words that follow its name; None if it is well."""
        if self.process.poll() is not None:
            return "ended by itself"
        return "no longer answers" if self.watch.hangs else None


class Processes:
    """The children of one command; the end of `with` stops them, the last one started first.

    A file names the running ones, so that the next start can end those that outlived a kill -9 of the command.
    """

    def __init__(self, *, record: Path, logs: Path, tell: Callable[[str], None]) -> None:
        """Take the file that names the children, the directory of their logs, and who hears of their troubles."""
        self._record, self._logs, self._tell = record, logs, tell
        self._running: list[_Running] = []

    def __enter__(self) -> Self:
        private_directory(self._logs)
        private_directory(self._record.parent)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._stop_all(patient=True)
        except KeyboardInterrupt:  # somebody does not want to wait
            self._stop_all(patient=False)

    def end_left_over(self) -> list[str]:
        """End the processes of an earlier start that was killed, and return their names."""
        recorded: dict[str, dict[str, Any]] = orjson.loads(self._record.read_bytes()) if self._record.exists() else {}
        ended = [name for name, known in recorded.items() if _end_recorded(known["pid"], known["created_at"])]
        self._record.unlink(missing_ok=True)
        return ended

    def start(self, child: Child, environment: Mapping[str, str]) -> None:
        """Start a child with its output in a log file of its name."""
        restarts = Restarts(child.name, log=self.log_of(child), tell=self._tell)
        process = self._open(child, environment)
        self._running.append(_Running(child, environment, restarts, process, Watch(child.answers)))
        self._write_record()

    def keep_running(self, *, starts_max: int = STARTS_MAX) -> None:
        """Start each child again that ended by itself or hangs, and keep the logs within bounds.

        To be called again and again.

        Raises:
            ProcessEnded: a child ends, or hangs, after each of `starts_max` starts.
        """
        for running in self._running:
            rotate(self.log_of(running.child))
            if (trouble := running.trouble()) is not None:
                running.restarts.ended(partial(self._start_again, running), what=trouble, starts_max=starts_max)
            elif running.watch.has_answered:
                running.restarts.running()

    def _start_again(self, running: _Running) -> None:
        running.watch.end()
        # What it started itself, such as sync runs, would work on beside what the new one starts.
        _end(running.process, GROUP_STOP_DEADLINE_S)
        if running.child.may_start is not None:
            running.child.may_start()
        running.process = self._open(running.child, running.environment)
        running.watch = Watch(running.child.answers)
        self._write_record()

    def _open(self, child: Child, environment: Mapping[str, str]) -> psutil.Popen:
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            # As under `&` in a script. Dagster gives SIGTERM the disposition of SIGINT: the child could not be ended.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        with self.log_of(child).open("ab") as log:
            return psutil.Popen(
                child.command,
                # Python imports from the working directory of whoever calls, and Dagster takes a `.env` from there: a
                # file that happens to be called `dagster.py` would be run. So they work where only we put files.
                cwd=self._record.parent,
                env={**environment, "PYTHONSAFEPATH": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a group of its own: Ctrl-C does not reach it past us
            )

    def log_of(self, child: Child) -> Path:
        """Return the file with a child's output."""
        return self._logs / f"{child.name.replace(' ', '-')}.log"

    def require_running(self) -> None:
        """Raise ProcessEnded where a child has ended by itself."""
        for running in self._running:
            if (code := running.process.poll()) is not None:
                raise ProcessEnded(
                    f"The {running.child.name} ended by itself (exit code {code}).",
                    hint=f"Its last words are in {self.log_of(running.child)}.",
                )

    def wait_for_port(
        self, port: int, *, deadline_s: float, stop: Stop, meanwhile: Callable[[], None] | None = None
    ) -> bool:
        """Wait until something listens on a port of loopback, or `stop` is asked; return whether something does.

        Args:
            port: on loopback.
            deadline_s: how long it may take.
            stop: asked where nobody waits any more.
            meanwhile: done again and again; by default, it is seen to that no child has ended.

        Raises:
            ProcessEnded: it takes longer, or `meanwhile` raises it.
        """
        return self._wait(partial(port_answers, port), f"port {port}", deadline_s, stop, meanwhile)

    def wait_for_socket(
        self, path: Path, *, deadline_s: float, stop: Stop, meanwhile: Callable[[], None] | None = None
    ) -> bool:
        """Wait for a Unix socket as for a port."""
        answers = partial(_answers, socket.AF_UNIX, str(path))
        return self._wait(answers, str(path), deadline_s, stop, meanwhile)

    def _wait(
        self,
        answers: Callable[[], bool],
        where: str,
        deadline_s: float,
        stop: Stop,
        meanwhile: Callable[[], None] | None,
    ) -> bool:
        until = time.monotonic() + deadline_s
        while not answers():
            (meanwhile or self.require_running)()
            if time.monotonic() > until:
                raise ProcessEnded(
                    f"Nothing listens on {where} after {deadline_s:.0f} seconds.",
                    hint=f"The logs are in {self._logs}.",
                )
            if stop.wait(_POLL_S):
                return False
        return True

    def _stop_all(self, *, patient: bool) -> None:
        while self._running:
            running = self._running[-1]
            running.watch.end()
            _end(running.process, running.child.stop_deadline_s if patient else 0)
            self._running.pop()
        self._record.unlink(missing_ok=True)

    def _write_record(self) -> None:
        known = {}
        for running in self._running:
            with suppress(psutil.NoSuchProcess):  # it ended a moment ago
                known[running.child.name] = {
                    "pid": running.process.pid,
                    "created_at": running.process.create_time(),
                }
        # Whole or not at all: the next start has to read it, also after a power cut.
        replace_text(self._record, orjson.dumps(known).decode())


def port_answers(port: int) -> bool:
    """Say whether something listens on a port of loopback."""
    return _answers(socket.AF_INET, ("127.0.0.1", port))


def _answers(family: socket.AddressFamily, address: tuple[str, int] | str) -> bool:
    with closing(socket.socket(family)) as probe:
        probe.settimeout(1)
        return probe.connect_ex(address) == 0


def free_port(preferred: int) -> int:
    """Return `preferred` where nothing listens on it, else some free port of loopback."""
    with closing(socket.socket()) as probe:
        try:
            probe.bind(("127.0.0.1", preferred))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _end_recorded(process_id: int, created_at: float) -> bool:
    # It may be gone, and what it started be left; while that is, the group's number is given to nobody else.
    with suppress(psutil.NoSuchProcess):
        if psutil.Process(process_id).create_time() != created_at:  # the number is another process's by now
            return False
    return _end_all(_members(process_id), GROUP_STOP_DEADLINE_S)


def _end(child: psutil.Popen, deadline_s: float) -> None:
    """End a child and what it started, such as the code server's sync runs, which is asked together with it."""
    _end_all([child, *(member for member in _members(child.pid) if member.pid != child.pid)], deadline_s)


def _end_all(processes: Sequence[psutil.Process], deadline_s: float) -> bool:
    """End processes, by force where asking does not help; return whether there were any."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    alive = wait_for_ends(processes, deadline_s)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    wait_for_ends(alive, KILL_DEADLINE_S)
    return bool(processes)


def _members(group: int) -> list[psutil.Process]:
    members = []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getpgid(process.pid) == group and not has_ended(process):
                members.append(process)
    return members

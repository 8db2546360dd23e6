import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import orjson
import psutil
import pytest

from coppermind_pipeline.ending import has_ended
from coppermind_pipeline.errors import CoppermindError
from coppermind_pipeline.interfaces.processes import (
    FIRST_STARTS_MAX,
    STARTS_MAX,
    Child,
    ProcessEnded,
    Processes,
    Restarts,
    Watch,
    children,
    free_port,
    port_answers,
)
from coppermind_pipeline.interfaces.processes.watch import SILENT_LOOKS_MAX
from coppermind_pipeline.stopping import Stop
from coppermind_pipeline.store import files

# Listens on its first argument. `stubborn` ignores SIGTERM; `parent` has a child of its own, and prints its number.
_SERVER = """
import signal, socket, subprocess, sys, time
if "stubborn" in sys.argv: signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "parent" in sys.argv:
    print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid, flush=True)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True: listener.accept()[0].close()
"""


def _child(port: int, *options: str, name: str = "listener", stop_deadline_s: float = 5) -> Child:
    return Child(name, (sys.executable, "-c", _SERVER, str(port), *options), stop_deadline_s)


def _processes(directory: Path, told: list[str] | None = None) -> Processes:
    tell = (told if told is not None else []).append
    return Processes(record=directory / "processes.json", logs=directory / "logs", tell=tell)


def test_children_are_stopped_at_the_end_whether_they_want_or_not(tmp_path):
    ports = [free_port(0), free_port(0)]
    with _processes(tmp_path) as processes:
        processes.start(_child(ports[0]), os.environ)
        processes.start(_child(ports[1], "stubborn", name="stubborn", stop_deadline_s=0.1), os.environ)
        for port in ports:
            processes.wait_for_port(port, deadline_s=20, stop=Stop())
    assert not any(port_answers(port) for port in ports)


def test_what_a_child_started_does_not_outlive_it(tmp_path):
    port, child = free_port(0), None
    with _processes(tmp_path) as processes:
        child = _child(port, "parent")
        processes.start(child, os.environ)
        processes.wait_for_port(port, deadline_s=20, stop=Stop())
        grandchild = psutil.Process(int(processes.log_of(child).read_text()))
        assert grandchild.is_running()
    assert has_ended(grandchild)


def test_a_child_that_ends_by_itself_is_named_with_its_log(tmp_path):
    child = Child("short one", (sys.executable, "-c", "print('last words')"), 1)
    with _processes(tmp_path) as processes:
        processes.start(child, os.environ)
        with pytest.raises(ProcessEnded, match="short one ended by itself") as failure:
            processes.wait_for_port(free_port(0), deadline_s=20, stop=Stop())
        assert str(processes.log_of(child)) in failure.value.hint
        assert processes.log_of(child).read_text() == "last words\n"


def test_a_child_that_is_killed_is_started_again_without_what_it_had_started(tmp_path):
    told, port = [], free_port(0)
    child = _child(port, "parent")
    with _processes(tmp_path, told) as processes:
        processes.start(child, os.environ)
        processes.wait_for_port(port, deadline_s=20, stop=Stop())
        grandchild = psutil.Process(int(processes.log_of(child).read_text()))
        recorded = orjson.loads((tmp_path / "processes.json").read_bytes())
        psutil.Process(recorded["listener"]["pid"]).kill()
        while not told:
            processes.keep_running()
        processes.wait_for_port(port, deadline_s=20, stop=Stop())
        log = tmp_path / "logs" / "listener.log"
        assert told == [f"The listener ended by itself; it is started again. Its last words are in {log}."]
        assert orjson.loads((tmp_path / "processes.json").read_bytes()) != recorded
        assert has_ended(grandchild)
    assert not port_answers(port)


class _Part:
    """A part that ends whenever it is told to, and the clock that its restarts go by."""

    def __init__(self) -> None:
        self.now, self.starts, self.told = 1000.0, [], []
        self.restarts = Restarts("part", log=Path("part.log"), tell=self.told.append, clock=lambda: self.now)

    def start(self) -> None:
        self.starts.append(self.now)

    def be_down_for(self, seconds: float, *, starts_max: int = STARTS_MAX) -> None:
        until = self.now + seconds
        while self.now < until:
            self.restarts.ended(self.start, starts_max=starts_max)
            self.now += 1


def test_what_ends_again_and_again_is_started_ever_more_slowly_and_given_up_after_ten_starts():
    part = _Part()
    with pytest.raises(ProcessEnded, match="as after each of 10 starts") as given_up:
        part.be_down_for(600)
    waits = [later - earlier for earlier, later in zip(part.starts, part.starts[1:], strict=False)]
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30, 30]
    assert len(part.starts) == STARTS_MAX
    assert len(part.told) == 1
    assert "part.log" in given_up.value.hint


def test_what_has_run_for_a_minute_may_end_as_often_again():
    part = _Part()
    for trouble in range(3):
        part.be_down_for(20)
        assert len(part.told) == trouble + 1
        part.now += 60
        part.restarts.running()
    part.be_down_for(100)
    assert len(part.told) == 4


def test_a_start_that_fails_counts_and_its_reason_is_told_at_the_end():
    part = _Part()

    def fail() -> None:
        raise CoppermindError("No space left on device.")

    part.start = fail
    with pytest.raises(ProcessEnded, match=r"starts\. No space left on device\."):
        part.be_down_for(600)


def test_what_has_never_worked_is_given_up_after_three_starts():
    part = _Part()
    with pytest.raises(ProcessEnded, match="as after each of 3 starts"):
        part.be_down_for(60, starts_max=FIRST_STARTS_MAX)
    assert len(part.told) == 1


@pytest.mark.slow
def test_a_child_that_hangs_is_told_of_once_and_ended_by_force_and_started_again(tmp_path, monkeypatch):
    monkeypatch.setattr(Watch.__init__, "__kwdefaults__", {"look_every_s": 0.01})
    monkeypatch.setattr(children, "GROUP_STOP_DEADLINE_S", 0.1)
    told, port = [], free_port(0)
    child = replace(_child(port, "stubborn"), answers=lambda: _hears(port))
    with _processes(tmp_path, told) as processes:
        processes.start(child, os.environ)
        processes.wait_for_port(port, deadline_s=20, stop=Stop())
        hanging = psutil.Process(orjson.loads((tmp_path / "processes.json").read_bytes())["listener"]["pid"])
        hanging.suspend()
        until = time.monotonic() + 30
        while not has_ended(hanging):
            assert time.monotonic() < until
            processes.keep_running()
        processes.wait_for_port(port, deadline_s=20, stop=Stop())
        log = tmp_path / "logs" / "listener.log"
        assert told == [f"The listener no longer answers; it is started again. Its last words are in {log}."]


def _hears(port: int) -> bool:
    """Say whether somebody accepts a connection: a queue that nobody looks at takes it as well."""
    with socket.create_connection(("127.0.0.1", port), 5) as asking:
        asking.settimeout(0.2)
        try:
            return asking.recv(1) == b""
        except TimeoutError:
            return False


def test_a_look_that_can_not_be_made_says_nothing_against_the_part():
    answers: list[bool | Exception] = [True, *[False] * (SILENT_LOOKS_MAX - 1), True]
    answers += [False, ConnectionError("the database is away")] * SILENT_LOOKS_MAX

    def answer() -> bool:
        outcome = answers.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    looks = Watch(answer, look_every_s=threading.TIMEOUT_MAX)
    found = []
    while answers:
        looks.look()
        found.append(looks.hangs)
    looks.end()
    assert looks.has_answered
    # One answer and all is forgotten; then it takes as many silent looks, beside those that could not be made.
    assert found.index(True) == SILENT_LOOKS_MAX + 1 + 2 * (SILENT_LOOKS_MAX - 1)


def test_a_child_that_may_not_be_started_again_is_given_up_with_the_reason(tmp_path):
    def refuse() -> None:
        raise CoppermindError("Another one is in its place.")

    child = Child("short one", (sys.executable, "-c", ""), 1, may_start=refuse)
    with _processes(tmp_path) as processes:
        processes.start(child, os.environ)
        with pytest.raises(ProcessEnded, match=r"starts\. Another one is in its place\."):
            _keep_running_without_end(processes)


def _keep_running_without_end(processes: Processes) -> None:
    while True:
        processes.keep_running(starts_max=1)


def test_a_childs_log_is_cut_while_it_writes_and_a_few_of_its_parts_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(files.rotate, "__kwdefaults__", {"bytes_max": 1000, "kept": 2})
    chatty = Child("chatty one", (sys.executable, "-uc", "while True: print('x' * 99)"), 1)
    with _processes(tmp_path) as processes:
        processes.start(chatty, os.environ)
        log = processes.log_of(chatty)
        until = time.monotonic() + 20
        while not log.with_name(f"{log.name}.2").exists():
            assert time.monotonic() < until
            processes.keep_running()
        for _ in range(20):
            processes.keep_running()
    parts = sorted(part.name for part in log.parent.iterdir())
    assert parts == ["chatty-one.log", "chatty-one.log.1", "chatty-one.log.2"]
    assert set(log.with_name(f"{log.name}.1").read_text()) == {"x", "\n"}  # no hole where it was cut


def test_the_next_start_ends_what_a_killed_one_left_behind(tmp_path):
    port = free_port(0)
    script = f"""
import os, sys, signal
from pathlib import Path
from coppermind_pipeline.interfaces.processes import Child, Processes
from coppermind_pipeline.stopping import Stop
home = Path({str(tmp_path)!r})
processes = Processes(record=home / "processes.json", logs=home / "logs", tell=print).__enter__()
processes.start(Child("listener", (sys.executable, "-c", {_SERVER!r}, "{port}"), 5), os.environ)
processes.wait_for_port({port}, deadline_s=20, stop=Stop())
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGKILL
    assert port_answers(port)
    with _processes(tmp_path) as processes:
        assert processes.end_left_over() == ["listener"]
        assert processes.end_left_over() == []
    assert not port_answers(port)


def test_a_recorded_number_that_is_another_process_by_now_is_left_alone(tmp_path):
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as bystander:
        (tmp_path / "processes.json").write_text(f'{{"listener": {{"pid": {bystander.pid}, "created_at": 1.0}}}}')
        with _processes(tmp_path) as processes:
            assert processes.end_left_over() == []
        assert bystander.poll() is None
        bystander.kill()


def test_a_free_port_is_the_preferred_one_unless_somebody_has_it():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        assert port_answers(taken)
        assert free_port(taken) != taken
    assert free_port(taken) == taken

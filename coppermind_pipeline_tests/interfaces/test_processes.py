import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from coppermind_pipeline.interfaces.processes import Child, ProcessEnded, Processes, free_port, port_answers

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


def _processes(directory: Path) -> Processes:
    return Processes(record=directory / "processes.json", logs=directory / "logs")


def test_children_are_stopped_at_the_end_whether_they_want_or_not(tmp_path):
    ports = [free_port(0), free_port(0)]
    with _processes(tmp_path) as processes:
        processes.start(_child(ports[0]), os.environ)
        processes.start(_child(ports[1], "stubborn", name="stubborn", stop_deadline_s=0.1), os.environ)
        for port in ports:
            processes.wait_for_port(port, deadline_s=20)
    assert not any(port_answers(port) for port in ports)


def test_what_a_child_started_does_not_outlive_it(tmp_path):
    port, child = free_port(0), None
    with _processes(tmp_path) as processes:
        child = _child(port, "parent")
        processes.start(child, os.environ)
        processes.wait_for_port(port, deadline_s=20)
        grandchild = psutil.Process(int(processes.log_of(child).read_text()))
        assert grandchild.is_running()
    assert not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE


def test_a_child_that_ends_by_itself_is_named_with_its_log(tmp_path):
    child = Child("short one", (sys.executable, "-c", "print('last words')"), 1)
    with _processes(tmp_path) as processes:
        processes.start(child, os.environ)
        with pytest.raises(ProcessEnded, match="short one ended by itself") as failure:
            processes.wait_for_port(free_port(0), deadline_s=20)
        assert str(processes.log_of(child)) in failure.value.hint
        assert processes.log_of(child).read_text() == "last words\n"


def test_the_next_start_ends_what_a_killed_one_left_behind(tmp_path):
    port = free_port(0)
    script = f"""
import os, sys, signal
from pathlib import Path
from coppermind_pipeline.interfaces.processes import Child, Processes
home = Path({str(tmp_path)!r})
processes = Processes(record=home / "processes.json", logs=home / "logs").__enter__()
processes.start(Child("listener", (sys.executable, "-c", {_SERVER!r}, "{port}"), 5), os.environ)
processes.wait_for_port({port}, deadline_s=20)
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

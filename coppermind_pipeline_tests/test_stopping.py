"""A process that is asked to stop says what is kept, does its last acts and ends, whatever its work is waiting for."""

import signal
import subprocess
import sys
from time import monotonic

import pytest

_PROGRAM = """
import socket, sys, threading, time
from coppermind_pipeline import stopping
from coppermind_pipeline.stopping import at_stop, run_stoppable

def fails():
    raise RuntimeError("an act that fails")

def hangs():
    threading.Event().wait()

def say(words):
    print(words, flush=True)

def work():
    with at_stop(lambda: say("outer")), at_stop({act}), at_stop(lambda: say("inner")):
        say("working")
        {waits}
    return "done"

stopping.ACTS_MAX_S = {acts_max_s}
print(run_stoppable(work, say=lambda: say("kept")), flush=True)
"""
# Its main thread is interrupted at every instruction of a look at what the handler sets, in the end.
_LOOKED_AT_AND_ASKED = """
import random, signal
from coppermind_pipeline.stopping import Stop

signal.signal(signal.SIGALRM, lambda *_: stop.ask())
for _ in range(5_000):
    stop = Stop()
    signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 2e-4))
    while not stop.wait(0):
        pass
"""
# A block that ends by itself as soon as its act asks it to, like that of a server.
_ENDS_IN_ORDER = """
from threading import Event
asked, ended = Event(), Event()
with at_stop(lambda: (asked.set(), ended.wait())):
    asked.wait()
ended.set()
"""
_WAITS = {
    "an event": "threading.Event().wait()",
    "the system": "a, b = socket.socketpair(); a.recv(1)",
    "itself": "while True: pass",
}


def _program(*, act: str = "fails", waits: str = "an event", acts_max_s: float = 30) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM.format(act=act, waits=_WAITS.get(waits, waits), acts_max_s=acts_max_s)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("waits", _WAITS)
def test_it_ends_in_the_middle_of_anything_after_its_last_acts(number: signal.Signals, waits: str):
    with _program(waits=waits) as process:
        process.send_signal(number)
        said, errors = process.communicate(timeout=60)
    assert said.split() == ["kept", "inner", "outer"]
    assert errors == ""
    assert process.returncode == 128 + number


def test_a_block_that_ends_in_order_is_waited_for_and_nothing_is_done_twice():
    with _program(waits=f"exec({_ENDS_IN_ORDER!r})") as process:
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[0].split()
    assert said[0] == "kept"
    assert len(said) == len(set(said))
    assert process.returncode == 130


def test_an_act_that_hangs_is_not_waited_for():
    with _program(act="hangs", acts_max_s=0.2) as process:
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[0].split() == ["kept", "inner"]
    assert process.returncode == 130


def test_a_second_signal_waits_for_nothing():
    begun = monotonic()
    with _program(act="hangs", acts_max_s=600) as process:
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["kept\n", "inner\n"]
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 143
    assert monotonic() - begun < 60


def test_what_is_not_asked_to_stop_returns_its_result_or_raises_its_error():
    with _program(waits="pass") as process:
        assert process.stdout is not None
        # May have come with the line before and wait in the buffer, past which communicate() reads.
        assert process.stdout.read() == "done\n"
    assert process.returncode == 0
    with _program(waits="raise SystemExit(7)") as process:
        assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 7


def test_a_handler_may_ask_while_the_main_thread_looks_whether_it_was_asked():
    subprocess.run([sys.executable, "-c", _LOOKED_AT_AND_ASKED], check=True, timeout=60)

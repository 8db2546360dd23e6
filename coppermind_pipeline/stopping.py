"""Being asked to stop: by Ctrl-C, SIGTERM or "Terminate" in Dagster's UI, at any moment, and within seconds.

What is stored is whole at every moment, and a sync goes on from it. So nothing that is under way is unwound, which may
be waiting for a HubSpot that is down, or for a statement: the process says what is kept, does the few acts that
others rely on, and ends.

Such work runs in a thread of its own. In the main one, what a signal's handler raises comes up in the middle of
anything, and is lost in a callback.
"""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from contextvars import copy_context
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM)
ACTS_MAX_S = 9.0

# A signal that comes just before the main thread begins to wait does not wake it up: its handler runs at the next look.
_LOOK_AGAIN_S = 0.5

_acts: list[Callable[[], Any]] = []


@contextmanager
def at_stop(act: Callable[[], Any]) -> Iterator[None]:
    """Do `act` where the process is stopped inside the block, which then does not come to its own end.

    The act of the innermost block is done first. What an act raises keeps none of the others from being done.
    """
    _acts.append(act)
    try:
        yield
    finally:
        _acts.remove(act)


class Stop:
    """Whether this process was asked to stop: for a main thread that looks after others, and ends them itself.

    No `threading.Event`: a handler interrupts the main thread anywhere, also where that holds the event's own lock to
    look at it, and setting the event would then wait for the lock without end.
    """

    def __init__(self) -> None:
        self._is_asked = False
        self._wakes: SimpleQueue[None] = SimpleQueue()  # unlike most things, a handler may put into it

    def ask(self) -> None:
        """Ask the process to stop, from any thread or handler."""
        self._is_asked = True
        self._wakes.put(None)

    def is_asked(self) -> bool:
        """Say whether the process was asked."""
        return self._is_asked

    def wait(self, timeout_s: float) -> bool:
        """Wait until the process is asked, at most `timeout_s`; say whether it was."""
        if not self._is_asked:
            with suppress(Empty):
                self._wakes.get(timeout=timeout_s)
        return self._is_asked


def stop_at_signals() -> Stop:
    """Let SIGINT and SIGTERM ask the process to stop from now on; a second one interrupts whoever still waits."""
    stop = Stop()

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        if stop.is_asked():
            raise KeyboardInterrupt
        stop.ask()

    for number in SIGNALS:
        signal.signal(number, ask_to_stop)
    return stop


def run_stoppable(work: Callable[[], T], *, say: Callable[[], Any]) -> T:
    """Return what `work` returns; end the process as soon as SIGINT or SIGTERM asks for it.

    A second signal ends it without any further act. To be called in the main thread, where Python runs handlers.

    Args:
        work: runs in another thread.
        say: tells whoever asked what is kept.
    """
    ended: SimpleQueue[int | None] = SimpleQueue()
    before = {number: signal.signal(number, lambda number, _: ended.put(number)) for number in SIGNALS}
    try:
        outcome = _in_thread(work)
        outcome.add_done_callback(lambda _: ended.put(None))
        if (asked_by := _first(ended)) is not None:
            end_at_signals()
            with at_stop(say):
                end_process(128 + asked_by)
    finally:
        _hand_back(before)
    return outcome.result()


def run_interruptible(work: Callable[[], T]) -> T:
    """Return what `work` returns, while any handler that raises in the main thread gets through to the caller.

    Then `work` is still under way, so that nothing is left to do but `end_process`.
    """
    outcome = _in_thread(work)
    while wait([outcome], _LOOK_AGAIN_S).not_done:
        pass
    return outcome.result()


def end_process(code: int) -> NoReturn:
    """End this process with exit code `code`, whatever its threads are doing."""
    logging.disable()  # what they say from now on comes from being cut off
    acting = threading.Thread(target=_act, name="stop", daemon=True)
    acting.start()
    acting.join(ACTS_MAX_S)
    os._exit(code)


@contextmanager
def ended_at_signals() -> Iterator[None]:
    """Let SIGINT and SIGTERM end the process without further ado inside the block."""
    before = end_at_signals()
    try:
        yield
    finally:
        _hand_back(before)


def end_at_signals() -> Mapping[signal.Signals, Any]:
    """Let SIGINT and SIGTERM end the process without further ado from now on; return their handlers from before."""
    return {number: signal.signal(number, _end_at_once) for number in SIGNALS}


def _first(ended: SimpleQueue[int | None]) -> int | None:
    while True:
        with suppress(Empty):
            return ended.get(timeout=_LOOK_AGAIN_S)


def _hand_back(handlers: Mapping[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _in_thread(work: Callable[[], T]) -> Future[T]:
    outcome = Future[T]()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
            outcome.set_exception(error)

    threading.Thread(target=copy_context().run, args=(run,), name="work", daemon=True).start()
    return outcome


def _act() -> None:
    for act in reversed(tuple(_acts)):
        with suppress(Exception):
            if act in _acts:  # else its block has come to its own end meanwhile
                act()
    with suppress(OSError, ValueError):  # nobody reads it any more
        sys.stdout.flush()


def _end_at_once(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    os._exit(128 + number)

"""Processes that are to end: whether one has, and waiting for it.

One that nobody has reaped is still in the list of processes, and has ended all the same. Its parent may be busy; and in
a container without an init nobody ever reaps what a killed process leaves behind, so that waiting for it never ends.
"""

import time
from collections.abc import Sequence

import psutil

_POLL_S = 0.02


def has_ended(process: psutil.Process) -> bool:
    """Say whether a process runs no more, reaped or not."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_for_ends(processes: Sequence[psutil.Process], deadline_s: float) -> list[psutil.Process]:
    """Wait until all have ended, reaping those that are this process's own; return those that have not in time."""
    until = time.monotonic() + deadline_s
    while True:
        _, left = psutil.wait_procs(processes, min(_POLL_S, max(0.0, until - time.monotonic())))
        left = [process for process in left if not has_ended(process)]
        if not left or time.monotonic() >= until:
            return left

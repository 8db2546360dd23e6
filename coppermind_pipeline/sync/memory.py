"""How a pull's process handles memory: it makes and frees a great many objects, in several threads."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

COLLECT_AFTER_OBJECTS = 10_000

_M_ARENA_MAX = -8  # glibc, malloc.h


@contextmanager
def rare_collections() -> Iterator[None]:
    """Let the garbage collector look seldom: a page is thousands of objects, and goes without it once it is written.

    At its usual pace it takes a tenth of a pull's processor time. The few answers that only it can free, being in
    cycles, must not pile up: with 50,000 objects between two looks they took over 200 MiB.
    """
    usual = gc.get_threshold()
    gc.set_threshold(COLLECT_AFTER_OBJECTS, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def share_one_arena() -> None:
    """Have all threads allocate from one arena, for the life of the process.

    glibc gives each thread one of its own and returns little of it: whichever thread a batch of rows ran in kept the
    batch's memory, so that a long pull grew: 254 MiB at a million records, 221 with one arena. Other C libraries have
    no such setting and no such habit.
    """
    if set_option := getattr(ctypes.CDLL(None), "mallopt", None):
        set_option(_M_ARENA_MAX, 1)

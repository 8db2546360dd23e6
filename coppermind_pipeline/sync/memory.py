"""How a pull's process handles memory: it makes and frees a great many objects, in several threads."""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

COLLECT_AFTER_OBJECTS = 10_000

_MIB = 1 << 20
# glibc, malloc.h
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8


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


def give_back_memory() -> None:
    """Have the process return what it has freed, for the rest of its life; with C libraries other than glibc, nothing.

    glibc gives each thread an arena of its own, and each keeps the memory of the largest batch that ever ran in it: a
    million records came to 254 MiB, with one arena to 221. And it takes to keeping up to 64 MiB free, unless it is told
    how much. Once it is told, answers of up to a megabyte must be kept out of mappings of their own, which cost a
    seventh of a pull's speed.

    Source: mallopt(3).
    """
    if set_option := getattr(ctypes.CDLL(None), "mallopt", None):
        set_option(_M_ARENA_MAX, 1)
        set_option(_M_MMAP_THRESHOLD, 4 * _MIB)
        set_option(_M_TRIM_THRESHOLD, _MIB)

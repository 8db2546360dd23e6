"""How a pull's process handles memory: it makes and frees a great many objects."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

COLLECT_AFTER_OBJECTS = 10_000


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

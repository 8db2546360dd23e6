"""Work side by side, where the first failure ends all of it."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_THE_END: Any = object()


async def run_together(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return the results in order; the first error cancels the rest and is raised as itself, not in a group."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
    except BaseExceptionGroup as failed:
        raise first_error(failed) from None
    return [task.result() for task in tasks]


async def to_its_end(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `work` returns, run in a thread; if this is cancelled meanwhile, wait for the thread's end first.

    A thread can't be stopped: whatever it is about to commit, it would commit after its caller had given up. An error
    that it meets then is no news: what it was cancelled for is raised.
    """
    working = asyncio.create_task(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(working)
    finally:
        while not working.done():
            with suppress(asyncio.CancelledError):  # once more: the first is on its way
                await asyncio.wait([working])
        if not working.cancelled():
            working.exception()  # asked for, lest asyncio print it with a trace, as one nobody heard of


def first_error(failed: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error that made a task group fail: its first, whatever groups lie around it."""
    first = failed.exceptions[0]
    return first_error(first) if isinstance(first, BaseExceptionGroup) else first


def one_ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield the items; a thread makes the next one while the caller is busy with this."""
    made = iter(items)
    with ThreadPoolExecutor(max_workers=1) as thread:
        following = thread.submit(next, made, _THE_END)
        while (item := following.result()) is not _THE_END:
            following = thread.submit(next, made, _THE_END)
            yield item

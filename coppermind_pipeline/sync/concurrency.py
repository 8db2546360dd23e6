"""Work side by side, where the first failure ends all of it."""

import asyncio
from collections.abc import Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

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

"""Threads: one that makes an item ahead of whoever takes them, and one that is waited for when its caller gives up."""

import asyncio
from collections.abc import Callable, Iterator
from threading import Event

import pytest

from coppermind_pipeline.sync.concurrency import one_ahead, to_its_end


def test_the_next_item_is_made_while_one_is_used_and_no_more_than_that():
    made = [Event() for _ in range(20)]

    def items() -> Iterator[int]:
        for item, is_made in enumerate(made):
            is_made.set()
            yield item

    used: list[int] = []
    for item in one_ahead(items()):
        used.append(item)
        assert all(is_made.wait(timeout=10) for is_made in made[item : item + 2])
        assert not any(is_made.is_set() for is_made in made[item + 2 :])
    assert used == list(range(20))


def test_what_was_made_before_an_error_is_used_before_it_is_raised():
    def items() -> Iterator[str]:
        yield "first"
        raise LookupError

    following = one_ahead(items())
    assert next(following) == "first"
    with pytest.raises(LookupError):
        next(following)


async def test_what_fails_once_it_was_given_up_is_waited_for_and_not_printed(unheard_errors: Callable[[], list[str]]):
    at_work, released, ended = Event(), Event(), Event()

    def fail() -> None:
        at_work.set()
        released.wait(timeout=10)
        ended.set()
        raise OSError("the disk is full")

    working = asyncio.create_task(to_its_end(fail))
    await asyncio.to_thread(at_work.wait, 10)
    working.cancel()
    await asyncio.sleep(0)
    assert not working.done()
    released.set()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert ended.is_set()
    del working
    assert unheard_errors() == []

"""Items that a thread makes one ahead of whoever takes them."""

from collections.abc import Iterator
from threading import Event

import pytest

from coppermind_pipeline.sync.concurrency import one_ahead


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

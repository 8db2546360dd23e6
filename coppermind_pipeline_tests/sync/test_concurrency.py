"""Items that a thread makes one ahead of whoever takes them."""

from collections.abc import Iterator

import pytest

from coppermind_pipeline.sync.concurrency import one_ahead


def test_the_next_item_is_made_while_one_is_used_and_no_more_than_that():
    made: list[int] = []

    def items() -> Iterator[int]:
        for item in range(20):
            made.append(item)
            yield item

    used: list[int] = []
    for item in one_ahead(items()):
        used.append(item)
        assert len(made) <= len(used) + 1
    assert used == made == list(range(20))


def test_what_was_made_before_an_error_is_used_before_it_is_raised():
    def items() -> Iterator[str]:
        yield "first"
        raise LookupError

    following = one_ahead(items())
    assert next(following) == "first"
    with pytest.raises(LookupError):
        next(following)

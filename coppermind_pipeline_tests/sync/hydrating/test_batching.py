"""Batched reads: what several readers ask for goes out together, and what becomes of one of them is its own affair."""

import asyncio
from collections.abc import Sequence

import pytest

from coppermind_pipeline.hubspot import BatchRead, Record, ScopeMissing
from coppermind_pipeline.sync.hydrating.batching import BatchedReads


def _answer(ids: Sequence[str]) -> BatchRead:
    return BatchRead(records=tuple(Record(i, b"{}") for i in ids))


async def test_a_reader_that_is_cancelled_leaves_the_shared_answer_to_the_others():
    asked: list[Sequence[str]] = []
    arrived, released = asyncio.Event(), asyncio.Event()

    async def read(ids: Sequence[str]) -> BatchRead:
        asked.append(ids)
        arrived.set()
        await released.wait()
        return _answer(ids)

    async with asyncio.TaskGroup() as group:
        batched = BatchedReads(read, group)
        first, second = (asyncio.create_task(batched.answers([one])) for one in ("1", "2"))
        await arrived.wait()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        released.set()
        (answer,) = await second
    assert asked == [["1", "2"]]
    assert [record.id for record in answer.records] == ["1", "2"]


async def test_a_refusal_reaches_the_readers_that_are_left_as_it_is():
    arrived, released = asyncio.Event(), asyncio.Event()

    async def read(ids: Sequence[str]) -> BatchRead:
        arrived.set()
        await released.wait()
        raise ScopeMissing(f"no {ids}")

    async with asyncio.TaskGroup() as group:
        batched = BatchedReads(read, group)
        first, second = (asyncio.create_task(batched.answers([one])) for one in ("1", "2"))
        await arrived.wait()
        first.cancel()
        released.set()
        with pytest.raises(ScopeMissing):
            await second
    assert first.cancelled()


async def test_a_reader_that_asks_of_a_group_that_is_ending_is_cancelled_as_the_group_is():
    async def read(ids: Sequence[str]) -> BatchRead:
        raise AssertionError(f"{ids} were read")

    cancelled = asyncio.Event()

    async def asks_as_it_ends(batched: BatchedReads) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            with pytest.raises(asyncio.CancelledError):
                await batched.answers(["1"])
            cancelled.set()

    async def fails() -> None:
        raise ValueError("what ends the group")

    async def ends() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(asks_as_it_ends(BatchedReads(read, group)))
            await asyncio.sleep(0)
            group.create_task(fails())

    with pytest.raises(ExceptionGroup, match="unhandled errors"):
        await ends()
    assert cancelled.is_set()

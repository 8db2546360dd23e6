"""How often garbage is looked for: seldom while anybody works on many records, and as usual afterwards."""

import gc
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from coppermind_pipeline.garbage_collection import COLLECT_AFTER_OBJECTS, rare_collections


def test_the_usual_pace_comes_back_with_the_last_of_those_who_work():
    usual = gc.get_threshold()
    together = Barrier(2)

    @rare_collections()
    def work(meetings: int) -> int:
        for _ in range(meetings):
            together.wait()
        return gc.get_threshold()[0]

    with rare_collections(), pytest.raises(ValueError, match="nested"), rare_collections():
        raise ValueError("nested")
    assert gc.get_threshold() == usual
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(work, 1)
        with rare_collections():
            together.wait()
            assert first.result() == gc.get_threshold()[0] == COLLECT_AFTER_OBJECTS
    assert gc.get_threshold() == usual

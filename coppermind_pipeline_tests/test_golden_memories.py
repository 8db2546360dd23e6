"""The page of golden memories says what the product writes today."""

from pathlib import Path

from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.golden_memories import PAGE, golden_page


def test_the_page_says_what_the_product_writes(database: Database, tmp_path: Path):
    assert PAGE.read_text() == golden_page(database, tmp_path), "stale: run `make docs`"

"""Everything that is stored is counted, once, under one kind."""

from sqlalchemy import text

from coppermind_pipeline.store import Database, Stored, sizes


def test_all_tables_and_the_text_index_are_counted_once(database: Database):
    with database.owner() as connection:
        found = {size.kind: size for size in sizes(connection)}
        everything = connection.scalar(
            text("SELECT sum(pg_total_relation_size(relid)) FROM pg_stat_all_tables WHERE schemaname = 'coppermind'")
        )
        index = connection.scalar(text("SELECT pg_relation_size('memories_search')"))
    assert set(found) == set(Stored)
    assert sum(size.bytes for size in found.values()) == everything
    assert found[Stored.SEARCH_INDEX].bytes > index > 0

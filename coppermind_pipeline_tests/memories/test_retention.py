"""Texts that ceased to hold too long ago go, with the words that no other has; the last of each source stays."""

from collections.abc import Sequence

from sqlalchemy import text

from coppermind_pipeline.memories import remove_old_texts
from coppermind_pipeline.store import Removed
from coppermind_pipeline_tests.memories.publishing import publish
from coppermind_pipeline_tests.stored_portal import StoredPortal


def _age(portal: StoredPortal, days: int) -> None:
    """Let so many days pass."""
    portal.execute(
        f"""UPDATE memories SET superseded_at = superseded_at - interval '{days} days',
                   retired_at = retired_at - interval '{days} days', created_at = created_at - interval '{days} days'
             WHERE connector_id = :connector"""
    )


def _texts(portal: StoredPortal, column: str = "content", table: str = "memories") -> Sequence[str]:
    with portal.database.mind(portal.mind_id) as connection:
        return connection.scalars(text(f"SELECT {column} FROM {table} ORDER BY 1")).all()


def test_old_texts_go_with_their_words_and_the_last_stays(portal: StoredPortal):
    portal.execute("UPDATE connectors SET created_at = now() - interval '900 days' WHERE id = :connector")
    for content in ("Ada Quine called", "Ada Quine wrote", "Ada Quine moved"):
        publish(portal, "1", content)
        _age(portal, 150)
    publish(portal, "2", "Bo Zephyr retired")
    portal.execute("UPDATE memories SET retired_at = now() WHERE hubspot_id = '2'")
    _age(portal, 150)
    # "called" was replaced 450 days ago, "wrote" 300.
    assert remove_old_texts(portal.database, days=420, time_is_up=lambda: False) == Removed(1, complete=True)
    assert _texts(portal) == ["Ada Quine moved", "Ada Quine wrote", "Bo Zephyr retired"]
    words = _texts(portal, "lexeme", "memory_lexemes")
    assert "called" not in words
    assert {"ada", "quine", "moved", "wrote", "zephyr"} <= set(words)
    _age(portal, 900)
    remove_old_texts(portal.database, days=420, time_is_up=lambda: False)
    assert _texts(portal) == ["Ada Quine moved", "Bo Zephyr retired"]

"""Draining beside mapping leaves what draining after it does."""

from uuid import UUID

import pytest

from coppermind_pipeline.memories import drain_meanwhile, draining
from coppermind_pipeline.memories.mapping import mapping
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.memories.filled import fill
from coppermind_pipeline_tests.memories.steps import drained, mapped, rows
from coppermind_pipeline_tests.stored_portal import StoredPortal

# Of all types some are renamed, some archived, and some erased, whom deals name that change as well.
_CHANGES = (
    "read_at = now()",
    "name = name || ' Renamed'",
    "archived_at = now(), archived_reason = 'archived'",
    "archived_at = now(), archived_reason = 'erased', name = NULL, properties = '{}'",
    "name = name || ' Again'",
)
_CHANGE = """
UPDATE hubspot_crm_objects SET {}, change_seq = nextval('change_seq')
 WHERE connector_id = :connector AND CAST(hubspot_id AS integer) % 5 = :at
"""


def test_draining_beside_mapping_leaves_what_draining_after_it_does(
    database: Database, local_customer: UUID, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(draining, "LOOK_AGAIN_S", 0.001)
    monkeypatch.setattr(draining, "BATCH_ENTRIES", 15)
    monkeypatch.setattr(mapping, "BATCH_RECORDS", 50)
    after, meanwhile = (StoredPortal.create(database, local_customer, mind=mind) for mind in ("after", "meanwhile"))
    beside = 0
    for portal in (after, meanwhile):
        fill(portal, deals=80)
    for at, change in enumerate(_CHANGES):
        for portal in (after, meanwhile):
            portal.execute(_CHANGE.format(change), at=at)
        mapped(after)
        drained(after)
        with drain_meanwhile(database, connector_id=meanwhile.connector_id, mind_id=meanwhile.mind_id) as done:
            mapped(meanwhile)
        beside += done.drained.published
        drained(meanwhile)
        assert rows(meanwhile, _MEMORIES) == rows(after, _MEMORIES)
        assert rows(meanwhile, _WORDS) == rows(after, _WORDS)
    assert beside > 0
    assert rows(meanwhile, "SELECT source_ref FROM memory_queue") == []


def test_draining_that_fails_is_left_to_the_next_drain(
    database: Database, local_customer: UUID, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(draining, "LOOK_AGAIN_S", 0.001)
    portal = StoredPortal.create(database, local_customer)
    fill(portal, deals=10)
    with monkeypatch.context() as broken:
        broken.setattr(draining, "_claim", lambda *_: 1 / 0)
        with drain_meanwhile(database, connector_id=portal.connector_id, mind_id=portal.mind_id) as done:
            queued = mapped(portal).queued
    assert done.drained.published == 0
    assert drained(portal).published == queued > 0


_MEMORIES = """
SELECT replace(source_ref, :connector, '') AS ref, type, content, superseded_at IS NOT NULL AS superseded,
       retired_at IS NOT NULL AS retired, retired_reason
  FROM memories ORDER BY ref, content, superseded, retired
"""

_WORDS = "SELECT lexeme, stem FROM memory_lexemes ORDER BY lexeme"

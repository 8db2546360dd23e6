"""A record erased for privacy loses its text: in all versions, in deals that named it, in queue and word list."""

import orjson
import pytest

from coppermind_pipeline.memories import search
from coppermind_pipeline_tests.memories.steps import change, drained, live, mapped, published, rows
from coppermind_pipeline_tests.stored_portal import StoredPortal

ERASED = (
    "archived_at = now(), archived_reason = 'erased', name = NULL, email = NULL, job_title = NULL, properties = '{}'"
)


def _portal_with_hildegard(portal: StoredPortal) -> None:
    portal.contact("501", name="Hildegard Voss", job_title="CMO")
    portal.deal("701", outcome="won", stage_id="closedwon", lead_contact_id="501")
    portal.link("701", "contacts", "501")
    portal.contact("502", name="John Roe", job_title="CMO")
    published(portal)
    change(portal, "contacts", "501", "job_title = 'CEO'")  # so that there are earlier versions
    published(portal)


def _everything(portal: StoredPortal) -> str:
    tables = ("memories", "memory_queue", "memory_lexemes")
    return "".join(str(rows(portal, f"SELECT t::text FROM {table} t")) for table in tables).lower()


def test_an_erased_contact_is_nowhere_in_the_memories(portal: StoredPortal):
    _portal_with_hildegard(portal)
    assert "hildegard" in _everything(portal)
    change(portal, "contacts", "501", ERASED)
    published(portal)
    assert "hildegard" not in _everything(portal)
    assert "voss" not in _everything(portal)
    assert live(portal).keys() == {"contacts:502", "deals:701"}
    found = search(portal.database, mind_id=portal.mind_id, query="hildegart", include_superseded=True)
    assert (found.memories, found.did_you_mean) == ((), {})


def test_the_contact_itself_is_gone_as_soon_as_it_is_mapped_and_a_pending_text_with_it(portal: StoredPortal):
    _portal_with_hildegard(portal)
    change(portal, "contacts", "501", "job_title = 'Chair'")
    mapped(portal)
    change(portal, "contacts", "501", ERASED)
    mapped(portal, deals=False)
    contact = rows(portal, "SELECT content, retired_reason FROM memories WHERE source_ref LIKE '%:contacts:501'")
    assert {tuple(row) for row in contact} == {("", "erased for privacy in HubSpot")}
    assert rows(portal, "SELECT 1 FROM memory_queue WHERE source_ref LIKE '%:contacts:501'") == []


def test_words_that_others_use_stay_and_other_texts_are_not_touched(portal: StoredPortal):
    _portal_with_hildegard(portal)
    change(portal, "contacts", "501", ERASED)
    published(portal)
    assert "John Roe is CMO" in live(portal)["contacts:502"][1]
    words = {row.lexeme for row in rows(portal, "SELECT lexeme FROM memory_lexemes")}
    assert {"cmo", "roe", "deal"} <= words


@pytest.mark.parametrize("filtered", ["contacts", "deals"])
def test_a_filter_that_can_not_be_applied_does_not_delay_an_erasure(portal: StoredPortal, filtered: str):
    _portal_with_hildegard(portal)
    portal.deal("702", outcome="won", stage_id="closedwon")
    change(portal, "contacts", "501", "job_title = 'Chair'")  # so that there are texts that wait
    mapped(portal)
    config = orjson.dumps({"hubspot_property_filters": {filtered: {"no_such_property": "x"}}}).decode()
    portal.execute("UPDATE connectors SET config = CAST(:config AS jsonb) WHERE id = :connector", config=config)
    change(portal, "contacts", "501", ERASED)
    change(portal, "deals", "702", "name = 'Renamed'")
    mapped(portal)
    drained(portal)
    assert "hildegard" not in _everything(portal)
    assert "deals:701" in live(portal)
    assert ("Renamed" in _everything_live(portal)) is (filtered == "contacts")


def _everything_live(portal: StoredPortal) -> str:
    return "".join(content for _, content in live(portal).values())


def test_with_a_record_that_others_were_merged_into_their_texts_are_gone_too(portal: StoredPortal):
    _portal_with_hildegard(portal)
    portal.contact("503", name="H. Voss-Meyer", job_title="CMO")
    change(portal, "contacts", "501", "archived_at = now(), archived_reason = 'merged', merged_into = '503'")
    portal.execute("UPDATE hubspot_associations SET valid_to = now() WHERE to_id = '501'")
    portal.link("701", "contacts", "503")
    change(portal, "deals", "701", "name = name")
    published(portal)
    change(portal, "contacts", "503", ERASED)
    published(portal)
    assert "hildegard" not in _everything(portal)
    assert "voss" not in _everything(portal)

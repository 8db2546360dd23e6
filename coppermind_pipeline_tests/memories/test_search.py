"""Search, get and list: found by what they say, within one mind, in answers of a bounded size."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from coppermind_pipeline.memories import (
    Found,
    MemoryType,
    QueueEntry,
    Sensitivity,
    UnknownMemory,
    WrongSelection,
    enqueue,
    get,
    list_memories,
    record_ref,
    search,
)
from coppermind_pipeline.memories.reading.results import ANSWER_BYTES_MAX
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database
from coppermind_pipeline_tests.memories.publishing import publish, publish_aggregate
from coppermind_pipeline_tests.memories.steps import drained
from coppermind_pipeline_tests.stored_portal import StoredPortal


def _found(portal: StoredPortal, query: str, **arguments: object) -> list[str]:
    return [memory.content for memory in _search(portal, query, **arguments).memories]


def _search(portal: StoredPortal, query: str, **arguments: object) -> Found:
    return search(portal.database, mind_id=portal.mind_id, query=query, **arguments)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("JÖRG muller", 0),  # accents on either side
        ("negotiating", 1),  # English inflection
        ("Köln", 0),
        ("negotiations with Initech about pricing", 1),  # some of the words
        ("muel", 0),  # the beginning of a word
        ("jane@acme.com", 2),
        ("why did we lose Initech", 1),
        ("東京", 3),
        ("o'brien \\ & | ! ( ) : * <->", 3),  # no operator reaches the database
    ],
)
def test_a_memory_is_found_by_what_it_says(portal: StoredPortal, query: str, expected: int):
    texts = [
        "Jörg Mueller is Head of Sales, in Köln, Germany. Muller is how some write it.",
        "Initech is a company. The negotiation is about price.",
        "Jane Doe is CMO. E-mail: jane@acme.com.",
        "Pat O'Brien is Director, in 東京, Japan.",
    ]
    for number, content in enumerate(texts):
        publish(portal, str(number), content)
    assert _found(portal, query)[0] == texts[expected]


def test_memories_with_all_words_come_before_those_with_some(portal: StoredPortal):
    publish(portal, "1", "Acme in Berlin.")
    publish(portal, "2", "Acme in Paris. Acme, Acme, Acme.")
    assert _found(portal, "acme berlin") == ["Acme in Berlin.", "Acme in Paris. Acme, Acme, Acme."]


def test_a_misspelt_word_is_corrected_and_said_so(portal: StoredPortal):
    publish(portal, "1", "Jane Doe is Head of Marketing.")
    found = _search(portal, "markteing")
    assert [memory.content for memory in found.memories] == ["Jane Doe is Head of Marketing."]
    assert found.did_you_mean == {"markteing": "marketing"}
    assert _search(portal, "marketing").did_you_mean == {}


def test_no_suggestion_tells_a_word_that_the_caller_may_not_see(portal: StoredPortal):
    publish(portal, "1", "Voltaire is the codename.", sensitivity=Sensitivity.SENSITIVE)
    assert _search(portal, "voltiare").did_you_mean == {"voltiare": "voltaire"}
    for_client = _search(portal, "voltiare", audience="client")
    assert (for_client.memories, for_client.did_you_mean) == ((), {})


def test_sensitive_memories_are_left_out_for_a_client(portal: StoredPortal):
    publish(portal, "1", "Acme open.")
    publish(portal, "2", "Acme secret.", sensitivity=Sensitivity.SENSITIVE, memory_type=MemoryType.OBJECTION)
    assert _found(portal, "acme", audience="client") == ["Acme open."]
    assert _found(portal, "acme", audience="client", sensitivity="sensitive") == []
    assert _found(portal, "acme", sensitivity="sensitive") == ["Acme secret."]
    assert len(_found(portal, "acme", audience="internal")) == 2
    assert _found(portal, "acme", types=["objection"]) == ["Acme secret."]
    client_list = list_memories(portal.database, mind_id=portal.mind_id, audience="client")
    assert [memory.content for memory in client_list.memories] == ["Acme open."]


def test_superseded_texts_come_when_asked_for_and_retired_ones_never(portal: StoredPortal):
    publish(portal, "1", "Acme first.")
    publish(portal, "1", "Acme second.")
    assert _found(portal, "acme") == ["Acme second."]
    assert _found(portal, "acme", include_superseded=True) == ["Acme second.", "Acme first."]
    retire = QueueEntry(
        source_ref=record_ref(portal.connector_id, ObjectType.CONTACTS, "1"),
        connector_id=portal.connector_id,
        operation="retire",
        retired_reason="archived in HubSpot",
    )
    with portal.database.mind(portal.mind_id) as connection:
        enqueue(connection, [retire])
    drained(portal)
    assert _found(portal, "acme", include_superseded=True) == []
    gone = get(portal.database, mind_id=portal.mind_id, source_ref=retire.source_ref)
    assert (gone.content, gone.retired_reason) == ("Acme second.", "archived in HubSpot")


def test_an_earlier_aggregate_comes_by_its_period(portal: StoredPortal):
    publish_aggregate(portal, "2026-W46", "Strategy: first try.", weeks=0)
    publish_aggregate(portal, "2026-W46", "Strategy: week 46.", weeks=0)
    publish_aggregate(portal, "2026-W47", "Strategy: week 47.", weeks=1)
    assert _found(portal, "strategy") == ["Strategy: week 47."]
    assert _found(portal, "strategy", period_key="2026-W46") == ["Strategy: week 46."]
    listed = list_memories(portal.database, mind_id=portal.mind_id, period_key="2026-W46")
    assert [memory.content for memory in listed.memories] == ["Strategy: week 46."]
    told = {"aggregate_connector_id", "aggregate_period_key", "aggregate_scope", "record_id"}
    assert listed.memories[0].provenance.model_dump(include=told) == {
        "aggregate_connector_id": portal.connector_id, "aggregate_period_key": "2026-W46",
        "aggregate_scope": "strategy", "record_id": None,
    }  # fmt: skip


def test_each_result_says_where_it_comes_from(portal: StoredPortal):
    publish(portal, "501", "Jane Doe.")
    (memory,) = _search(portal, "jane").memories
    assert memory.provenance.model_dump(mode="json") == {
        "connector_id": portal.connector_id,
        "portal_id": 7,
        "object_type": "contacts",
        "record_id": "501",
        "url": "https://app.hubspot.com/contacts/7/record/0-1/501",
        "as_of": "2026-11-18T12:00:00Z",
        "aggregate_connector_id": None,
        "aggregate_period_key": None,
        "aggregate_scope": None,
        "aggregate_thresholds": None,
    }
    assert get(portal.database, mind_id=portal.mind_id, memory_id=memory.id) == memory


def test_answers_stay_small_and_lists_go_on_where_they_stopped(portal: StoredPortal):
    for number in range(30):
        publish(portal, str(number), f"Acme {number}. " + "long story " * 80)
    found = _search(portal, "acme", limit=30)
    assert len(found.model_dump_json().encode()) < ANSWER_BYTES_MAX + 500
    assert found.more
    seen: list[int] = []
    before = None
    while True:
        page = list_memories(portal.database, mind_id=portal.mind_id, limit=25, before=before)
        assert len(page.model_dump_json().encode()) < ANSWER_BYTES_MAX + 500
        seen += [memory.id for memory in page.memories]
        before = page.next_before
        if before is None:
            break
    assert len(seen) == len(set(seen)) == 30
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize(
    "arguments",
    [
        {"query": " "},
        {"query": "?!"},
        {"types": ["deal"]},
        {"sensitivity": "secret"},
        {"audience": "all"},
        {"limit": 0},
        {"outcome": "maybe"},
        {"since": "yesterday"},
        {"until": "2026-13"},
        {"company": "Nobody"},
        {"company": "?"},
    ],
)
def test_a_wrong_argument_is_said_to_be_wrong(portal: StoredPortal, arguments: dict[str, object]):
    with pytest.raises(WrongSelection):
        _search(portal, **{"query": "acme", **arguments})


def test_a_memory_that_is_not_there_is_said_to_be_unknown(portal: StoredPortal):
    with pytest.raises(UnknownMemory):
        get(portal.database, mind_id=portal.mind_id, memory_id=1)
    with pytest.raises(WrongSelection):
        get(portal.database, mind_id=portal.mind_id)


_ALL = "ROW(NULL, '{open,sensitive}', NULL, NULL, true, NULL, NULL, NULL)"


def _search_for(words: str) -> str:
    """Return a call that asks for words in each way; `words` is SQL."""
    asked = f"CAST({words} AS tsquery)"
    question = f"ROW({asked}, ARRAY[{asked}], '{{}}', '', {asked}, {asked}, {asked}, '{{}}', '{{}}', '{{}}')"
    return f"search_memories({question}, {_ALL}, 100, 100)"


@pytest.fixture
def two_minds(database: Database, local_customer: UUID) -> tuple[StoredPortal, StoredPortal]:
    acme = StoredPortal.create(database, local_customer)
    globex = StoredPortal.create(database, local_customer, mind="globex", hub_id=8)
    publish(acme, "1", "Confidential plan of Acme: Voltaire.")
    publish(globex, "1", "Confidential plan of Globex: Diderot.")
    return acme, globex


def test_a_mind_finds_its_own_memories_only(two_minds: tuple[StoredPortal, StoredPortal]):
    acme, globex = two_minds
    assert _found(acme, "confidential plan") == ["Confidential plan of Acme: Voltaire."]
    assert _found(globex, "confidential plan") == ["Confidential plan of Globex: Diderot."]
    assert _found(acme, "diderot", connector_id=globex.connector_id) == []
    assert _search(acme, "diderto").did_you_mean == {}
    (theirs,) = _search(globex, "plan").memories
    with pytest.raises(UnknownMemory):
        get(acme.database, mind_id=acme.mind_id, memory_id=theirs.id)
    with pytest.raises(UnknownMemory):
        get(acme.database, mind_id=acme.mind_id, source_ref=theirs.source_ref)


def test_a_mind_that_does_not_exist_finds_nothing(two_minds: tuple[StoredPortal, StoredPortal]):
    database = two_minds[0].database
    assert search(database, mind_id=uuid4(), query="confidential").memories == ()
    assert list_memories(database, mind_id=uuid4()).memories == ()


@pytest.mark.parametrize(
    "call",
    [
        "SELECT * FROM " + _search_for("'confidential'"),
        f"SELECT * FROM memories_with('confidential', {_ALL}, 100)",
        "SELECT mind_lexeme()",
        "SELECT forget_lexemes('{confidential}')",
    ],
)
def test_what_passes_the_policies_refuses_to_work_without_a_mind(
    two_minds: tuple[StoredPortal, StoredPortal], call: str
):
    with two_minds[0].database.nobody() as connection, pytest.raises(DBAPIError, match="search without a mind"):
        connection.execute(text(call))


def test_the_search_function_takes_the_mind_from_the_transaction_alone(two_minds: tuple[StoredPortal, StoredPortal]):
    acme, globex = two_minds
    with acme.database.mind(acme.mind_id) as connection:
        theirs = f"'mind:{globex.mind_id}' | 'confidential'"
        statement = f"SELECT id FROM {_search_for(':words')}"
        ids = connection.scalars(text(statement), {"words": theirs}).all()
        own = connection.scalars(text("SELECT id FROM memories")).all()
    assert ids == own


@pytest.mark.parametrize("role", ["coppermind_scheduler", "coppermind_reader"])
@pytest.mark.parametrize(
    "call",
    [
        _search_for("'plan'"),
        f"memories_with('plan', {_ALL}, 100)",
        "find_companies('Acme', 'x', NULL, 10)",
        "records_of_company('acme-hubspot-0007', '1', 10)",
    ],
)
def test_only_the_application_may_search(two_minds: tuple[StoredPortal, StoredPortal], role: str, call: str):
    database = two_minds[0].database
    opened = database.scheduler() if role == "coppermind_scheduler" else database.reader()
    with opened as connection, pytest.raises(DBAPIError, match="permission denied"):
        connection.execute(text(f"SELECT * FROM {call}"))

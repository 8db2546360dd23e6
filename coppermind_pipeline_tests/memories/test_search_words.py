"""What people type, and what is found by it: parts of addresses, numbers, other scripts, irregular words, questions."""

import pytest

from coppermind_pipeline.memories import Found, MemoryType, search
from coppermind_pipeline_tests.memories.publishing import publish, publish_aggregate
from coppermind_pipeline_tests.stored_portal import StoredPortal

_TEXTS = {
    "acme": "Acme.com (acme-shop.example) is a company in Berlin, Germany.",
    "jane": "Jane Doe is CFO at Firma X, in Köln, Germany. E-mail: jane.doe@firma-x.example.",
    "tokyo": "東京サンプル商事 is a company in Tokyo, Japan.",
    "amount": 'The deal "Website" with Globex, worth €12,500, was won on 3 March 2026.',
    "lost": 'The deal "Renewal" with Initech was lost on 3 May 2026. The reason given: "Price was too high".',
    "close": "Ann Close is a buyer at Globex Ltd.",
    "thought": "Bo Ng leads the children's wear team.",
    "q3": "Cy Young plans the Q3 launch.",
}


_AGGREGATES = {
    "channel_mix": "Channel mix. By source: Paid Search, 4 won.",
    "geography": "Customer geography. Customers by country: Germany 3.",
    "lead_leaks": "Lead leaks. 18 of 240 Paid Search leads are disqualified.",
    "loss_themes": "Closed-lost themes. 9 lost deals. Price: 4 of 9; for example “Too expensive” (Globex).",
    "strategy": "HubSpot marketing strategy. Look at the channel and why deals are lost on price.",
}


@pytest.fixture(scope="module")
def texts(lasting_portal: StoredPortal) -> StoredPortal:
    """A mind with one memory of each text."""
    for name, content in _TEXTS.items():
        publish(lasting_portal, name, content)
    return lasting_portal


@pytest.fixture(scope="module")
def summarized(another_lasting_portal: StoredPortal) -> StoredPortal:
    """A mind with two companies, a lost deal of each, and the aggregates of two weeks."""
    portal = another_lasting_portal
    for number, name in (("1", "Globex"), ("2", "Initech")):
        portal.company(number, name=name)
        publish(portal, number, f"{name} is a company.", object_type="companies")
        lost = f'The deal "Pilot" with {name} was lost on 3 May 2026. The reason given: "Price, of all reasons".'
        publish(portal, number, lost, object_type="deals", memory_type=MemoryType.OBJECTION)
    publish(portal, "9", "Ed Fox is Channel Marketing Manager, where customers are.")
    for name, content in _AGGREGATES.items():
        publish_aggregate(portal, "2026-W46", content + " Last week.", scope=name)
        publish_aggregate(portal, "2026-W47", content, scope=name, weeks=1)
    return portal


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("acme", "acme"),
        ("Acme.com", "acme"),
        ("acme-shop.example", "acme"),
        ("firma-x.example", "jane"),
        ("@firma-x.example", "jane"),
        ("jane.doe@firma-x.example", "jane"),
        ("firma x", "jane"),
        ("サンプル", "tokyo"),
        ("東京", "tokyo"),
        ("商", "tokyo"),
        ("12500", "amount"),
        ("12,500", "amount"),
        ("12.500 €", "amount"),
        ("12 500", "amount"),
        ("12.5k or 12500", "amount"),
        ("lose", "lost"),
        ("losses", "lost"),
        ("what did we lose on pricing?", "lost"),
        ("Q3", "q3"),
        ("child", "thought"),
        ("led", "thought"),
        ("germ", "jane"),
        ("who is Jane Doe?", "jane"),
    ],
)
def test_what_people_type_finds_what_they_mean(texts: StoredPortal, query: str, expected: str):
    found = _search(texts, query)
    assert _TEXTS[expected] in [memory.content for memory in found.memories]
    assert found.did_you_mean == {}


@pytest.mark.parametrize("query", ["why did we lose on price", "losing", "what is the reason", "glob", "jap"])
def test_a_word_that_is_right_or_only_asks_is_not_corrected(texts: StoredPortal, query: str):
    assert _search(texts, query).did_you_mean == {}


@pytest.mark.parametrize("query", ["who", "why how what", "is the"])
def test_words_that_only_ask_find_nothing_by_themselves(texts: StoredPortal, query: str):
    assert _search(texts, query).memories == ()


def test_a_misspelt_word_among_question_words_is_corrected(texts: StoredPortal):
    assert _search(texts, "where is jermany").did_you_mean == {"jermany": "germany"}


def test_who_is_called_so_comes_before_who_is_mentioned(portal: StoredPortal):
    portal.company("1", name="North", domain="north.example")
    portal.company("2", name="North Light Group")
    portal.contact("1", name="Una North")
    publish(portal, "1", "Una North works at Acme.")
    publish(portal, "9", "Al Ito works at North.")
    publish(portal, "2", "North Light Group is a company.", object_type="companies")
    publish(portal, "1", "North (north.example) is a company.", object_type="companies")
    publish(portal, "8", "Bo Ito works at North, the best North.")
    found = [memory.content for memory in _search(portal, "north").memories]
    assert found[0] == "North (north.example) is a company."
    assert set(found[1:3]) == {"North Light Group is a company.", "Una North works at Acme."}
    assert _search(portal, "who is at north.example").memories[0].content == found[0]


def test_of_equals_the_newest_comes_first(portal: StoredPortal):
    for day in ("2026-05-01", "2026-07-01", "2026-06-01"):
        portal.deal(day, name="Renewal", close_at=f"{day}T12:00:00Z")
        publish(portal, day, f'The deal "Renewal" was won in {day[:7]}.', object_type="deals")
    found = [memory.provenance.record_id for memory in _search(portal, "renewal").memories]
    assert found == ["2026-07-01", "2026-06-01", "2026-05-01"]


@pytest.mark.parametrize(
    ("query", "scope"),
    [
        ("why did we lose", "loss_themes"),
        ("why did we lose deals on price", "loss_themes"),
        ("what are our loss reasons", "loss_themes"),
        ("best channel", "channel_mix"),
        ("which source brings the most revenue?", "channel_mix"),
        ("where are our customers", "geography"),
        ("customers by country", "geography"),
        ("where do we leak leads", "lead_leaks"),
        ("what is our strategy", "strategy"),
        ("why did we lose Initech", None),
        ("lost deals of Globex", None),
        ("channel marketing manager", None),
    ],
)
def test_the_aggregate_that_answers_comes_first(summarized: StoredPortal, query: str, scope: str | None):
    first = _search(summarized, query).memories[0]
    assert first.provenance.aggregate_scope == scope
    if scope is not None:
        assert first.content == _AGGREGATES[scope]


def test_no_aggregate_answers_a_client(summarized: StoredPortal):
    found = _search(summarized, "why did we lose", audience="client").memories
    assert {memory.provenance.aggregate_scope for memory in found} == {None}


def test_more_than_can_be_ranked_is_said(portal: StoredPortal, monkeypatch: pytest.MonkeyPatch):
    for number in range(6):
        publish(portal, str(number), f"Acme {number}.")
    assert _search(portal, "acme").ranked_max is None
    monkeypatch.setattr("coppermind_pipeline.memories.reading.search.CANDIDATES_MAX", 5)
    found = _search(portal, "acme", limit=3)
    assert (len(found.memories), found.ranked_max) == (3, 5)
    assert _search(portal, "acme 3").ranked_max is None


def _search(portal: StoredPortal, query: str, **arguments: object) -> Found:
    return search(portal.database, mind_id=portal.mind_id, query=query, **arguments)  # pyright: ignore[reportArgumentType]

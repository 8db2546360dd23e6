import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coppermind_pipeline.hubspot.resources.record_answers import RecordAnswers

NAMES = st.sampled_from(["email", "a b", 'with "quotes"', "back\\slash", "1st", "class", "größe", "hs_object_id"])
MOMENTS = st.none() | st.text(max_size=3) | st.integers(0, 2**53)
ODD_VALUES = st.integers(-5, 5) | st.just([1, "x"]) | st.just("\ud83d") | st.just("\x00")


@st.composite
def histories(draw):
    """Answers whose records mostly have the same properties in one order, and text or nothing in them."""
    text = st.none() | st.text(max_size=8)
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    usual = st.fixed_dictionaries(dict.fromkeys(names, text))
    odd = st.fixed_dictionaries(dict.fromkeys(names, text | ODD_VALUES))
    records = st.fixed_dictionaries(
        {
            "id": st.integers(1, 9).map(str),
            "properties": usual | usual | odd | st.dictionaries(NAMES, text | ODD_VALUES),
        },
        optional={
            "archived": st.booleans(),
            **dict.fromkeys(("createdAt", "updatedAt", "archivedAt"), MOMENTS),
            "url": st.none() | st.text(max_size=3),
        },
    )
    answers = st.fixed_dictionaries(
        {"results": st.lists(records, max_size=3)},
        optional={
            "total": st.integers(0, 9),
            "paging": st.just({"next": {"after": "200"}}),
            "errors": st.just([{"category": "OBJECT_NOT_FOUND", "context": {"ids": ["5"]}}]),
        },
    )
    return draw(st.lists(answers, min_size=2, max_size=6))


def as_read(answer):
    """What of an answer is read, by plain JSON."""
    return {
        **{name: answer.get(name) for name in ("total", "paging", "errors")},
        "results": [
            (
                result["id"],
                {
                    name: value if isinstance(value, str) else orjson.dumps(value).decode()
                    for name, value in result["properties"].items()
                    if value is not None
                },
                in_text(result.get("createdAt")),
                in_text(result.get("updatedAt")),
                result.get("archived", False),
                in_text(result.get("archivedAt")),
                result.get("url"),
            )
            for result in answer["results"]
        ],
    }


def in_text(moment):
    return moment if moment is None or isinstance(moment, str) else str(moment)


def decoded_by(decoder, answer):
    data = decoder.decode(json.dumps(answer).encode())
    return {
        **{name: data.get(name) for name in ("total", "paging", "errors")},
        "results": [
            (r.id, r.properties, r.created_at, r.updated_at, r.archived, r.archived_at, r.url) for r in data["results"]
        ],
    }


@given(histories())
def test_each_answer_reads_the_same_whatever_came_before(answers):
    decoder = RecordAnswers()
    for answer in answers:
        assert decoded_by(decoder, answer) == as_read(answer)


def answer(*records):
    return orjson.dumps({"results": [{"id": "1", "properties": properties} for properties in records]})


@pytest.mark.parametrize("broken", [b"", b"<html>", answer({"email": "a"})[:-3], answer({"email": "a"}) + b"}"])
def test_what_is_no_json_is_refused_before_and_after_an_answer(broken):
    decoder = RecordAnswers()
    for _ in range(2):
        with pytest.raises(ValueError, match=r"."):
            decoder.decode(broken)
        decoder.decode(answer({"email": "a", "phone": None}))


@pytest.mark.parametrize(
    "broken", [b"[]", b"{}", b'{"results": [{"id": "1"}]}', b'{"results": [{"id": "1", "properties": null}]}']
)
def test_what_holds_no_records_is_refused_before_and_after_an_answer(broken):
    decoder = RecordAnswers()
    for _ in range(2):
        with pytest.raises((ValueError, TypeError, AttributeError, LookupError)):
            decoder.decode(broken)
        decoder.decode(answer({"email": "a", "phone": None}))

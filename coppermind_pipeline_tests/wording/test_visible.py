"""Control characters, bidi overrides and zero-width characters reach no reader; writing that needs joiners stays."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coppermind_pipeline.wording import visible_text, visible_values

_BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_ZERO_WIDTH = "\u200b\u2060\u2061\u2062\u2063\u2064\ufeff\u180e\xad\U000e0041\U000e007f"
_CONTROLS = "".join(map(chr, [*range(32), *range(0x7F, 0xA0)]))

# Heavy with what must not come through, beside any text at all.
TEXT = st.text(st.sampled_from(_BIDI + _ZERO_WIDTH + _CONTROLS + "\u200c\u200d\ufe0e\ufe0f\U000e0100ab م\u2028👩") |
               st.characters(exclude_categories=["Cs"]))  # fmt: skip


@given(TEXT)
@example("a\u200d\ufe0f\u200db")
@example("👩\ufe0f\u200d\ufe0f\u200d\U000e0100")
@example("\r\n\x85\x9b31m\x1b]0;x\x07")
def test_nothing_unseen_is_left(value: str):
    shown = visible_text(value)
    assert not set(shown) & (set(_BIDI + _ZERO_WIDTH + _CONTROLS) - {"\n", "\t"})
    assert not [c for c in shown if unicodedata.category(c) in {"Zl", "Zp"}]
    for before, c in zip(" " + shown, shown, strict=False):  # joiners and selectors never first, and never in a row
        if c in "\u200c\u200d":
            assert ord(before) > 0x5FF
            assert before not in "\u200c\u200d"
        assert c not in "\ufe0e\ufe0f\U000e0100" or before not in " \u200c\u200d\ufe0e\ufe0f\U000e0100"
    assert visible_text(shown) == shown
    line = visible_text(value, one_line=True)
    assert "\n" not in line
    assert "\t" not in line
    assert [c for c in line if not c.isspace()] == [c for c in shown if not c.isspace()]


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp", "Mn", "Cn"])))
def test_what_can_be_seen_stays_as_it_is(value: str):
    assert visible_text(value) == value


@pytest.mark.parametrize(
    "text",
    ["نمی\u200cشود", "क्\u200dष", "👨\u200d👩\u200d👧", "👩🏽\u200d💻", "🏳\ufe0f\u200d🌈", "❤\ufe0f", "葛\U000e0100飾",
     "Zoë", "first\nsecond\tthird"],
)  # fmt: skip
def test_writing_that_needs_joiners_and_selectors_stays(text: str):
    assert visible_text(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ac\u200dme", "Acme"),
        ("Ac\u200c\u200d\u200bme", "Acme"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("\x1b[2J\x9b1mGlobex\x07", "[2J1mGlobex"),
        ("Globex\U000e0069\U000e0067\U000e006e", "Globex"),
        ("x" + "\ufe0f\ufe0e" * 40, "x\ufe0f"),
        ("one\r\ntwo\x85three\u2028four\rfive", "one\ntwo\nthree\nfour\nfive"),
    ],
)
def test_what_steers_or_hides_is_dropped(text: str, shown: str):
    assert visible_text(text) == shown


def test_texts_within_an_answer_are_made_visible_names_included():
    assert visible_values({"a\x1b": ["\u202eb", 1, None, {"c": "d\x9b"}]}) == {"a": ["b", 1, None, {"c": "d"}]}

from hypothesis import given
from hypothesis import strategies as st

from coppermind_pipeline.wording import as_words, capitalized, cut, one_line, single_spaced, uncapitalized


def test_a_text_is_cut_to_its_length_with_an_ellipsis_and_without_a_space_before_it():
    assert (cut("Acme", 4), cut("Acme GmbH", 6), cut("Acme GmbH", 7)) == ("Acme", "Acme…", "Acme G…")


def test_a_persons_text_is_one_line_of_what_can_be_seen():
    assert one_line(" Acme\n\tGmbH\u202e & Co ", 40) == "Acme GmbH & Co"
    assert single_spaced(" a \n b\u2003c ") == "a b c"


@given(st.text(), st.integers(2, 30))
def test_a_line_is_never_longer_than_asked_for(text: str, chars_max: int):
    line = one_line(text, chars_max)
    assert len(line) <= chars_max
    assert one_line(line, chars_max) == line


def test_only_the_first_letter_of_a_phrase_changes():
    assert (capitalized("iPhone leads"), uncapitalized("By SDR"), capitalized("")) == ("IPhone leads", "by SDR", "")
    assert as_words("never_synced") == "never synced"

import pytest

from coppermind_pipeline.wording import ascii_letters, fold, without_accents


@pytest.mark.parametrize(
    ("written", "folded"),
    [("Łódź, Straße", "lodz, strasse"), ("Île-de-France", "ile-de-france"), ("SØREN Æ", "soren ae"), ("東京", "東京")],
)
def test_words_are_compared_without_case_and_accents(written: str, folded: str):
    assert fold(written) == folded


def test_letters_that_have_no_base_letter_stay_or_go_where_a_name_is_not_folded_whole():
    assert (without_accents("Łódź, Straße"), ascii_letters("Łódź")) == ("łodz, strasse", "odz")

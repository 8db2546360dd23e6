import pytest

from coppermind_pipeline.wording import fold


@pytest.mark.parametrize(
    ("written", "folded"),
    [("Łódź, Straße", "lodz, strasse"), ("Île-de-France", "ile-de-france"), ("SØREN Æ", "soren ae"), ("東京", "東京")],
)
def test_words_are_compared_without_case_and_accents(written: str, folded: str):
    assert fold(written) == folded

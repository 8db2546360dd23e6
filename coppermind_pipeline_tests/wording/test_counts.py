from decimal import Decimal

import pytest

from coppermind_pipeline.wording import agreeing, are, count, have, in_number, number


@pytest.mark.parametrize(
    ("value", "noun", "text"),
    [
        (0, "deal", "0 deals"),
        (1, "deal", "1 deal"),
        (1_240, "won deal", "1,240 won deals"),
        (2, "company", "2 companies"),
        (2, "other country", "2 other countries"),
        (1, "memory", "1 memory"),
        (3, "Paid Social lead", "3 Paid Social leads"),
    ],
)
def test_a_noun_follows_its_count(value: int, noun: str, text: str):
    assert count(value, noun) == text


def test_numbers_have_separators_of_thousands_and_all_their_digits():
    assert [number(value) for value in (999, 1_000, -1_234_567, 1_234.5, Decimal("12345.60"))] == [
        "999",
        "1,000",
        "-1,234,567",
        "1,234.5",
        "12,345.60",
    ]


def test_words_agree_with_their_number():
    assert [f"{are(n)} {have(n)} {agreeing(n, 'it', 'them')}" for n in (1, 0, 2)] == [
        "is has it",
        "are have them",
        "are have them",
    ]
    assert (in_number(1, "Contact"), in_number(2, "Contact")) == ("Contact", "Contacts")

"""The words that texts are found by."""

import pytest

from coppermind_pipeline.wording import name_words, search_vector, search_words, whole_name, words_of


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("Jane@Acme.com", "jane acme com"),
        ("firma-x.example", "firma x example"),
        ("https://www.acme.com/pricing?x=1", "https www acme com pricing x 1"),
        ("1,200", "1200"),
        ("€1.200", "1200"),
        ("1 200 €", "1200"),
        ("CHF 1'200", "chf 1200"),
        ("1\u202f200\u00a0€", "1200"),
        ("1,234,567.50", "1234567 50"),
        ("12.5 %", "12 5"),
        ("18.11.2026", "18 11 2026"),
        ("in 2026, 100 deals", "in 2026 100 deals"),
        ("Q3 200", "q3 200"),
        ("O'Brien\u2019s customers' list", "obrien customers list"),
        ("what's L'Oréal", "what loreal"),
        ("Łódź GmbH, Straße", "lodz gmbh strasse"),
        ("東京", "東京"),
        ("東京都", "東京 京都"),
        ("サンプル", "サン ンフ フル"),
        ("ｻﾝﾌﾟﾙ", "サン ンフ フル"),
        ("삼성전자", "삼성 성전 전자"),
        ("東", "東"),
        ("Acme東京2026", "acme 東京 2026"),
        ("ソニー・グループ", "ソニ ニー クル ルー ーフ"),
        ("?! -- '", ""),
    ],
)
def test_words_are_those_that_a_person_would_type(written: str, words: str):
    assert " ".join(words_of(written)) == words


def test_a_single_character_of_what_has_no_spaces_finds_it_too():
    assert search_words("東京都 Acme") == ["東京", "京都", "acme", "東", "京", "都"]


def test_a_vector_has_words_by_place_and_names_by_mark():
    marks = [*name_words(["Acme Inc."]), whole_name(words_of("Acme Inc."))]
    assert search_vector(["acme", "berlin"], marks) == "'acme':1A 'berlin':2A 'name:acme' 'name:inc' 'name=acme inc'"

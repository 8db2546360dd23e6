from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coppermind_pipeline.crm import known_loss_theme, loss_theme, loss_themes, recorded_loss_theme
from coppermind_pipeline_tests.crm.loss_labels import Labelled, halves, labelled, later


def _misses(rows: list[Labelled]) -> list[str]:
    found = ((row, known_loss_theme(row.phrase)) for row in rows)
    return [
        f"{row.phrase} ({row.language}): {row.theme} by a person, {theme and theme.key} by the table"
        for row, theme in found
        if (theme.key if theme is not None else None) != row.theme
    ]


def test_the_table_agrees_with_a_person_on_nineteen_of_twenty_reasons_that_it_was_not_written_by():
    _, set_aside = halves()
    misses = _misses(set_aside)
    assert len(set_aside) >= 200
    assert len(misses) <= len(set_aside) * 0.05, "\n".join(misses)


def test_the_table_agrees_with_a_person_on_those_that_it_was_written_by():
    work, _ = halves()
    assert not _misses(work)


def test_the_table_still_agrees_on_what_was_labelled_later():
    rows = later()
    misses = _misses(rows)
    assert len(misses) <= len(rows) * 0.02, "\n".join(misses)


def test_the_labels_are_enough_and_cover_each_theme_and_each_language():
    rows = labelled()
    assert len({(row.phrase.lower(), row.language) for row in rows}) == len(rows) >= 400
    assert {row.theme for row in rows} == {*loss_themes(), None}
    assert min(Counter(row.theme for row in rows).values()) >= 15
    assert min(Counter(row.language for row in rows).values()) >= 80


@pytest.mark.parametrize(
    ("reason", "theme"),
    [
        ("not a good fit", "fit"),
        ("Product Fit", "fit"),
        ("didn\u2019t meet requirements", "fit"),
        ("DIDNT MEET REQUIREMENTS", "fit"),
        ("too slow", "performance"),
        ("too slow to respond", "support"),
        ("no API", "integration"),
        ("Falta de presupuesto", "budget"),
        ("internal champion left", "authority"),
        ("Good fit, but too expensive", "price"),
        ("no budget, great fit", "budget"),
        ("Price - then timing", "price"),
        ("no_longer_needed", "priorities"),
        ("pushed back on price", "price"),
        ("priceless collaboration", None),
        ("in-house counsel", None),
        ("", None),
    ],
)
def test_a_reason_is_read_with_what_stands_around_its_words(reason, theme):
    found = known_loss_theme(reason)
    assert (found.key if found is not None else None) == theme


def test_the_examples_of_a_theme_lead_to_it():
    for theme in loss_themes().values():
        assert len(theme.examples) == 4
        assert {known_loss_theme(example) for example in theme.examples} == {theme}


def test_a_portals_own_option_is_read_by_its_label_and_by_its_value_only_without_one():
    assert recorded_loss_theme("price_2", "Poor support") == loss_themes()["support"]
    assert recorded_loss_theme("price_2", None) == loss_themes()["price"]
    assert recorded_loss_theme("OLD_09", None) is None
    chemistry = recorded_loss_theme("price_2", "Chemistry")
    assert chemistry is not None
    assert chemistry.key == "chemistry"


def test_a_theme_says_which_memory_it_makes():
    pain_points = {key for key, theme in loss_themes().items() if theme.memory_type == "pain_point"}
    assert pain_points == {
        "fit", "missing_feature", "integration", "support", "usability", "performance", "reliability",
    }  # fmt: skip


def test_a_reason_that_no_phrase_knows_is_a_theme_of_its_own_in_any_case_and_spacing():
    assert loss_theme("Bad  chemistry").label == "Bad chemistry"
    assert loss_theme("BAD CHEMISTRY").key == loss_theme("bad chemistry").key == "bad chemistry"
    assert loss_theme("Bad chemistry").memory_type == "objection"


@given(st.text(st.characters(), max_size=300))
def test_any_text_has_a_theme(text):
    theme = loss_theme(text)
    assert theme.memory_type in {"objection", "pain_point"}
    assert known_loss_theme(text) in {None, theme}

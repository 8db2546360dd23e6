import pytest
from hypothesis import given
from hypothesis import strategies as st

from coppermind_pipeline.crm import says_no_reason, says_nothing
from coppermind_pipeline.crm.placeholders import person_name

_PADDING = st.sampled_from(["", " ", "(", "[", "--", "* ", '"', "<", "…"])


@pytest.mark.parametrize(
    "text",
    [
        "-",
        "?",
        "???",
        "...",
        "n/a",
        "N/A",
        "n. a.",
        "NA",
        "none",
        "null",
        "NaN",
        "tbd",
        "T.B.D.",
        "test",
        "Test 1",
        "TEST test",
        "xxx",
        "000",
        "k.A.",
        "keine Angabe",
        "Unbekannt",
        "non renseigné",
        "NÉANT",
        "aucune",
        "à définir",
        "sin datos",
        "Ninguno",
        "No aplica",
        "s/d",
        "(not set)",
        "#N/A",
        "-- select --",
        "[object Object]",
        "don\u2019t know",
    ],
)
def test_placeholders_of_four_languages_say_nothing(text: str) -> None:
    assert says_nothing(text)
    assert says_no_reason(text)


@given(text=st.sampled_from(["n/a", "none", "Null", "tbd", "k.A.", "inconnu", "ninguno"]), padding=_PADDING,
       change=st.sampled_from([str.upper, str.lower, str.title]))  # fmt: skip
def test_they_say_nothing_in_any_case_and_padding(text: str, padding: str, change) -> None:
    assert says_nothing(f"{padding}{change(text)}{padding}")


@pytest.mark.parametrize(
    "text",
    [
        "other",
        "Others",
        "Lost",
        "closed lost",
        "Closed-Lost",
        "Sonstiges",
        "verloren",
        "Autre",
        "perdu",
        "Otro motivo",
        "in progress",
        "no reason given",
        "kein Grund",
        "x",
    ],
)
def test_some_words_say_nothing_as_a_reason_alone(text: str) -> None:
    assert says_no_reason(text)
    assert not says_nothing(text)


@pytest.mark.parametrize(
    "text",
    [
        "Price",
        "Product Fit",
        "No budget",
        "Lost to a competitor",
        "Other vendor",
        "Test phase failed",
        "no answer",
        "$$$",
        "NASA",
        "None of our users wanted it",
        "サンプル",
        "Unqualified",
        "bad timing",
        "San José",
        "TestCompany",
    ],
)
def test_what_says_something_is_left_alone(text: str) -> None:
    assert not says_nothing(text)
    assert not says_no_reason(text)


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [
        ("Ada", "Null", "Ada Null"),
        ("Test", "None", "Test None"),
        ("Hana", "Na", "Hana Na"),
        ("K.A.", "Smith", "K.A. Smith"),
        ("Li", "Li", "Li Li"),
        ("Jo", "N/A", "Jo"),
        ("Jane", "-", "Jane"),
        (None, "Okafor", "Okafor"),
        ("Test", None, None),
        ("n/a", "n/a", None),
        ("none", "None", None),
        (None, None, None),
    ],
)
def test_a_name_is_left_alone_where_first_and_last_name_stand_together(first, last, name) -> None:
    assert person_name(first, last) == name

import subprocess
import sys

import pycountry
import pytest
from babel import Locale, localedata
from hypothesis import given
from hypothesis import strategies as st

from coppermind_pipeline.crm import countries, country_code, country_label, country_name


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("USA", "US"),
        ("usa", "US"),
        ("U.S.A.", "US"),
        ("U. S.", "US"),
        ("United States", "US"),
        ("United States of America", "US"),
        ("United States (US)", "US"),
        ("Vereinigte Staaten", "US"),
        ("UK", "GB"),
        ("England", "GB"),
        ("Deutschland", "DE"),
        ("Allemagne", "DE"),
        ("DEU", "DE"),
        ("de", "DE"),
        ("The Netherlands", "NL"),
        ("Holland", "NL"),
        ("Brasil", "BR"),
        ("Côte d'Ivoire", "CI"),
        ("Cote d\u2019Ivoire", "CI"),
        ("Cote dIvoire", "CI"),
        ("Korea, Republic of", "KR"),
        ("South Korea", "KR"),
        ("Czech Republic", "CZ"),
        ("Türkiye", "TR"),
        ("Turkey", "TR"),
        ("Россия", "RU"),
        ("日本", "JP"),
        ("Trinidad & Tobago", "TT"),
        ("Kosovo", "XK"),
        ("Georgia", "GE"),
        ("EE.UU.", "US"),
        ("EEUU", "US"),
        ("PR China", "CN"),
        ("P.R. China", "CN"),
        ("Rep. of Ireland", "IE"),
        ("Korea, South", "KR"),
        ("Dominican Rep.", "DO"),
        ("Oesterreich", "AT"),
    ],
)
def test_codes_and_names_as_people_type_them(text, code):
    assert country_code(text) == code


@pytest.mark.parametrize("text", ["", "Narnia", "ZZ", "EU", "Europe", "001", "World", "?", "(Narnia"])
def test_what_is_in_no_table_is_not_guessed(text):
    assert country_code(text) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Germny", "DE"),
        ("Germanyy", "DE"),
        ("Gernany", "DE"),
        ("Itlay", "IT"),
        ("Brazill", "BR"),
        ("Switzerlnd", "CH"),
        ("Phillipines", "PH"),
        ("Germnay!", "DE"),
        ("Grmny", None),  # two slips
        ("Chil", None),  # too short to be told
        ("Soria", None),  # a province, not a misspelt Syria
        ("Austrlia", None),  # Austria or Australia
        ("Untied Kingdom", "GB"),
    ],
)
def test_a_name_may_have_one_slip_of_the_pen(text, code):
    assert country_code(text) == code


def test_no_region_is_taken_for_a_misspelt_country():
    known = countries._codes_by_name()
    for region in pycountry.subdivisions:
        if countries.name_key(region.name) not in known and "," not in region.name and "(" not in region.name:
            assert country_code(region.name) is None, region


@pytest.mark.parametrize("text", ["Korea", "korea", "Corea", "Virgin Islands"])
def test_a_name_of_several_countries_is_told_as_ambiguous(text):
    assert country_code(text) is None
    assert country_label(None, text) == f"Ambiguous ({text})"


def test_every_country_is_found_by_each_of_its_codes_and_names_in_english():
    for country in pycountry.countries:
        for text in (country.alpha_2, country.alpha_3, country.name, country_name(country.alpha_2)):
            assert country_code(text) == country.alpha_2, text


@given(st.text(st.characters()))
def test_any_text_is_a_country_or_none(text):
    found = country_code(text)
    assert found is None or country_code(found) == found


# In a process of its own, which has no table yet.
_AT_ONCE = """
from concurrent.futures import ThreadPoolExecutor
from coppermind_pipeline.crm import country_code

with ThreadPoolExecutor(8) as threads:
    assert set(threads.map(country_code, ["Tschechien"] * 8)) == {"CZ"}
"""


@pytest.mark.slow
def test_threads_that_need_the_table_at_once_all_get_it():
    subprocess.run([sys.executable, "-c", _AT_ONCE], check=True)


def test_what_babel_keeps_of_a_language_is_let_go_once_the_table_stands():
    assert Locale("fr").territories["DE"] == "Allemagne"
    assert "fr" in localedata._cache
    countries._codes_by_name.cache_clear()
    country_code.cache_clear()
    assert country_code("Allemagne") == "DE"
    assert "fr" not in localedata._cache


def test_labels_name_the_country_or_keep_what_was_typed():
    assert country_label("DE", "Deutschland") == "Germany"
    assert country_label(None, "Narnia") == "Unrecognized (Narnia)"
    assert country_label(None, None) == "Unknown country"

import pycountry
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coppermind_pipeline.crm import region_name

FOLDED = ("US", "CA", "DE", "AT", "CH", "GB", "AU", "ES", "IT", "BR", "MX", "IN")
# Where a region has one province, both are the same place.
ONE_PROVINCE = {"Asturias", "Balearic Islands", "Cantabria", "La Rioja", "Madrid", "Murcia", "Navarre"}


@pytest.mark.parametrize(
    ("country", "spellings", "name"),
    [
        ("US", ["NY", "ny", "N.Y.", "New York", " new  york", "New York State"], "New York"),
        ("US", ["US-NY", "NY, USA", "New York (NY)", "NYC"], "New York"),
        ("US", ["CA", "Calif.", "California", "State of California", "CA - California"], "California"),
        ("US", ["DC", "D.C.", "Washington DC", "Washington, D.C."], "District of Columbia"),
        ("US", ["WA", "Washington State", "Washington"], "Washington"),
        ("CA", ["QC", "Québec", "Quebec", "P.Q."], "Quebec"),
        ("CA", ["BC", "B.C.", "British Columbia", "Colombie-Britannique"], "British Columbia"),
        ("DE", ["BY", "Bayern", "Bavaria", "Freistaat Bayern", "BAVARIA"], "Bavaria"),
        ("DE", ["NW", "NRW", "Nordrhein-Westfalen", "North Rhine Westphalia"], "North Rhine-Westphalia"),
        ("DE", ["BW", "Baden-Wuerttemberg", "Baden Württemberg", "Baden-Wurttemberg"], "Baden-Württemberg"),
        ("AT", ["9", "W", "Wien", "Vienna"], "Vienna"),
        ("AT", ["NÖ", "Niederoesterreich", "Lower Austria"], "Lower Austria"),
        ("CH", ["ZH", "Zürich", "Zurich", "Kanton Zürich", "Zuerich"], "Zurich"),
        ("CH", ["GE", "Genève", "Genf", "Geneva", "Canton de Genève"], "Geneva"),
        ("GB", ["London", "Greater London", "City of London", "London, City of", "LND"], "London"),
        ("GB", ["ENG", "England"], "England"),
        ("GB", ["Herts", "Hertfordshire", "HRT"], "Hertfordshire"),
        ("AU", ["NSW", "N.S.W.", "New South Wales"], "New South Wales"),
        ("ES", ["CT", "Cataluña", "Catalunya", "Catalonia"], "Catalonia"),
        ("ES", ["M", "MD", "Madrid", "Comunidad de Madrid"], "Madrid"),
        ("ES", ["V", "Valencia", "Provincia de Valencia"], "Valencia"),
        ("ES", ["VC", "Comunidad Valenciana", "Comunitat Valenciana"], "Valencian Community"),
        ("IT", ["25", "Lombardia", "Lombardy"], "Lombardy"),
        ("IT", ["NA", "Napoli", "Naples"], "Naples"),
        ("BR", ["SP", "São Paulo", "Sao Paulo", "Estado de São Paulo"], "São Paulo"),
        ("MX", ["CMX", "CDMX", "Ciudad de México", "D.F.", "Mexico City"], "Mexico City"),
        ("MX", ["MEX", "Estado de México", "Edo. de Méx.", "State of Mexico"], "State of Mexico"),
        ("IN", ["MH", "Mahārāshtra", "Maharashtra"], "Maharashtra"),
        ("IN", ["TG", "TS", "Telangana"], "Telangana"),
    ],
)  # fmt: skip
def test_code_local_and_english_name_are_one_region(country, spellings, name):
    assert {region_name(country, spelling) for spelling in spellings} == {name}


@pytest.mark.parametrize(
    ("country", "text"),
    [
        ("FR", "Bavaria"),
        ("US", "Bavaria"),
        ("DE", "NY"),
        (None, "CA"),
        ("FR", "Île-de-France"),
        ("US", "Bay Area, California"),
        ("CH", "Romandie"),
    ],
)
def test_what_names_no_region_of_the_country_stays_as_it_is_written(country, text):
    assert region_name(country, text) == text


@pytest.mark.parametrize("country", FOLDED)
def test_each_region_is_found_by_its_code_and_its_name_and_is_no_other(country):
    names: dict[str, set[str]] = {}
    for region in pycountry.subdivisions.get(country_code=country) or ():
        local = region.name.partition(" [")[0]
        found = {region_name(country, text) for text in (region.code, region.code.partition("-")[2], local)}
        assert len(found) == 1, region
        names.setdefault(str(found.pop()), set()).add(region.code)
    assert {name for name, codes in names.items() if len(codes) > 1} == (ONE_PROVINCE if country == "ES" else set())
    assert all(region_name(country, name) == name for name in names)


@given(country=st.sampled_from(FOLDED), text=st.text(st.characters(), min_size=1))
def test_a_region_that_was_named_once_stays_so(country, text):
    named = region_name(country, text)
    assert region_name(country, named) == named


def test_no_region_is_none():
    assert region_name("US", None) is None
    assert region_name(None, None) is None

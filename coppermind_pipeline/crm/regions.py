"""Regions: the states, provinces and the like of a dozen countries, each under one name however people write it.

Codes and local names are those of ISO 3166-2; `regions.csv` has the English names, and what else people write. Of other
countries, and where a text names no region of its country, the text stays as it is written: "Bavaria" in France is told
as "Bavaria", and so is a code without a country, which may be that of several.
"""

import csv
import re
from functools import cache, lru_cache
from importlib.resources import files

import pycountry

from coppermind_pipeline.crm.countries import UMLAUTS, country_code, name_key

# What people write before or after a region's name to say what it is.
_KINDS_BEFORE = re.compile(
    r"(?:the )?(?:(?:free )?state|province|region|canton|county|commonwealth|district) of "
    r"|(?:provincia|estado|edo|comunidad(?: autonoma)?|region|canton|departamento) (?:de(?: la)?|do|da|del) "
    r"|(?:provincia|regione) (?:di|del|della|dell) "
    r"|(?:kanton|canton|freistaat|land|bundesland|provincia|regione|estado) "
)
_KINDS_AFTER = re.compile(r" (?:state|province|region|canton|county|prov|kanton|bundesland)")
_PARTS = re.compile(r"[,;/|()\[\]]|\s[-\N{EN DASH}]\s")


def region_name(country: str | None, text: str | None) -> str | None:
    """Return the English name of a region of a country, by its alpha-2 code; the text where it names none of it."""
    if country is None or text is None or country not in _countries():
        return text
    return _found(country, text) or text


@lru_cache(maxsize=16_384)
def _found(country: str, text: str) -> str | None:
    names = _names(country)
    if (whole := _looked_up(names, text)) is not None:
        return whole
    parts = [part for part in _PARTS.split(text) if part.strip() and country_code(part.strip()) != country]
    found = {_looked_up(names, part) for part in parts}
    return found.pop() if len(found) == 1 else None


def _looked_up(names: dict[str, str], text: str) -> str | None:
    key = name_key(text)
    return names.get(key) or names.get(_KINDS_AFTER.sub("", _KINDS_BEFORE.sub("", key)))


@cache
def _countries() -> frozenset[str]:
    return frozenset(row["country"] for row in _rows())


@cache
def _names(country: str) -> dict[str, str]:
    """Return the English name of each region of a country by what people may write for it."""
    names: dict[str, str] = {}
    for row in _rows():
        if row["country"] == country:
            for written in (row["name"], *row["aliases"].split("; ")):
                _add(names, written, row["name"])
    regions = sorted(pycountry.subdivisions.get(country_code=country) or (), key=lambda each: each.code)
    english: dict[str, str] = {}
    for region in regions:
        local = _local_names(region.name)
        english[region.code] = next((names[key] for each in local if (key := name_key(each)) in names), local[0])
        for each in local:
            _add(names, each, english[region.code])
    for code, name in english.items():  # after all names, which go before codes
        _add(names, code, name)
        _add(names, code.partition("-")[2], name)
    return names


def _add(names: dict[str, str], written: str, name: str) -> None:
    for text in (written, written.translate(UMLAUTS)):
        if key := name_key(text):
            names.setdefault(key, name)


def _local_names(name: str) -> list[str]:
    """Return how ISO writes a region: "Murcia, Región de" is Murcia, and "Lleida [Lérida]" has two names."""
    first, _, second = name.partition(" [")
    written = [first, _CODE_IN_NAME.sub("", second)] if second else [first]
    turned = (_TURNED.fullmatch(each) for each in written)
    return [part for each in turned if each for part in (each[1], f"{each[2]} {each[1]}")] + written


@cache
def _rows() -> list[dict[str, str]]:
    text = files("coppermind_pipeline.crm").joinpath("regions.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


_CODE_IN_NAME = re.compile(r"(?: [A-Z]{2}-[A-Z]{3})?\]")
_TURNED = re.compile(r"(.+), (City of|The|County|U\.S\.|Principado de|Comunidad Foral de|Región de|Comunidad(?: de)?)")

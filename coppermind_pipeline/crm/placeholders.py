"""Placeholders: what people and forms write where they have nothing to say ("n/a", "???", "tbd").

The words are those of `placeholders.csv`, in English, German, French and Spanish; they match whole values only, in any
case, with or without accents, and with any punctuation and brackets around them or between their words. Some say
nothing as a *reason* alone: that a lost deal was "lost", or that its reason is an "other" one.
"""

import csv
import re
import unicodedata
from functools import cache, lru_cache
from importlib.resources import files

import pycountry

from coppermind_pipeline.wording import without_accents

_WORD = re.compile(r"[^\W_]+")
_APOSTROPHES = re.compile("['\u2019`]")
# Of any length: "xxx", "0000", "test 12", "Test test".
_FILLERS = re.compile(r"x{2,}|0+|(?:test ?)+[0-9]*|a?sdf(?:asdf|ghjkl?)?|qwertz?y?")
_CHARS_MAX = 40

_NAMIBIA = "NA"


def says_nothing(text: str) -> bool:
    """Say whether a text, as a person sees it, is a placeholder: no value as place, job title, company or detail."""
    start = text[:3]
    if start.isascii() and start.isalpha() and start.lower() not in _starts():
        return False  # so are nearly all, and there are millions
    return _says_nothing(text)


def says_no_reason(text: str) -> bool:
    """Say whether a text is no reason: a placeholder, or a lone "lost", "other", stage or status word."""
    return says_nothing(text) or _words(text) in _placeholders()["reason"]


def person_name(first: str | None, last: str | None) -> str | None:
    """Return what a person is called: Null, Test and None are names beside another one, and placeholders alone.

    The same placeholder twice is none, and neither is what no name is written like ("n/a", "???").
    """
    empty = {part: says_nothing(part) for part in (first, last) if part}
    if True not in empty.values():
        return " ".join(part for part in (first, last) if part) or None
    parts = [part for part, is_empty in empty.items() if not is_empty or _like_a_name(part)]
    if len(parts) > 1 and _words(parts[0]) != _words(parts[1]):
        return " ".join(parts)
    return next((part for part in parts if not empty[part]), None)


def is_subdivision_code(country: str | None, text: str) -> bool:
    """Say whether a text is the code of a region of its country: NA is Naples in Italy, and SD is South Dakota."""
    return country is not None and pycountry.subdivisions.get(code=f"{country}-{text.strip().upper()}") is not None


def means_namibia(code: str, region: str | None) -> bool:
    """Say whether `NA` as the code of a country is one: not where the region is known to be elsewhere."""
    if code.strip().upper() != _NAMIBIA:
        return False
    countries = _countries_by_region().get(_words(region), frozenset()) if region is not None else frozenset()
    return not countries or _NAMIBIA in countries


@lru_cache(maxsize=8_192)
def _says_nothing(text: str) -> bool:
    words = _words(text)
    if not words:
        return not any(unicodedata.category(character) == "Sc" for character in text)  # "$$$" may say something
    return words in _placeholders()["value"] or _FILLERS.fullmatch(words) is not None


def _like_a_name(part: str) -> bool:
    return part.isalpha() or (part.isupper() and "/" not in part)  # "K.A.", as initials


def _words(text: str) -> str:
    """Return the words of a short text, in lower case without accents: "(N/A)" is "n a"; of a long one, its text."""
    if len(text) > _CHARS_MAX:
        return text
    if text.isascii():  # most are, and quicker
        return text.lower() if text.isalpha() else " ".join(_WORD.findall(_APOSTROPHES.sub("", text.lower())))
    return " ".join(_WORD.findall(without_accents(_APOSTROPHES.sub("", text))))


@cache
def _placeholders() -> dict[str, frozenset[str]]:
    rows = files("coppermind_pipeline.crm").joinpath("placeholders.csv").read_text(encoding="utf-8").splitlines()
    table: dict[str, set[str]] = {"value": set(), "reason": set()}
    for row in csv.DictReader(rows):
        table[row["says_nothing_as"]].add(_words(row["text"]))
    return {kind: frozenset(words) for kind, words in table.items()}


@cache
def _starts() -> frozenset[str]:
    """Return the first three letters of all that says nothing, or as many as there are."""
    return frozenset(words[:3] for words in (*_placeholders()["value"], "xx", "xxx", "test", "asdf", "sdf", "qwert"))


@cache
def _countries_by_region() -> dict[str, frozenset[str]]:
    table: dict[str, set[str]] = {}
    for region in pycountry.subdivisions:
        for name in (region.name, region.code.partition("-")[2]):
            table.setdefault(_words(name), set()).add(region.country_code)
    return {name: frozenset(countries) for name, countries in table.items()}

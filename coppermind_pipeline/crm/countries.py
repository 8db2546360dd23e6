"""Countries: from a code or from what people typed to the ISO 3166 code, and back to an English name."""

import csv
import re
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.resources import files

import pycountry
from babel import Locale, localedata
from rapidfuzz import process
from rapidfuzz.distance import OSA

from coppermind_pipeline.wording import without_accents

UNRECOGNIZED = "Unrecognized"
AMBIGUOUS = "Ambiguous"
UNKNOWN_COUNTRY = "Unknown country"

# As they are written where a keyboard has none.
UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})

_MISSPELT_CHARS_MIN = 5
_MISSPELT_CHARS_MAX = 40
_COMMON_LANGUAGES = ("en", "de", "fr", "es")

# English first: where two languages use one name for two countries, the earlier language has it.
_LANGUAGES = (
    "en",
    "de",
    "fr",
    "es",
    "pt",
    "it",
    "nl",
    "pl",
    "sv",
    "da",
    "nb",
    "fi",
    "cs",
    "sk",
    "hu",
    "ro",
    "tr",
    "el",
    "ru",
    "uk",
    "ar",
    "he",
    "ja",
    "zh",
    "ko",
)

_NOT_A_WORD = re.compile(r"[\W_]+")
_WITHIN_A_WORD = re.compile("[.'\u2019]")
_REPUBLIC = re.compile(r"\brep\b")
_IN_PARENTHESES = re.compile(r"\([^()]*\)")


@lru_cache(maxsize=8_192)
def country_code(text: str) -> str | None:
    """Return the ISO 3166 alpha-2 code of a code or a name, in any case and in the larger languages; else None.

    A name may have one slip of the pen, as long as it can stand for one country only ("Germny"). "Korea" stands for
    two, and so for none. Kosovo, which ISO leaves out, is XK as everywhere.
    """
    if is_ambiguous_country(text):
        return None
    names = _codes_by_name()
    first, comma, rest = text.partition(",")
    readings = (text, _IN_PARENTHESES.sub(" ", text), f"{rest} {first}" if comma else text)
    found = next((code for each in readings if (code := names.get(name_key(each))) is not None), None)
    return found or _misspelt(name_key(text))


def is_ambiguous_country(text: str) -> bool:
    """Say whether a text names several countries alike."""
    return name_key(text) in _ambiguous()


def _misspelt(name: str) -> str | None:
    """Return the country whose name has one letter more, less or other, or two turned; None if there are several."""
    if not _MISSPELT_CHARS_MIN <= len(name) <= _MISSPELT_CHARS_MAX or name in _region_names():
        return None
    # Hardly anybody misses the first letter, and what begins otherwise is mostly another name.
    names = _codes_by_common_name().get(name[0], {})
    alike = process.extract(name, names.keys(), scorer=OSA.distance, score_cutoff=1, limit=None)
    codes = {names[each] for each, _, _ in alike}
    return codes.pop() if len(codes) == 1 else None


@lru_cache(maxsize=512)
def country_name(code: str) -> str:
    """Return the English name of an alpha-2 code."""
    return Locale("en").territories.get(code, UNRECOGNIZED)


def country_label(code: str | None, text: str | None) -> str:
    """Return what a person reads for a place: the country's name, what was typed and not recognized, or unknown."""
    if code is not None:
        return country_name(code)
    if not text:
        return UNKNOWN_COUNTRY
    return f"{AMBIGUOUS if is_ambiguous_country(text) else UNRECOGNIZED} ({text})"


def name_key(text: str) -> str:
    """Reduce a name to lower-case words without accents and punctuation: "Côte d'Ivoire" is "cote divoire"."""
    plain = without_accents(text.replace("&", " and "))
    words = _NOT_A_WORD.sub(" ", _WITHIN_A_WORD.sub("", plain)).strip().removeprefix("the ")
    return _REPUBLIC.sub("republic", words)


@cache
def _codes_by_name() -> dict[str, str]:
    return _names_in(_LANGUAGES) | {code.lower(): code for code in _codes()} | _aliases()


@cache
def _codes_by_common_name() -> dict[str, dict[str, str]]:
    """Return by first letter what a misspelt name may stand for: of many languages there would be too many alike."""
    table: dict[str, dict[str, str]] = {}
    for name, code in _names_in(_COMMON_LANGUAGES).items():
        if len(name) >= _MISSPELT_CHARS_MIN:
            table.setdefault(name[0], {})[name] = code
    return table


def _names_in(languages: Iterable[str]) -> dict[str, str]:
    table: dict[str, str] = {}
    for country in pycountry.countries:
        for name in ("alpha_3", "name", "official_name", "common_name"):
            if (value := getattr(country, name, None)) is not None:
                table.setdefault(name_key(value), country.alpha_2)
    for language in languages:
        for code, name in Locale(language).territories.items():
            if code in _codes():
                table.setdefault(name_key(name), code)
                table.setdefault(name_key(name.translate(UMLAUTS)), code)
        # Babel keeps all that it knows of a language, a megabyte each, and has no public way to let it go.
        # Another thread may be building the same table, and have let it go.
        localedata._cache.pop(language, None)
    return table


@cache
def _codes() -> frozenset[str]:
    return frozenset({*(country.alpha_2 for country in pycountry.countries), "XK"})


@cache
def _region_names() -> frozenset[str]:
    """Return the names of all regions: Soria is one of Spain, and no misspelt Syria."""
    return frozenset(name_key(region.name) for region in pycountry.subdivisions)


@cache
def _aliases() -> dict[str, str]:
    return {name_key(row["alias"]): row["code"] for row in _alias_rows() if row["code"] in _codes()}


@cache
def _ambiguous() -> frozenset[str]:
    return frozenset(name_key(row["alias"]) for row in _alias_rows() if row["code"] not in _codes())


def _alias_rows() -> list[dict[str, str]]:
    """Return what else people write for a country, by its code; for several countries, by their codes."""
    rows = files("coppermind_pipeline.crm").joinpath("country_aliases.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(rows.splitlines()))

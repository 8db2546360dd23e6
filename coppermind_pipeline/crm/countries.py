"""Countries: from a code or from what people typed to the ISO 3166 code, and back to an English name."""

import csv
import re
from functools import cache, lru_cache
from importlib.resources import files

import pycountry
from babel import Locale, localedata

from coppermind_pipeline.wording import without_accents

UNRECOGNIZED = "Unrecognized"
UNKNOWN_COUNTRY = "Unknown country"

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
_IN_PARENTHESES = re.compile(r"\([^()]*\)")


@lru_cache(maxsize=4_096)
def country_code(text: str) -> str | None:
    """Return the ISO 3166 alpha-2 code of a code or a name, in any case and in the larger languages; else None.

    A table, not a guess: "Germny" is not recognized. Kosovo, which ISO leaves out, is XK as everywhere.
    """
    names = _codes_by_name()
    found = names.get(_normalized(text))
    if found is None and "(" in text:
        found = names.get(_normalized(_IN_PARENTHESES.sub(" ", text)))
    return found


def country_name(code: str) -> str:
    """Return the English name of an alpha-2 code."""
    return Locale("en").territories.get(code, UNRECOGNIZED)


def country_label(code: str | None, text: str | None) -> str:
    """Return what a person reads for a place: the country's name, what was typed and not recognized, or unknown."""
    if code is not None:
        return country_name(code)
    return f"{UNRECOGNIZED} ({text})" if text else UNKNOWN_COUNTRY


@cache
def _codes_by_name() -> dict[str, str]:
    codes = {country.alpha_2 for country in pycountry.countries} | {"XK"}
    table: dict[str, str] = {}
    aliases = files("coppermind_pipeline.crm").joinpath("country_aliases.csv").read_text(encoding="utf-8").splitlines()
    for row in csv.DictReader(aliases):
        table[_normalized(row["alias"])] = row["code"]
    for code in codes:
        table.setdefault(code.lower(), code)
    for country in pycountry.countries:
        for name in ("alpha_3", "name", "official_name", "common_name"):
            if (value := getattr(country, name, None)) is not None:
                table.setdefault(_normalized(value), country.alpha_2)
    for language in _LANGUAGES:
        for code, name in Locale(language).territories.items():
            if code in codes:
                table.setdefault(_normalized(name), code)
        # Babel keeps all that it knows of a language, a megabyte each, and has no public way to let it go.
        # Another thread may be building the same table, and have let it go.
        localedata._cache.pop(language, None)
    return table


def _normalized(text: str) -> str:
    """Reduce a name to lower-case words without accents and punctuation: "Côte d'Ivoire" is "cote divoire"."""
    plain = without_accents(text.replace("&", " and "))
    return _NOT_A_WORD.sub(" ", _WITHIN_A_WORD.sub("", plain)).strip().removeprefix("the ")

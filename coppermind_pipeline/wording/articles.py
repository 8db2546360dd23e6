"""Articles: "a", "an" and "the" before what people wrote, and before the names of countries."""

import re

# By sound: a "you" is no vowel, a silent h is none either.
_A_BEFORE_A_VOWEL = re.compile(r"(?:uni|use|usa|usu|uti|ura|eu|one\b|once\b|ux|ui|uk\b|us\b)", re.IGNORECASE)
_AN_BEFORE_A_CONSONANT = re.compile(r"(?:hour|honest|hono[u]?r|heir|8|11\b|18\b)", re.IGNORECASE)
# Letters whose names begin with a vowel: an HR manager, an SEO specialist.
_SPELT = re.compile(r"[A-Z](?:[A-Z0-9&/]{1,4}|&[A-Z])?(?![\w&])")
_LETTERS_WITH_AN = frozenset("AEFHILMNORSX")

_THE = re.compile(
    r"(?:.* )?(?:Islands|Kingdom|States|Emirates|Republic|Netherlands|Philippines|Bahamas|Gambia|Maldives|Comoros"
    r"|Seychelles|Territory|Territories)|Isle of Man"
)


def with_article(phrase: str) -> str:
    """Return a phrase with its indefinite article: "an aeronautical engineer", "a UX designer", "an HR manager"."""
    return f"{'an' if _takes_an(phrase) else 'a'} {phrase}"


def with_the(country: str) -> str:
    """Return the name of a country as it stands in a sentence: "the United States", "Germany"."""
    return f"the {country}" if _THE.fullmatch(country) else country


def _takes_an(phrase: str) -> bool:
    spelt = _SPELT.match(phrase)
    if spelt is not None and len(spelt.group()) > 1:
        return phrase[0] in _LETTERS_WITH_AN
    if phrase[:1].lower() in "aeiou":
        return _A_BEFORE_A_VOWEL.match(phrase) is None
    return _AN_BEFORE_A_CONSONANT.match(phrase) is not None

"""Folding: the forms in which words are compared, whatever their case and accents."""

import unicodedata

# Letters that Unicode does not take apart into a base letter and a mark.
_BASE_LETTERS = str.maketrans(
    {
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "ł": "l",
        "ħ": "h",
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        "ŋ": "n",
    }
)


def fold(text: str) -> str:
    """Return the text in lower case without accents: "Łódź GmbH, Straße" is "lodz gmbh, strasse"."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", without_accents(text)).translate(_BASE_LETTERS)


def without_accents(text: str) -> str:
    """Return the text in lower case without marks; letters such as ł stay: "Łódź, Straße" is "łodz, strasse"."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def ascii_letters(text: str) -> str:
    """Return the text in lower case and ASCII alone, without what has no letter there: "Łódź" is "odz"."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()

"""Counts: whole numbers, the nouns that follow them, and the verbs that agree."""

from decimal import Decimal

_PLURALS = {
    "city": "cities",
    "company": "companies",
    "country": "countries",
    "currency": "currencies",
    "entry": "entries",
    "memory": "memories",
    "property": "properties",
}


def number(value: int | float | Decimal) -> str:
    """Return a number with separators of thousands: "1,240"."""
    return f"{value:,}"


def size(byte_count: int) -> str:
    """Return how much room something takes: "512 bytes", "1.2 GB"."""
    for unit, least in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if byte_count >= least:
            return f"{byte_count / least:.1f} {unit}"
    return count(byte_count, "byte")


def count(value: int, noun: str) -> str:
    """Return how many there are of something: "1 deal", "1,240 deals"."""
    return f"{number(value)} {in_number(value, noun)}"


def in_number(value: int, noun: str) -> str:
    """Return the noun as it is called of so many: "deal", "won deals"; its last word has the plural."""
    if value == 1:
        return noun
    words, _, last = noun.rpartition(" ")
    return f"{words}{' ' if words else ''}{_PLURALS.get(last, f'{last}s')}"


def agreeing(value: int, of_one: str, of_several: str) -> str:
    """Return the word that agrees with so many: "belongs" or "belong", "it" or "them"."""
    return of_one if value == 1 else of_several


def are(value: int) -> str:
    """Return the verb that goes with so many."""
    return agreeing(value, "is", "are")


def have(value: int) -> str:
    """Return the verb that goes with so many."""
    return agreeing(value, "has", "have")

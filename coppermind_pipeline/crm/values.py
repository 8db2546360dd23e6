"""Reading HubSpot's values: every property arrives as text, most as HubSpot documents it, some as anything at all.

A reader returns None for a value that is blank *or* that can't be read; it never raises and never guesses. What it
returns always fits its column: `numeric(30,6)`, `timestamptz`, or `text` without U+0000 and lone surrogates; and of a
text it returns what a person can see.
"""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal

from coppermind_pipeline.crm.markup import without_markup
from coppermind_pipeline.json_text import read_json
from coppermind_pipeline.wording import visible_text

# HubSpot computes with binary doubles, which are exact to 15 digits: a longer amount is a typing error or an overflow.
WHOLE_DIGITS_MAX = 15
DECIMAL_PLACES_MAX = 6
PROBABILITY_PLACES = 4

YEAR_MIN = 1900
YEAR_MAX = 2999
# Ten digits of milliseconds end in April 1970: so short an all-digit text is something else (seconds, 20240331).
EPOCH_MS_DIGITS_MIN = 11

LINE_CHARS_MAX = 1_000
PROSE_CHARS_MAX = 32_000

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_NUMBER_CHARS_MAX = 400
_CONTEXT = Context(prec=WHOLE_DIGITS_MAX + DECIMAL_PLACES_MAX + 2, rounding=ROUND_HALF_UP)
_SMALLEST = Decimal(1).scaleb(-DECIMAL_PLACES_MAX)
_PROBABILITY_STEP = Decimal(1).scaleb(-PROBABILITY_PLACES)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_MS_DIGITS_MAX = 15

_SURROGATE = re.compile("[\ud800-\udfff]")
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def storable_text(value: str) -> str:
    """Return the text as PostgreSQL can hold it: U+0000 and lone surrogates become U+FFFD, nothing else changes."""
    if "\0" in value:
        value = value.replace("\0", "\ufffd")
    return value if value.isascii() else _SURROGATE.sub("\ufffd", value)


def decode_properties(payload: str) -> dict[str, str | None]:
    """Return a record's properties from the JSON text in which the raw log keeps them."""
    return read_json(payload)


def read_text(value: str, *, chars_max: int = LINE_CHARS_MAX) -> str | None:
    """Return storable, visible text without surrounding space; None where it is blank or longer than `chars_max`.

    Prose keeps its lines.
    """
    value = value.strip()
    if not value or len(value) > chars_max:
        return None
    return visible_text(storable_text(value), one_line=chars_max <= LINE_CHARS_MAX).strip() or None


def read_shown_text(value: str, *, chars_max: int = LINE_CHARS_MAX) -> str | None:
    """Return the same of a text that people write: markup and entities are read as a person sees them.

    Not for internal values, which are compared as they are.
    """
    if "<" in value or "&" in value:
        value = without_markup(value) if len(value) <= chars_max else value
    return read_text(value, chars_max=chars_max)


def read_label(value: str) -> str:
    """Return what a portal calls something (an option, a stage, an owner) as storable, visible text on one line."""
    return visible_text(storable_text(value), one_line=True)


def read_decimal(value: str) -> Decimal | None:
    """Return a plain number, rounded half up to 6 places: the binary tails that HubSpot sends end there.

    None for anything with separators of thousands, signs of currency or words ("1,000.50" is a thousand here and one
    there), for NaN and infinities, and for more than 15 digits before the point.
    """
    value = value.strip()
    if len(value) > _NUMBER_CHARS_MAX or _NUMBER.fullmatch(value) is None:
        return None
    number = Decimal(value)
    if number.adjusted() >= WHOLE_DIGITS_MAX:
        return None
    places = _places(number)
    if not 0 <= places <= DECIMAL_PLACES_MAX:  # negative for "1e5", which would print as 1E+5
        number = number.quantize(_SMALLEST if places > 0 else Decimal(1), context=_CONTEXT)
    return number or Decimal(0)  # "-0" and "0e9" are zero


def read_probability(value: str) -> Decimal | None:
    """Return a probability rounded to 4 places; None where it is blank, no number, or outside 0 to 1."""
    number = read_decimal(value)
    return rounded_probability(number) if number is not None and 0 <= number <= 1 else None


def rounded_probability(value: Decimal) -> Decimal:
    """Round to the 4 places in which probabilities are compared and shown."""
    return value.quantize(_PROBABILITY_STEP, context=_CONTEXT)


def read_datetime(value: str) -> datetime | None:
    """Return the moment in UTC of an ISO 8601 text or of epoch milliseconds.

    A bare date is midnight UTC and a text without zone is UTC, as in HubSpot. None outside the years 1900 to 2999, so
    that no later conversion between zones can overflow.
    """
    value = value.strip()
    try:
        if value.isdecimal():
            # Checked first: `fromisoformat` takes 13 digits for a date, a separator and an hour.
            return _from_epoch_ms(value)
        moment = datetime.fromisoformat(value)
    except (ValueError, OverflowError):
        return None
    if not YEAR_MIN <= moment.year <= YEAR_MAX:
        return None
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def read_date(value: str) -> date | None:
    """Return the day of a `date` property: HubSpot sends it as ISO date or as milliseconds of midnight UTC."""
    moment = read_datetime(value)
    return moment.date() if moment is not None else None


def read_boolean(value: str) -> bool | None:
    """Return what "true", "false", "1" or "0" say, in any case; None for everything else."""
    return _BOOLEANS.get(value.strip().lower())


def is_blank(value: str) -> bool:
    """Say whether a value is HubSpot's empty value: "" and null are the same, and so is what shows nothing."""
    return not value or value.isspace() or (not value.isprintable() and not visible_text(value).strip())


def id_order(hubspot_id: str) -> tuple[bool, int, str]:
    """Return the sort key of a HubSpot id: ids compare as numbers, and what is no number comes last."""
    digits = hubspot_id.lstrip("0")
    return (not (hubspot_id.isascii() and hubspot_id.isdecimal()), len(digits), digits)


def _places(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _from_epoch_ms(digits: str) -> datetime | None:
    if not EPOCH_MS_DIGITS_MIN <= len(digits) <= _EPOCH_MS_DIGITS_MAX:
        return None
    moment = _EPOCH + timedelta(milliseconds=int(digits))
    return moment if moment.year <= YEAR_MAX else None

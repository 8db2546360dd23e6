"""HubSpot's two spellings of an instant: ISO 8601 with `Z` in answers, epoch milliseconds or ISO in requests."""

import re
from datetime import UTC, datetime
from functools import lru_cache

DAY_MS = 86_400_000

# Up to the year 5138: what is longer is no moment, and can't be spelled as one.
_EPOCH_MS = re.compile(r"-?[0-9]{1,14}")


def iso(ms: int) -> str:
    """Spell an instant as HubSpot does; a zero fraction is left out (`2026-12-31T00:00:00Z`)."""
    day, within = divmod(ms, DAY_MS)
    minute, rest = divmod(within, 60_000)
    return _day(day) + _minute(minute) + _rest(rest)


def iso_date(ms: int) -> str:
    """Spell the UTC day of an instant, the form of properties of type `date`."""
    return _day(ms // DAY_MS)[:10]


def parse_ms(text: str) -> int | None:
    """Read epoch milliseconds, an ISO instant with a zone, or a bare date (midnight UTC); None where it is neither."""
    text = text.strip()
    if _EPOCH_MS.fullmatch(text):
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        if "T" in text or " " in text:
            return None
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


@lru_cache(maxsize=20_000)
def _day(day: int) -> str:
    return datetime.fromtimestamp(day * 86_400, UTC).strftime("%Y-%m-%dT")


# Spelling dates is a third of the work of generating records: the parts repeat, so they are kept.
@lru_cache(maxsize=1440)
def _minute(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}:"


@lru_cache(maxsize=60_000)
def _rest(milliseconds: int) -> str:
    second, fraction = divmod(milliseconds, 1000)
    return f"{second:02}.{fraction:03}Z" if fraction else f"{second:02}Z"

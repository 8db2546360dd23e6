"""Numbers, days and lists as sentences have them."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from coppermind_pipeline.reports.figures import Amount, DealSum
from coppermind_pipeline.wording import money


def plain_day(value: date) -> str:
    """Return "1 October 2026"."""
    return f"{value.day} {value:%B %Y}"


def day(value: datetime, zone: ZoneInfo) -> str:
    """Return a moment's day in the zone."""
    return plain_day(value.astimezone(zone).date())


def clock(value: datetime, zone: ZoneInfo) -> str:
    """Return "18 November 2026, 07:00", for texts that name the zone beside it."""
    return f"{day(value, zone)}, {value.astimezone(zone):%H:%M}"


def moment(value: datetime, zone: ZoneInfo) -> str:
    """Return "18 November 2026, 07:00 (America/New_York)"."""
    return f"{clock(value, zone)} ({zone.key})"


def listed(parts: Sequence[str]) -> str:
    """Return "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def amount_in_words(amount: Amount) -> str:
    """Return an amount as a person writes it."""
    return money(Decimal(amount.amount), amount.currency)


def sums(amounts: Sequence[Amount], *, nothing: str) -> str:
    """Return amounts, one per currency: "$125,000 and €3,000"."""
    return listed([amount_in_words(amount) for amount in amounts]) if amounts else nothing


def worth(deals: DealSum) -> str:
    """Return what deals are worth."""
    return sums(deals.amounts, nothing="no known amount")

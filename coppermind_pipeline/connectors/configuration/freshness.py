"""How old what is stored of a portal may be before it is called stale: one rule for states, checks and reports."""

from datetime import datetime, timedelta
from enum import StrEnum

GRACE_MINUTES = 5


class Freshness(StrEnum):
    """Whether what is stored shows the portal as it is."""

    FRESH = "fresh"
    STALE = "stale"
    NEVER_SYNCED = "never_synced"


def freshness(*, last_pull_at: datetime | None, poll_interval_minutes: int, now: datetime) -> Freshness:
    """Return how fresh a portal's records are. Nothing but a complete pull counts: no reconnect, no page of a backfill.

    Args:
        last_pull_at: end of the last complete pull.
        poll_interval_minutes: as configured; two of them may pass, and five minutes.
        now: aware.
    """
    if last_pull_at is None:
        return Freshness.NEVER_SYNCED
    overdue = is_overdue(last_pull_at, poll_interval_minutes=poll_interval_minutes, now=now)
    return Freshness.STALE if overdue else Freshness.FRESH


def is_overdue(*signs_of_life: datetime | None, poll_interval_minutes: int, now: datetime) -> bool:
    """Say whether the last sign of life is further back than two poll intervals and five minutes."""
    last = max((sign for sign in signs_of_life if sign is not None), default=None)
    return last is None or now - last > timedelta(minutes=2 * poll_interval_minutes + GRACE_MINUTES)

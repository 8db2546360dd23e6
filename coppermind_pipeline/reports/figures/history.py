"""How far back the CRM's history goes."""

from collections.abc import Sequence
from datetime import datetime

from coppermind_pipeline.catalog import Portal
from coppermind_pipeline.reports.errors import BeforeHistory
from coppermind_pipeline.wording import capitalized


def require_history(portals: Sequence[Portal], as_of: datetime) -> None:
    """Raise BeforeHistory, naming the earliest time possible, unless every portal had been read completely by then."""
    for portal in portals:
        if portal.first_completed_at is None:
            raise BeforeHistory(
                f"{capitalized(portal.name)} has not been read completely yet, so that nothing can be "
                "said about an earlier time.",
                hint="`connectors action=status` shows how far the backfill is.",
            )
    earliest = max((p.first_completed_at for p in portals if p.first_completed_at is not None), default=as_of)
    if as_of < earliest:
        raise BeforeHistory(
            f"The portal had not been read completely on {as_of.isoformat()}; the earliest time possible is "
            f"{earliest.isoformat()}.",
            hint=f"Ask for as_of={earliest.isoformat()} or later.",
        )

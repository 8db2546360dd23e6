"""The CRM's history: how far back it goes, and the records of an earlier time."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from coppermind_pipeline.catalog import Interpretation, Portal, RecordSettings, load_interpretation
from coppermind_pipeline.reports.errors import BeforeHistory
from coppermind_pipeline.reports.trust.portals import SyncedPortal
from coppermind_pipeline.sync import lay_over_store
from coppermind_pipeline.wording import capitalized


def lay_out_history(
    connection: Connection,
    portals: Sequence[SyncedPortal],
    as_of: datetime,
    *,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    as_read: bool = False,
) -> None:
    """Lay out deals and contacts of that time for the transaction (`lay_over_store`), as today's settings read them.

    Args:
        settings: by connector, those that its records were interpreted by once, to be read by these instead.
        as_read: as the store had them then, without what was read of that time only later.

    Raises:
        BeforeHistory: a portal had not been read completely by then, or what it held then is kept no longer.
    """
    require_history(portals, as_of)
    interpretations = {
        portal.connector_id: _interpretation(connection, portal, (settings or {}).get(portal.connector_id))
        for portal in portals
    }
    lay_over_store(connection, interpretations, as_of=as_of, as_read=as_read)


def _interpretation(connection: Connection, portal: SyncedPortal, applied: Mapping[str, Any] | None) -> Interpretation:
    settings, company = (portal.config.of_records, None) if applied is None else RecordSettings.of_applied(applied)
    return load_interpretation(connection, portal.connector_id, settings, company_info=company)


def require_history(portals: Sequence[Portal], as_of: datetime, *, argument: str = "as_of") -> None:
    """Raise BeforeHistory, naming the earliest time possible, unless every portal's history reaches back to then.

    Args:
        argument: the one by which that time was asked for.
    """
    for portal in portals:
        if portal.first_completed_at is None:
            raise BeforeHistory(
                f"{capitalized(portal.name)} has not been read completely yet, so that nothing can be "
                "said about an earlier time.",
                hint="`connectors action=status` shows how far the backfill is.",
            )
    earliest = max((p.history_since for p in portals if p.history_since is not None), default=as_of)
    if as_of < earliest:
        was_read = all(p.first_completed_at is not None and p.first_completed_at <= as_of for p in portals)
        why = (
            "What was replaced so early is kept no longer than COPPERMIND_HISTORY_DAYS says"
            if was_read
            else (f"The portal had not been read completely on {as_of.isoformat()}")
        )
        raise BeforeHistory(
            f"{why}; the earliest time possible is {earliest.isoformat()}.",
            hint=f"Ask for {argument}={earliest.isoformat()} or later.",
        )

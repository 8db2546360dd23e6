"""The portals that an answer speaks of, and how far they are synced."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from coppermind_pipeline.catalog import Portal, portal_values
from coppermind_pipeline.connectors import (
    AccountUnreadable,
    ConnectorConfig,
    ConnectorNotFound,
    Freshness,
    Lifecycle,
    Problem,
    UserLevelApp,
    freshness,
    problems_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncedPortal(Portal):
    """A portal with the stored facts that say how far its records can be trusted.

    Attributes:
        last_pull_at: end of the last complete pull.
        refusals: why HubSpot refuses the authorization or a part of it, as sentences.
        last_error: what stopped the last poll, or another step of the sync, as a sentence; None once it succeeded.
        failed_step: which step that was, by its name.
        retry_at: when the pause that HubSpot asked for ends.
        backfill_completed_at: of the backfill, or of the resync after it; None while one is running.
        totals: what the portal says it holds in the window, by object type.
        degraded: object types that are read without some of their properties.
        adrift: object types of which HubSpot counts more or fewer than are stored, beyond its index's delay.
        skipped: by object type, records that HubSpot does not answer for.
        filters: by key, what its stored records are filtered by.
        applied_settings: what its stored records are interpreted by; None: they are not yet.
        settings_wait: its stored records are interpreted by settings that have been changed since.
        config_problems: filters or settings that can't be applied, as sentences.
        user_level: HubSpot shows what one user may see, and no more.
        account_unreadable: HubSpot gives no account details; those of before are kept.
    """

    status: Lifecycle
    config: ConnectorConfig
    last_pull_at: datetime | None
    refusals: tuple[str, ...]
    last_error: str | None
    failed_step: str | None
    retry_at: datetime | None
    backfill_completed_at: datetime | None
    totals: Mapping[str, int]
    degraded: tuple[str, ...]
    adrift: tuple[str, ...]
    skipped: dict[str, int]
    filters: Mapping[str, Any]
    applied_settings: Mapping[str, Any] | None
    settings_wait: bool
    config_problems: tuple[str, ...]
    user_level: bool
    account_unreadable: bool

    @property
    def reported_in(self) -> ZoneInfo | None:
        """The time zone of its reports; None if it is neither configured nor known of the portal."""
        return self.report_zone(self.config.report_timezone)

    def freshness(self, *, now: datetime) -> Freshness:
        """Return how fresh the portal's records are, by the rule that checks and synthesis follow, too."""
        return freshness(
            last_pull_at=self.last_pull_at,
            poll_interval_minutes=self.config.poll_interval_minutes,
            now=now,
        )


def load_portals(connection: Connection, *, connector_ids: Collection[str] | None = None) -> tuple[SyncedPortal, ...]:
    """Return the mind's portals by HubSpot's id: those of the given connectors, else all that were ever approved.

    A connector that another one replaced is left out, unless it is asked for.

    Raises:
        ConnectorNotFound: the mind has no connector of a given id.
    """
    wanted = None if connector_ids is None else sorted(set(connector_ids))
    rows = connection.execute(text(_PORTALS), {"connectors": wanted}).mappings().all()
    problems = problems_of(connection, [row["connector_id"] for row in rows])
    portals = tuple(_portal(row, problems[row["connector_id"]]) for row in rows)
    missing = set(wanted or ()) - {portal.connector_id for portal in portals}
    if missing:
        raise ConnectorNotFound(f"This mind has no connector {min(missing)!r}.")
    return portals


def _portal(row: Mapping[Any, Any], problems: Sequence[Problem]) -> SyncedPortal:
    config = ConnectorConfig.from_stored(row["config"])
    applied, company_info = row["settings"], row["company_info"] or {}
    codes = {problem.code for problem in problems}
    return SyncedPortal(
        **portal_values(row),
        status=Lifecycle(row["status"]),
        config=config,
        last_pull_at=row["last_pull_at"],
        refusals=tuple(problem.message for problem in problems if problem.refuses),
        last_error=row["last_error"],
        failed_step=row["failed_step"],
        retry_at=row["retry_at"],
        backfill_completed_at=row["backfill_completed_at"],
        totals=row["totals"],
        degraded=tuple(row["degraded"]),
        adrift=tuple(row["adrift"]),
        skipped=row["skipped"],
        # Nothing is noted before records are interpreted for the first time.
        filters=row["filters"] or {},
        applied_settings=applied,
        settings_wait=applied is not None and config.of_records.wait(company_info, applied=applied),
        config_problems=tuple(problem.message for problem in problems if problem.kind == "config"),
        user_level=UserLevelApp.code in codes,
        account_unreadable=AccountUnreadable.code in codes,
    )


_PORTALS = """
SELECT portal.*, connector.status, connector.config, connector.last_error ->> 'message' AS last_error,
       connector.last_error ->> 'step' AS failed_step,
       synced.last_pull_at, synced.retry_at, synced.backfill_completed_at, synced.totals,
       synced.degraded, synced.adrift, synced.skipped,
       minds.company_info, interpretation.settings, interpretation.filters
  FROM portals AS portal
  JOIN connectors AS connector ON connector.id = portal.connector_id
  JOIN minds ON minds.id = connector.mind_id
  JOIN sync_facts AS synced ON synced.connector_id = connector.id
  LEFT JOIN interpretations AS interpretation ON interpretation.connector_id = connector.id
 WHERE CASE WHEN CAST(:connectors AS text[]) IS NULL
            THEN connector.hub_id IS NOT NULL AND connector.replaced_by IS NULL
            ELSE connector.id = ANY(CAST(:connectors AS text[])) END
 ORDER BY connector.hub_id NULLS LAST, connector.id
"""

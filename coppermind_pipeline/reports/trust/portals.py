"""The portals that an answer speaks of, and how far they are synced."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from coppermind_pipeline.catalog import Portal, portal_values
from coppermind_pipeline.connectors import (
    STANDING_PROBLEMS,
    AccountUnreadable,
    ConnectorConfig,
    ConnectorNotFound,
    Freshness,
    Lifecycle,
    UserLevelApp,
    freshness,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncedPortal(Portal):
    """A portal with the stored facts that say how far its records can be trusted.

    Attributes:
        last_pull_at: end of the last complete pull.
        refusals: why HubSpot refuses the authorization or a part of it, as sentences.
        last_error: what stopped the last poll, or another step of the sync, as a sentence; None once it succeeded.
        retry_at: when the pause that HubSpot asked for ends.
        backfill_completed_at: of the backfill, or of the resync after it; None while one is running.
        totals: what the portal says it holds in the window, by object type.
        degraded: object types that are read without some of their properties.
        adrift: object types of which HubSpot counts more or fewer than are stored, beyond its index's delay.
        skipped: by object type, records that HubSpot does not answer for.
        filters: by key, what its stored records are filtered by.
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
    retry_at: datetime | None
    backfill_completed_at: datetime | None
    totals: Mapping[str, int]
    degraded: tuple[str, ...]
    adrift: tuple[str, ...]
    skipped: dict[str, int]
    filters: Mapping[str, Any]
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
    rows = connection.execute(text(_PORTALS), _WITH_CODES | {"connectors": wanted}).mappings()
    portals = tuple(_portal(row) for row in rows)
    missing = set(wanted or ()) - {portal.connector_id for portal in portals}
    if missing:
        raise ConnectorNotFound(f"This mind has no connector {min(missing)!r}.")
    return portals


def _portal(row: Mapping[Any, Any]) -> SyncedPortal:
    config, applied, company_info = (
        ConnectorConfig.from_stored(row["config"]),
        row["applied"],
        row["company_info"] or {},
    )
    return SyncedPortal(
        **portal_values(row),
        status=Lifecycle(row["status"]),
        config=config,
        last_pull_at=row["last_succeeded_at"],
        refusals=tuple(row["refusals"]),
        last_error=row["last_error"],
        retry_at=row["retry_at"],
        backfill_completed_at=row["completed_at"],
        totals=row["totals"] or {},
        degraded=tuple(row["degraded"]),
        adrift=tuple(row["adrift"]),
        skipped=row["skipped"] or {},
        # Nothing is noted before records are interpreted for the first time.
        filters=applied["filters"] if applied else {},
        settings_wait=applied is not None and config.of_records.wait(company_info, applied=applied["settings"]),
        config_problems=tuple(row["config_problems"]),
        user_level=row["user_level"],
        account_unreadable=row["account_unreadable"],
    )


_PORTALS = """
SELECT portal.*, connector.status, connector.config, connector.last_error ->> 'message' AS last_error,
       poll.last_succeeded_at, poll.retry_at, backfill.completed_at, backfill.totals,
       minds.company_info, normalized.applied,
       ARRAY(SELECT message FROM connector_problems
              WHERE connector_id = connector.id AND kind IN ('auth', 'scope') AND code <> ALL(:standing)
              ORDER BY since, code) AS refusals,
       ARRAY(SELECT object_type FROM hubspot_hydrations WHERE connector_id = connector.id ORDER BY 1) AS degraded,
       ARRAY(SELECT object_type FROM hubspot_drifts
              WHERE connector_id = connector.id AND confirmed_at IS NOT NULL ORDER BY 1) AS adrift,
       (SELECT jsonb_object_agg(object_type, records)
          FROM (SELECT object_type, count(DISTINCT hubspot_id) AS records FROM hubspot_skipped_records
                 WHERE connector_id = connector.id GROUP BY object_type) AS of_type) AS skipped,
       ARRAY(SELECT message FROM connector_problems
              WHERE connector_id = connector.id AND kind = 'config' ORDER BY since, code) AS config_problems,
       EXISTS (SELECT FROM connector_problems WHERE connector_id = connector.id AND code = :user_level) AS user_level,
       EXISTS (SELECT FROM connector_problems
                WHERE connector_id = connector.id AND code = :account_unreadable) AS account_unreadable
  FROM portals AS portal
  JOIN connectors AS connector ON connector.id = portal.connector_id
  JOIN minds ON minds.id = connector.mind_id
  LEFT JOIN hubspot_polls AS poll ON poll.connector_id = connector.id
  LEFT JOIN hubspot_backfills AS backfill ON backfill.connector_id = connector.id
  LEFT JOIN pipeline_stages AS normalized
    ON normalized.connector_id = connector.id AND normalized.stage = 'normalize'
 WHERE CASE WHEN CAST(:connectors AS text[]) IS NULL
            THEN connector.hub_id IS NOT NULL AND connector.replaced_by IS NULL
            ELSE connector.id = ANY(CAST(:connectors AS text[])) END
 ORDER BY connector.hub_id NULLS LAST, connector.id
"""

_WITH_CODES = {
    "standing": list(STANDING_PROBLEMS),
    "user_level": UserLevelApp.code,
    "account_unreadable": AccountUnreadable.code,
}

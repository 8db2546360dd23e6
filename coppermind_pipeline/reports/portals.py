"""The connectors that an answer speaks of: their portals, and how far they are synced."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from coppermind_pipeline.connectors import (
    STANDING_PROBLEMS,
    AccountUnreadable,
    ConnectorConfig,
    ConnectorNotFound,
    Freshness,
    Lifecycle,
    UserLevelApp,
    freshness,
    record_settings,
)
from coppermind_pipeline.object_types import ObjectType

# The type ids under which HubSpot's pages show records.
_RECORD_TYPE_IDS = {ObjectType.CONTACTS: "0-1", ObjectType.COMPANIES: "0-2", ObjectType.DEALS: "0-3"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """One connector with its portal, and the stored facts that say how far its records can be trusted.

    Attributes:
        hub_id: None until a portal was approved.
        time_zone: of its reports: as configured, else the portal's.
        last_pull_at: end of the last complete pull.
        refusals: why HubSpot refuses the authorization or a part of it, as sentences.
        last_error: what stopped the last poll, or another step of the sync, as a sentence; None once it succeeded.
        retry_at: when the pause that HubSpot asked for ends.
        since: start of the window; None before the first sync.
        first_completed_at: of the backfill; a later resync leaves it.
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

    connector_id: str
    status: Lifecycle
    hub_id: int | None
    config: ConnectorConfig
    time_zone: str | None
    company_currency: str | None
    ui_domain: str | None
    last_pull_at: datetime | None
    refusals: tuple[str, ...]
    last_error: str | None
    retry_at: datetime | None
    since: datetime | None
    backfill_completed_at: datetime | None
    first_completed_at: datetime | None
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
    def name(self) -> str:
        """How sentences name the portal."""
        return f"portal {self.hub_id}" if self.hub_id is not None else f"connector {self.connector_id}"

    def freshness(self, *, now: datetime) -> Freshness:
        """Return how fresh the portal's records are, by the rule that checks and synthesis follow, too."""
        return freshness(
            last_pull_at=self.last_pull_at,
            poll_interval_minutes=self.config.poll_interval_minutes,
            now=now,
        )

    def link(self, object_type: ObjectType, hubspot_id: str) -> str | None:
        """Return the address of a record's page in HubSpot; None while the portal's host is not known."""
        if not self.ui_domain or self.hub_id is None:
            return None
        return f"https://{self.ui_domain}/contacts/{self.hub_id}/record/{_RECORD_TYPE_IDS[object_type]}/{hubspot_id}"


def load_portals(connection: Connection, *, connector_ids: Collection[str] | None = None) -> tuple[Portal, ...]:
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


def entered_stage_properties(connection: Connection, connector_ids: Sequence[str]) -> frozenset[str]:
    """Return the names of the portals' deal properties that say when a deal entered a stage."""
    return frozenset(connection.scalars(text(_ENTERED_STAGE), {"connectors": list(connector_ids)}))


def _portal(row: Mapping[Any, Any]) -> Portal:
    config = ConnectorConfig.from_stored(row["config"])
    wanted, applied = record_settings(config, row["company_info"] or {}), row["applied"]
    return Portal(
        connector_id=row["id"],
        status=Lifecycle(row["status"]),
        hub_id=row["hub_id"],
        config=config,
        time_zone=config.report_timezone or row["time_zone"],
        company_currency=row["company_currency"],
        ui_domain=row["ui_domain"],
        last_pull_at=row["last_succeeded_at"],
        refusals=tuple(row["refusals"]),
        last_error=row["last_error"],
        retry_at=row["retry_at"],
        since=row["since"],
        backfill_completed_at=row["completed_at"],
        first_completed_at=row["first_completed_at"],
        totals=row["totals"] or {},
        degraded=tuple(row["degraded"]),
        adrift=tuple(row["adrift"]),
        skipped=row["skipped"] or {},
        # Nothing is noted before records are interpreted for the first time.
        filters=applied["filters"] if applied else {},
        settings_wait=applied is not None and applied["settings"] != wanted,
        config_problems=tuple(row["config_problems"]),
        user_level=row["user_level"],
        account_unreadable=row["account_unreadable"],
    )


_PORTALS = """
SELECT c.id, c.status, c.hub_id, c.config, p.time_zone, p.company_currency, p.ui_domain,
       o.last_succeeded_at, o.retry_at, c.last_error ->> 'message' AS last_error,
       b.since, b.completed_at, b.first_completed_at, b.totals, m.company_info, s.applied,
       ARRAY(SELECT e.message FROM connector_problems e
              WHERE e.connector_id = c.id AND e.kind IN ('auth', 'scope') AND e.code <> ALL(:standing)
              ORDER BY e.since, e.code) AS refusals,
       ARRAY(SELECT h.object_type FROM hubspot_hydrations h WHERE h.connector_id = c.id ORDER BY 1) AS degraded,
       ARRAY(SELECT d.object_type FROM hubspot_drifts d
              WHERE d.connector_id = c.id AND d.confirmed_at IS NOT NULL ORDER BY 1) AS adrift,
       (SELECT jsonb_object_agg(object_type, records)
          FROM (SELECT s.object_type, count(DISTINCT s.hubspot_id) AS records FROM hubspot_skipped_records s
                 WHERE s.connector_id = c.id GROUP BY s.object_type) AS of_type) AS skipped,
       ARRAY(SELECT e.message FROM connector_problems e
              WHERE e.connector_id = c.id AND e.kind = 'config' ORDER BY e.since, e.code) AS config_problems,
       EXISTS (SELECT FROM connector_problems e WHERE e.connector_id = c.id AND e.code = :user_level) AS user_level,
       EXISTS (SELECT FROM connector_problems e
                WHERE e.connector_id = c.id AND e.code = :account_unreadable) AS account_unreadable
  FROM connectors c
  JOIN minds m ON m.id = c.mind_id
  LEFT JOIN hubspot_portals p ON p.connector_id = c.id
  LEFT JOIN hubspot_polls o ON o.connector_id = c.id
  LEFT JOIN hubspot_backfills b ON b.connector_id = c.id
  LEFT JOIN pipeline_stages s ON s.connector_id = c.id AND s.stage = 'normalize'
 WHERE CASE WHEN CAST(:connectors AS text[]) IS NULL THEN c.hub_id IS NOT NULL AND c.replaced_by IS NULL
            ELSE c.id = ANY(CAST(:connectors AS text[])) END
 ORDER BY c.hub_id NULLS LAST, c.id
"""

_WITH_CODES = {
    "standing": list(STANDING_PROBLEMS),
    "user_level": UserLevelApp.code,
    "account_unreadable": AccountUnreadable.code,
}

_ENTERED_STAGE = """
SELECT name FROM hubspot_properties
 WHERE connector_id = ANY(:connectors) AND object_type = 'deals' AND starts_with(name, 'hs_v2_date_entered_')
   AND missing_since IS NULL
"""

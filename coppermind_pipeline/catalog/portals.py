"""A connector's portal: its account, the window that is read of it, and the addresses of its records.

What is known of it comes from the view `portals` (`store/migrations/versions/0049_portals/`), which rooms above may
join to ask for more in the same statement.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from coppermind_pipeline import crm
from coppermind_pipeline.hubspot import AccountDetails
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import load_checkpoint

# The type ids under which HubSpot's pages show records.
_RECORD_TYPE_IDS = {ObjectType.CONTACTS: "0-1", ObjectType.COMPANIES: "0-2", ObjectType.DEALS: "0-3"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """What is known of one connector's portal.

    Attributes:
        hub_id: HubSpot's id of it; None until one was approved.
        time_zone: the portal's own, by its name in the tz database; None while HubSpot has not said it.
        company_currency: ISO 4217 code of the currency that the portal reports in; None likewise.
        ui_domain: host of the portal's pages; None likewise.
        since: start of the window that is read; None before the first sync.
        first_completed_at: when the window had been read completely for the first time; a later resync leaves it.
        kept_since: what was replaced before may be gone; None: everything is there.
    """

    connector_id: str
    hub_id: int | None
    time_zone: str | None
    company_currency: str | None
    ui_domain: str | None
    since: datetime | None
    first_completed_at: datetime | None
    kept_since: datetime | None

    @property
    def name(self) -> str:
        """How sentences name the portal."""
        return f"portal {self.hub_id}" if self.hub_id is not None else f"connector {self.connector_id}"

    @property
    def history_since(self) -> datetime | None:
        """The earliest time of which all that the portal held can be told; None before a first complete backfill."""
        if self.first_completed_at is None or self.kept_since is None:
            return self.first_completed_at
        return max(self.first_completed_at, self.kept_since)

    @property
    def zone(self) -> ZoneInfo | None:
        """The portal's own time zone; None while it is not known."""
        return crm.time_zone(self.time_zone) if self.time_zone else None

    @property
    def url(self) -> str | None:
        """The address of the portal's records in HubSpot; None while the portal's host is not known."""
        return f"https://{self.ui_domain}/contacts/{self.hub_id}" if self.ui_domain and self.hub_id else None

    def report_zone(self, configured: str | None) -> ZoneInfo | None:
        """Return the zone of what is reported: the configured one, else the portal's; None if there is neither."""
        return report_zone(configured, self.time_zone)

    def record_url(self, object_type: ObjectType, hubspot_id: str) -> str | None:
        """Return the address of a record's page in HubSpot; None while the portal's host is not known."""
        return record_url(self.ui_domain, self.hub_id, object_type, hubspot_id)


def report_zone(configured: str | None, of_portal: str | None) -> ZoneInfo | None:
    """Return the zone of what is reported: the configured one, else the portal's; None if there is neither."""
    return next((zone for name in (configured, of_portal) if name and (zone := crm.time_zone(name))), None)


def record_url(ui_domain: str | None, hub_id: int | None, object_type: ObjectType, hubspot_id: str) -> str | None:
    """Return the address of a record's page in HubSpot; None while host or portal are not known."""
    if not ui_domain or hub_id is None:
        return None
    return f"https://{ui_domain}/contacts/{hub_id}/record/{_RECORD_TYPE_IDS[object_type]}/{hubspot_id}"


def load_portal(connection: Connection, connector_id: str) -> Portal:
    """Return a connector's portal, in the mind of the open transaction."""
    row = connection.execute(text(_PORTAL), {"connector": connector_id}).mappings().one()
    return Portal(**portal_values(row))


def portal_values(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the fields of a `Portal` from a row of the view `portals`, or of what joins it."""
    return {field.name: row[field.name] for field in fields(Portal)}


def store_account(connection: Connection, connector_id: str, account: AccountDetails) -> None:
    """Store what HubSpot says about the account, in the place of what it said before; where it is silent, it stays."""
    connection.execute(
        text(_STORE_ACCOUNT),
        {
            "connector": connector_id,
            "hub_id": account.portal_id,
            "account_type": account.account_type,
            "time_zone": account.time_zone,
            "company_currency": account.company_currency,
            "additional_currencies": list(account.additional_currencies),
            "ui_domain": account.ui_domain,
            "data_hosting_location": account.data_hosting_location,
        },
    )


def store_unknown_account(connection: Connection, connector_id: str, hub_id: int) -> None:
    """Note a portal of whose account HubSpot says nothing; what it said before is kept."""
    connection.execute(text(_STORE_UNKNOWN_ACCOUNT), {"connector": connector_id, "hub_id": hub_id})


def store_profile(connection: Connection, connector_id: str, profile: str, *, at: datetime) -> None:
    """Store what a look at the portal's records said of them, as JSON, when, and of which interpretation."""
    rules = load_checkpoint(connection, connector_id, "normalize").rules
    connection.execute(text(_STORE_PROFILE), {"connector": connector_id, "profile": profile, "at": at, "rules": rules})


def profile_is_outdated(connection: Connection, connector_id: str, *, now: datetime) -> bool:
    """Say whether records have changed since the look at them, or been interpreted by other rules, such as filters.

    A look reads all of them: where they are many, changes have it taken hourly at most.
    """
    values = {
        "connector": connector_id,
        "rules": load_checkpoint(connection, connector_id, "normalize").rules,
        "records_max": _LOOKED_AT_AT_ONCE_MAX,
        "hour_ago": now - timedelta(hours=1),
    }
    return bool(connection.scalar(text(_PROFILE_IS_OUTDATED), values))


_LOOKED_AT_AT_ONCE_MAX = 20_000

_PORTAL = "SELECT * FROM portals WHERE connector_id = :connector"

_STORE_ACCOUNT = """
INSERT INTO hubspot_portals AS stored (connector_id, mind_id, hub_id, account_type, time_zone, company_currency,
                                       additional_currencies, ui_domain, data_hosting_location)
VALUES (:connector, current_mind(), :hub_id, :account_type, :time_zone, :company_currency,
        :additional_currencies, :ui_domain, :data_hosting_location)
ON CONFLICT (connector_id) DO UPDATE
   SET hub_id = excluded.hub_id, account_type = excluded.account_type,
       time_zone = coalesce(excluded.time_zone, stored.time_zone),
       company_currency = coalesce(excluded.company_currency, stored.company_currency),
       ui_domain = coalesce(excluded.ui_domain, stored.ui_domain),
       additional_currencies = excluded.additional_currencies,
       data_hosting_location = excluded.data_hosting_location, read_at = excluded.read_at
"""

_STORE_UNKNOWN_ACCOUNT = """
INSERT INTO hubspot_portals (connector_id, mind_id, hub_id) VALUES (:connector, current_mind(), :hub_id)
ON CONFLICT (connector_id) DO NOTHING
"""

_STORE_PROFILE = """
UPDATE hubspot_portals SET profile = CAST(:profile AS jsonb), profiled_at = :at, profile_rules = :rules
 WHERE connector_id = :connector
"""

_PROFILE_IS_OUTDATED = """
SELECT profile_rules IS DISTINCT FROM :rules
       OR (EXISTS (SELECT FROM checkpoints AS done
                    WHERE done.connector_id = :connector AND done.stage IN ('normalize', 'attribute')
                      AND done.at > portal.profiled_at)
           AND (portal.profiled_at < :hour_ago
                OR :records_max >= (SELECT coalesce(sum(stored), 0) FROM record_counts
                                     WHERE record_counts.connector_id = :connector)))
  FROM hubspot_portals AS portal WHERE portal.connector_id = :connector AND portal.profile IS NOT NULL
"""

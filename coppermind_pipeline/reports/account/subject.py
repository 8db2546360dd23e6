"""What every part of an account is asked about: one company of one portal, in one transaction of its mind."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from coppermind_pipeline.crm import Labels, day_of, start_of
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.reports.trust.portals import SyncedPortal
from coppermind_pipeline.wording import one_line

# A row of an answer that has to stay small; HubSpot takes names of thousands of characters.
NAME_CHARS_MAX = 160
REASON_CHARS_MAX = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One company, and how it is spoken of.

    Attributes:
        zone: of its days.
        for_client: without what a client is not to read.
    """

    connection: Connection
    portal: SyncedPortal
    company_id: str
    labels: Labels
    zone: ZoneInfo
    now: datetime
    include_filtered: bool
    for_client: bool

    @property
    def today(self) -> datetime:
        """First moment of the day that open deals are judged on."""
        return start_of(day_of(self.now, self.zone), self.zone)

    def values(self, **more: Any) -> dict[str, Any]:
        """Return what the statements bind."""
        return {
            "connector": self.portal.connector_id,
            "company": self.company_id,
            "zone": self.zone.key,
            "today": self.today,
            "include_filtered": self.include_filtered,
        } | more

    def link(self, object_type: ObjectType, hubspot_id: str) -> str | None:
        """Return the address of a record's page in HubSpot; None for a client, since it holds ids."""
        return None if self.for_client else self.portal.record_url(object_type, hubspot_id)


def shown_name(name: str | None) -> str | None:
    """Return a name as a row shows it."""
    return None if name is None else one_line(name, NAME_CHARS_MAX)

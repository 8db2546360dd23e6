"""A portal that is already in the store: rows as a finished sync leaves them, for tests of what reads them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

import orjson
from sqlalchemy import Connection, text

from coppermind_pipeline.store import Database

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)  # a Wednesday in ISO week 2026-W47

_STAGES = (
    # pipeline, stage, label, closed, probability
    ("default", "appointmentscheduled", "Appointment Scheduled", False, "0.2"),
    ("default", "contractsent", "Contract Sent", False, "0.9"),
    ("default", "closedwon", "Closed Won", True, "1"),
    ("default", "closedlost", "Closed Lost", True, "0"),
    ("7001", "7101", "Renewal Due", False, "0.5"),
    ("7001", "7102", "Renewed", True, "1"),
    ("7001", "7103", "Churned", True, "0"),
)
_SOURCES = (
    ("ORGANIC_SEARCH", "Organic Search"),
    ("PAID_SEARCH", "Paid Search"),
    ("OFFLINE", "Offline Sources"),
    ("REFERRALS", "Referrals"),
)
_LIFECYCLE_STAGES = (("subscriber", "Subscriber"), ("lead", "Lead"), ("customer", "Customer"))
_DEAL_TYPES = (("newbusiness", "New Business"), ("existingbusiness", "Existing Business"))
_LEAD_STATUSES = (("NEW", "New"), ("UNQUALIFIED", "Unqualified"), ("BAD_TIMING", "Bad Timing"))


@dataclass(frozen=True, slots=True)
class StoredPortal:
    """One active connector with its portal, two pipelines, two owners and the definitions that labels come from.

    `contact`, `company` and `deal` take the columns of `hubspot_crm_objects` by name and store one record each.
    """

    database: Database
    mind_id: UUID
    connector_id: str

    @classmethod
    def create(
        cls,
        database: Database,
        customer_id: UUID,
        *,
        mind: str = "acme",
        hub_id: int = 7,
        time_zone: str = "America/New_York",
        company_currency: str = "USD",
    ) -> Self:
        with database.customer(customer_id) as connection:
            known = connection.scalar(text("SELECT id FROM minds WHERE slug = :slug"), {"slug": mind})
            mind_id = (
                known
                or connection.execute(
                    text(
                        """INSERT INTO minds (customer_id, name, slug, kind)
                       VALUES (:customer, :slug, :slug, 'client') RETURNING id"""
                    ),
                    {"customer": customer_id, "slug": mind},
                ).scalar_one()
            )
        portal = cls(database, mind_id, f"{mind}-hubspot-{hub_id:04d}")
        with database.mind(mind_id) as connection:
            portal._insert(connection, "connectors", id=portal.connector_id, customer_id=customer_id, hub_id=hub_id,
                           status="active", connected_at=NOW)  # fmt: skip
            portal._describe(connection, hub_id, time_zone, company_currency)
        return portal

    def contact(self, hubspot_id: str, **columns: Any) -> str:
        return self._object("contacts", hubspot_id, columns)

    def company(self, hubspot_id: str, **columns: Any) -> str:
        return self._object("companies", hubspot_id, columns)

    def deal(self, hubspot_id: str, **columns: Any) -> str:
        """Store a deal; by default an open one in an early stage. Give the attribution columns as they shall be."""
        defaults = {"name": f"Deal {hubspot_id}", "pipeline_id": "default", "stage_id": "appointmentscheduled",
                    "outcome": "open", "late_stage": False, "outcome_disagrees": False,
                    "probability": "0.2", "stage_probability": "0.2"}  # fmt: skip
        return self._object("deals", hubspot_id, defaults | columns)

    def link(
        self, deal_id: str, to_type: str, to_id: str, *, primary: bool = False, labels: tuple[str, ...] = ()
    ) -> None:
        """Link a deal to a contact or company; `primary` marks its primary company."""
        type_ids = [3] if to_type == "contacts" else [341, 5] if primary else [341]
        with self.database.mind(self.mind_id) as connection:
            self._insert(connection, "hubspot_associations", connector_id=self.connector_id, from_type="deals",
                         from_id=deal_id, to_type=to_type, to_id=to_id, type_ids=type_ids,
                         labels=[*labels, *(["Primary"] if primary else [])], valid_from=NOW)  # fmt: skip

    def execute(self, statement: str, **values: Any) -> None:
        """Run one statement inside the portal's mind, with `:connector` bound."""
        with self.database.mind(self.mind_id) as connection:
            connection.execute(text(statement), {"connector": self.connector_id, **values})

    def _object(self, object_type: str, hubspot_id: str, columns: dict[str, Any]) -> str:
        properties = columns.pop("properties", {})
        values = {"created_at": NOW, "modified_at": NOW, "read_at": NOW} | columns
        with self.database.mind(self.mind_id) as connection:
            self._insert(connection, "hubspot_crm_objects", connector_id=self.connector_id, object_type=object_type,
                         hubspot_id=hubspot_id, properties=orjson.dumps(properties).decode(), **values)  # fmt: skip
        return hubspot_id

    def _describe(self, connection: Connection, hub_id: int, time_zone: str, company_currency: str) -> None:
        connector = {"connector_id": self.connector_id}
        self._insert(connection, "hubspot_portals", **connector, hub_id=hub_id, time_zone=time_zone,
                     company_currency=company_currency, ui_domain="app.hubspot.com")  # fmt: skip
        self._insert(connection, "hubspot_backfills", **connector, since=datetime(2024, 11, 18, tzinfo=UTC),
                     started_at=NOW, completed_at=NOW, first_completed_at=NOW)  # fmt: skip
        self._insert(connection, "hubspot_polls", **connector, last_started_at=NOW, last_succeeded_at=NOW)
        for hubspot_id, label in (("default", "Sales Pipeline"), ("7001", "Renewals")):
            self._insert(connection, "hubspot_pipelines", **connector, hubspot_id=hubspot_id, label=label)
        for order, (pipeline, stage, label, closed, probability) in enumerate(_STAGES):
            self._insert(connection, "hubspot_stages", **connector, pipeline_id=pipeline, hubspot_id=stage, label=label,
                         display_order=order, is_closed=closed, probability=probability)  # fmt: skip
        for hubspot_id, label, archived in (("11", "Dana Reyes", False), ("12", "Sam Okafor", True)):
            self._insert(
                connection, "hubspot_owners", **connector, hubspot_id=hubspot_id, label=label, archived=archived
            )
        for object_type, name, label, options in (
            ("contacts", "hs_analytics_source", "Original Source", _SOURCES),
            ("contacts", "lifecyclestage", "Lifecycle Stage", _LIFECYCLE_STAGES),
            ("contacts", "hs_lead_status", "Lead Status", _LEAD_STATUSES),
            ("companies", "industry", "Industry", (("COMPUTER_SOFTWARE", "Computer Software"),)),
            (
                "deals",
                "dealtype",
                "Deal Type",
                _DEAL_TYPES,
            ),
        ):
            self._define(connection, object_type, name, label, options)

    def define(self, object_type: str, name: str, label: str, options: Iterable[tuple[str, str]]) -> None:
        """Define a property with options; what is defined neither here nor by `create` is text."""
        with self.database.mind(self.mind_id) as connection:
            self._define(connection, object_type, name, label, options)

    def _define(
        self, connection: Connection, object_type: str, name: str, label: str, options: Iterable[tuple[str, str]]
    ) -> None:
        self._insert(connection, "hubspot_properties", connector_id=self.connector_id, object_type=object_type,
                     name=name, label=label, type="enumeration", field_type="select",
                     options=orjson.dumps([{"value": v, "label": t} for v, t in options]).decode())  # fmt: skip

    def _insert(self, connection: Connection, table: str, **values: Any) -> None:
        values["mind_id"] = self.mind_id
        columns, parameters = ", ".join(values), ", ".join(f":{name}" for name in values)
        connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({parameters})"), values)

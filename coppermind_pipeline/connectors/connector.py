"""One connector as it is stored, and who may look it up how."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, TextClause, text

from coppermind_pipeline.accounts import Caller
from coppermind_pipeline.connectors.configuration.config import ConnectorConfig
from coppermind_pipeline.connectors.errors import ConnectorNotActive, ConnectorNotFound
from coppermind_pipeline.named_calls import aimed
from coppermind_pipeline.store import Database, Scope


class Lifecycle(StrEnum):
    """Whether a connector polls its portal. What it is doing at the moment is computed from facts, never stored."""

    PENDING_SETUP = "pending_setup"
    ACTIVE = "active"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """One OAuth connection of one HubSpot portal to one mind.

    Attributes:
        id: made from the mind's name, `hubspot` and four random characters.
        mind_id: the mind that it is pinned to, for good.
        customer_id: whose mind that is.
        hub_id: the portal; None until an approval said which.
        status: its `Lifecycle`.
        config: checked; what is not set has its default.
        replaced_by: the connector that an approval of a known portal went to instead; else None.
        created_at: when somebody first asked to connect.
        connected_at: of the last approval; None before the first.
        sync_requested_at: when a poll was asked for last; None if never, or not since the last disconnect.
    """

    id: str
    mind_id: UUID
    customer_id: UUID
    hub_id: int | None
    status: Lifecycle
    config: ConnectorConfig
    replaced_by: str | None
    created_at: datetime
    connected_at: datetime | None
    sync_requested_at: datetime | None

    @property
    def scope(self) -> Scope:
        """The key that its rows carry."""
        return Scope(self.id, self.mind_id)

    def require_active(self) -> None:
        """Raise ConnectorNotActive where the connector polls no portal."""
        if self.status is not Lifecycle.ACTIVE:
            mind = str(self.mind_id)  # the caller may work on another one
            raise ConnectorNotActive(
                f"Connector {self.id} is {self.status}, not connected to a portal.",
                hint=aimed(ConnectorNotActive.hint, mind=mind, mind_id=mind, connector_id=self.id),
            )


def load_connector(database: Database, connector_id: str) -> Connector:
    """Return a connector of whatever mind: for work that starts from an id alone, such as a sync.

    Raises:
        ConnectorNotFound: there is none.
    """
    found = _select(database, _BY_ID, {"id": connector_id})
    if not found:
        raise ConnectorNotFound(f"There is no connector {connector_id!r}.")
    return found[0]


def find_connector(database: Database, caller: Caller, connector_id: str) -> Connector:
    """Return one of the caller's connectors.

    Raises:
        ConnectorNotFound: the customer has none of that id; the message lists those that exist.
    """
    connector = next(iter(_select(database, _BY_ID, {"id": connector_id.strip()})), None)
    if connector is None or connector.customer_id != caller.customer_id:
        known = _select(database, _OF_CUSTOMER, {"customer": caller.customer_id})
        listed = f"; there are: {', '.join(each.id for each in known)}" if known else "; there are none yet"
        raise ConnectorNotFound(f"There is no connector {connector_id!r}{listed}.")
    return connector


def active_connectors(database: Database) -> list[Connector]:
    """Return the connectors that poll a portal, of all minds, by id."""
    return _select(database, _ACTIVE)


def connectors_created_before(database: Database, *, days: int) -> list[Connector]:
    """Return the connectors of whatever status that are older than so many days, of all minds, by id."""
    return _select(database, _CREATED_BEFORE, {"days": days})


def connectors_by_status(connection: Connection) -> dict[Lifecycle, int]:
    """Return how many connectors there are of each status, in a transaction of the scheduler."""
    found = {row.status: row.number for row in connection.execute(_BY_STATUS)}
    return {status: found.get(status.value, 0) for status in Lifecycle}


_BY_STATUS = text("SELECT status, count(*) AS number FROM connectors GROUP BY status")


def lock_connector(connection: Connection, connector_id: str) -> Connector:
    """Return a connector of the transaction's mind as it is now, and let nobody change its row until the end of it."""
    return _connector(connection.execute(_LOCK, {"id": connector_id}).one())


def _select(database: Database, statement: TextClause, values: Mapping[str, Any] | None = None) -> list[Connector]:
    with database.scheduler() as connection:
        return [_connector(row) for row in connection.execute(statement, values)]


_CONNECTORS = """
SELECT id, mind_id, customer_id, hub_id, status, config, replaced_by, created_at, connected_at, sync_requested_at
  FROM connectors
"""
_BY_ID = text(f"{_CONNECTORS} WHERE id = :id")
_OF_CUSTOMER = text(f"{_CONNECTORS} WHERE customer_id = :customer ORDER BY id")
_ACTIVE = text(f"{_CONNECTORS} WHERE status = 'active' ORDER BY id")
_CREATED_BEFORE = text(f"{_CONNECTORS} WHERE created_at < clock_timestamp() - make_interval(days => :days) ORDER BY id")
_LOCK = text(f"{_CONNECTORS} WHERE id = :id FOR UPDATE")


def _connector(row: Any) -> Connector:
    return Connector(
        id=row.id,
        mind_id=row.mind_id,
        customer_id=row.customer_id,
        hub_id=row.hub_id,
        status=Lifecycle(row.status),
        config=ConnectorConfig.from_stored(row.config),
        replaced_by=row.replaced_by,
        created_at=row.created_at,
        connected_at=row.connected_at,
        sync_requested_at=row.sync_requested_at,
    )

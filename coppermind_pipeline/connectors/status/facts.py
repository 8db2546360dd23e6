"""The stored facts that status, states and alerts are computed from: one query for all connectors asked for.

The query is two functions of the database, `connector_facts` and `connector_skipped_records`, which speak of several
minds at once and therefore run as the schema's owner: `store/migrations/versions/0048_live_and_newest/status.sql`. Each
key of what `connector_facts` returns is a field of `ConnectorFacts`; whoever adds one adds both.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import text

from coppermind_pipeline.connectors.configuration.config import ConnectorConfig, config_faults
from coppermind_pipeline.connectors.connector import Lifecycle
from coppermind_pipeline.connectors.events import ProblemKind
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ErrorFact(_Facts):
    """An error as it was shown, and when."""

    code: str
    message: str
    hint: str = ""
    at: datetime


class ConnectorRow(_Facts):
    """The connector itself."""

    id: str
    mind_id: UUID
    customer_id: UUID
    source_type: str = "hubspot"
    status: Lifecycle
    hub_id: int | None = None
    config: dict[str, Any] = Field(default_factory=dict)
    replaced_by: str | None = None
    last_error: ErrorFact | None = None
    setup_error: ErrorFact | None = None
    sync_requested_at: datetime | None = None
    created_at: datetime
    connected_at: datetime | None = None
    disconnected_at: datetime | None = None


class OAuthStateFact(_Facts):
    """The newest OAuth state; `used` from the moment that somebody came back with it."""

    expires_at: datetime
    used: bool


class PortalFact(_Facts):
    """The portal's account, and how far its records can be trusted."""

    time_zone: str | None = None
    profile: dict[str, Any] | None = None


class PollFact(_Facts):
    """The polls so far; `failures` counts those in a row.

    `last_succeeded_at` is the end of the last complete pull, `last_ended_at` that of a poll or a slice of a backfill.
    """

    last_started_at: datetime | None = None
    last_ended_at: datetime | None = None
    last_succeeded_at: datetime | None = None
    last_failed_at: datetime | None = None
    failures: int = 0
    retry_at: datetime | None = None
    last_counts: dict[ObjectType, int] = Field(default_factory=dict)
    pulled_counts: dict[ObjectType, int] = Field(default_factory=dict)

    @property
    def in_progress(self) -> bool:
        """Whether the last poll that started has not ended."""
        if self.last_started_at is None:
            return False
        ends = [at for at in (self.last_succeeded_at, self.last_ended_at, self.last_failed_at) if at is not None]
        return not ends or self.last_started_at > max(ends)


class BackfillFact(_Facts):
    """The historical backfill; `totals` is what the portal says it holds in the window, by type."""

    since: datetime
    started_at: datetime
    completed_at: datetime | None = None
    first_completed_at: datetime | None = None
    totals: dict[ObjectType, int] = Field(default_factory=dict)


class ScanFact(_Facts):
    """How far the backfill of one object type is."""

    last_id: int = 0
    pages: int = 0
    records: int = 0
    completed_at: datetime | None = None
    page_stored_at: datetime | None = None


class ProblemFact(_Facts):
    """An error that stays until the same call succeeds."""

    kind: ProblemKind
    code: str
    message: str
    hint: str = ""
    since: datetime
    last_seen: datetime


class SkippedFact(_Facts):
    """Records of one type that HubSpot does not answer for: how many, and the first of them."""

    count: int
    ids: tuple[str, ...]


class QueueFact(_Facts):
    """The memory queue; `waiting` includes those in progress."""

    waiting: int = 0
    in_progress: int = 0
    dead: int = 0
    oldest_pending_at: datetime | None = None
    newest_at: datetime | None = None


class SynthesisFact(_Facts):
    """The newest period that synthesis has worked on; `memories` are the live ones that speak of it."""

    period_key: str
    published_at: datetime | None = None
    skipped: dict[str, str] = Field(default_factory=dict)
    error: str | None = None
    memories: int = 0


class DealFact(_Facts):
    """The deal that was modified last, of those that are stored."""

    id: str
    name: str | None = None
    modified_at: datetime


class ConnectorFacts(_Facts):
    """All that is known of one connector's life; what it means is computed from this and the clock alone."""

    connector: ConnectorRow
    mind_name: str
    oauth_state: OAuthStateFact | None = None
    portal: PortalFact | None = None
    poll: PollFact = PollFact()
    backfill: BackfillFact | None = None
    scans: dict[ObjectType, ScanFact] = Field(default_factory=dict)
    problems: tuple[ProblemFact, ...] = ()
    degraded_types: tuple[ObjectType, ...] = ()
    drift: dict[ObjectType, dict[str, Any]] | None = None
    skipped_records: dict[ObjectType, SkippedFact] = Field(default_factory=dict)
    queue: QueueFact = QueueFact()
    last_enqueue_at: datetime | None = None
    latest_deal: DealFact | None = None
    synthesis: SynthesisFact | None = None

    @cached_property
    def config(self) -> ConnectorConfig:
        """The configuration, with defaults where nothing usable is stored."""
        return ConnectorConfig.from_stored(self.connector.config)

    @cached_property
    def config_faults(self) -> Mapping[str, str]:
        """By key: what is wrong with values that were stored by somebody else than `configure`."""
        return config_faults(self.connector.config)

    @property
    def last_page_at(self) -> datetime | None:
        """When the backfill stored its last page."""
        return max((scan.page_stored_at for scan in self.scans.values() if scan.page_stored_at), default=None)

    @property
    def backfilled(self) -> bool:
        """Whether the backfill is complete; a resync makes it incomplete again."""
        return self.backfill is not None and self.backfill.completed_at is not None


def read_facts(
    database: Database, customer_id: UUID, *, connector_id: str | None = None, mind_id: UUID | None = None
) -> list[ConnectorFacts]:
    """Return the facts about a customer's connectors, by mind: all of them, those of one mind, or one."""
    with database.customer(customer_id) as connection:
        rows = connection.scalars(_FACTS, {"connector": connector_id, "mind": mind_id})
        # What a connector has no row of is null there, and has a default here.
        return [
            ConnectorFacts.model_validate({name: value for name, value in row.items() if value is not None})
            for row in rows
        ]


_FACTS = text(
    """SELECT facts || jsonb_build_object('skipped_records', connector_skipped_records(facts #>> '{connector,id}'))
         FROM connector_facts(:connector, CAST(:mind AS uuid)) AS facts"""
)

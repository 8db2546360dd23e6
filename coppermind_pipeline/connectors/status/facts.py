"""The stored facts that status, states and alerts are computed from: one query for all connectors asked for.

The query is functions of the database, which speak of several minds at once and therefore run as the schema's owner:
`store/migrations/versions/0048_live_and_newest/status.sql`, and `0052_checks/checks.sql`. Each key of what
`connector_facts` returns is a field of `ConnectorFacts`; whoever adds one adds both.
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
from coppermind_pipeline.hubspot import PortalUnavailable
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ErrorFact(_Facts):
    """An error as it was shown.

    Attributes:
        code: stable; the class of the error.
        message: a sentence, without data of records.
        hint: what a person can do; empty if nothing is known to help.
        at: when it was seen last.
        step: of a sync, which it stopped; None where it was none.
    """

    code: str
    message: str
    hint: str = ""
    at: datetime
    step: str | None = None


class ConnectorRow(_Facts):
    """The connector itself.

    Attributes:
        status: whether it polls; never what it is doing.
        hub_id: the portal; None until an approval said which.
        config: as it is stored, whoever wrote it; `ConnectorFacts.config` is the checked one.
        replaced_by: the connector that an approval of a known portal went to instead.
        last_error: what stopped the last poll, approval or other step; None once that succeeds.
        setup_error: why the last approval failed; None without one, and once connected.
        sync_requested_at: when a poll was asked for last; None if never, or not since the last disconnect.
        connected_at: of the last approval; None before the first.
        disconnected_at: None while connected or pending.
    """

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
    """The newest OAuth state.

    Attributes:
        expires_at: it is worth nothing from then on.
        used: somebody has come back with it, whatever that led to.
    """

    expires_at: datetime
    used: bool


class PortalFact(_Facts):
    """The portal's account, and how far its records can be trusted.

    Attributes:
        time_zone: the portal's own, by its name in the tz database; None while HubSpot has not said it.
        profile: the portal profile as JSON; None until the first backfill is complete.
    """

    time_zone: str | None = None
    profile: dict[str, Any] | None = None


class PollFact(_Facts):
    """The polls so far.

    Attributes:
        last_started_at: of the last poll; None before the first, as all times here are.
        last_ended_at: end of the last poll or slice of a backfill that went well.
        last_succeeded_at: end of the last complete pull.
        last_failed_at: end of the last poll that failed.
        failures: polls that failed in a row until now.
        retry_at: end of the pause that HubSpot, or a problem that needs a person, imposes; None: there is none.
        last_counts: new and changed records that the last poll stored, by type.
        pulled_counts: the same of all polls since the connection.
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
    """The historical backfill.

    Attributes:
        since: start of the window, inclusive; it never moves forward.
        started_at: when it began; a resync begins again.
        completed_at: when the whole window of every type had been read; None while it runs.
        first_completed_at: the same of the first time; a resync leaves it.
        totals: records of the window by type, as the portal counted them last; empty before that.
    """

    since: datetime
    started_at: datetime
    completed_at: datetime | None = None
    first_completed_at: datetime | None = None
    totals: dict[ObjectType, int] = Field(default_factory=dict)


class ScanFact(_Facts):
    """How far the backfill of one object type is.

    Attributes:
        last_id: highest HubSpot id of which all below it, within the window, are stored.
        pages: stored so far.
        records: stored so far.
        completed_at: when the last page was stored; None while there are more.
        page_stored_at: when a page was stored last; None before the first.
    """

    last_id: int = 0
    pages: int = 0
    records: int = 0
    completed_at: datetime | None = None
    page_stored_at: datetime | None = None


class ProblemFact(_Facts):
    """An error that stays until the same call succeeds.

    Attributes:
        kind: which calls take it back.
        code: stable; the class of the error.
        message: a sentence, without data of records.
        hint: what a person can do; empty if nothing is known to help.
        since: when it was seen first.
        last_seen: when it was seen last.
    """

    kind: ProblemKind
    code: str
    message: str
    hint: str = ""
    since: datetime
    last_seen: datetime


class SkippedFact(_Facts):
    """Records of one type that HubSpot does not answer for.

    Attributes:
        count: all of them.
        ids: HubSpot's ids of the first 100.
    """

    count: int
    ids: tuple[str, ...]


class LabelGapsFact(_Facts):
    """Memories that lack a label of the portal's.

    Attributes:
        missing: how many say in words that HubSpot has no label of something any more; `missing_of`: of what.
        internal: how many show a value as HubSpot stores it, as the portal calls it nothing else; `internal_of`: of
            what.
    """

    missing: int = 0
    missing_of: tuple[str, ...] = ()
    internal: int = 0
    internal_of: tuple[str, ...] = ()


class QueueFact(_Facts):
    """The memory queue.

    Attributes:
        waiting: entries to be written, those in progress included.
        in_progress: entries that somebody has claimed, and not for too long.
        dead: entries that failed for good.
        oldest_pending_at: when the oldest waiting one was queued; None if none waits.
        newest_at: when the newest of all was queued; None if the queue is empty.
    """

    waiting: int = 0
    in_progress: int = 0
    dead: int = 0
    oldest_pending_at: datetime | None = None
    newest_at: datetime | None = None


class SynthesisFact(_Facts):
    """The newest period that synthesis has worked on, of the configured cadence if there is one.

    Attributes:
        period_key: `2026-W47` or `2026-11`.
        published_at: None until it was published.
        skipped: by scope, why it has no text.
        error: why its last synthesis failed; None if it did not.
        memories: aggregate memories of that period that hold.
    """

    period_key: str
    published_at: datetime | None = None
    skipped: dict[str, str] = Field(default_factory=dict)
    error: str | None = None
    memories: int = 0


class DealFact(_Facts):
    """The deal that was modified last, of those that are stored.

    Attributes:
        id: HubSpot's.
        name: None if it has none.
        modified_at: as HubSpot says.
    """

    id: str
    name: str | None = None
    modified_at: datetime


class ConnectorFacts(_Facts):
    """All that is known of one connector's life; what it means is computed from this and the clock alone.

    Attributes:
        mind_name: of the mind that it is pinned to.
        oauth_state: None if nobody was ever asked to approve.
        portal: None until one was approved.
        backfill: None before the first sync.
        scans: of the backfill, by type; a type whose scan has yet to begin is missing.
        degraded_types: object types of which HubSpot refuses properties.
        drift: by type, how HubSpot's count differs from the store's, beyond its index's delay; None: it does not.
        refused_properties: how many HubSpot refuses, by type; a type without any is missing, as in the next.
        skipped_records: by type.
        last_enqueue_at: when memories were queued last; None if never.
        latest_deal: None if no deal is stored.
        synthesis: None before the first.
        phase: where in a period its recurring work lies, from 0 to below 1.
    """

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
    refused_properties: dict[ObjectType, int] = Field(default_factory=dict)
    label_gaps: LabelGapsFact = LabelGapsFact()
    queue: QueueFact = QueueFact()
    last_enqueue_at: datetime | None = None
    latest_deal: DealFact | None = None
    synthesis: SynthesisFact | None = None
    phase: float = 0

    @cached_property
    def config(self) -> ConnectorConfig:
        """The configuration, with defaults where nothing usable is stored."""
        return ConnectorConfig.from_stored(self.connector.config)

    @cached_property
    def config_faults(self) -> Mapping[str, str]:
        """By key: what is wrong with values that were stored by somebody else than `configure`."""
        return config_faults(self.connector.config)

    @property
    def unanswered(self) -> bool:
        """Whether polls fail because HubSpot does not answer for the portal: timeouts, broken connections, 5xx."""
        error = self.connector.last_error
        return self.poll.failures > 0 and error is not None and error.code == PortalUnavailable.code

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
    """SELECT facts || jsonb_build_object('skipped_records', connector_skipped_records(id),
                                       'label_gaps', connector_label_gaps(id),
                                       'refused_properties', connector_refused_properties(id),
                                       'phase', connector_phase(id))
         FROM connector_facts(:connector, CAST(:mind AS uuid)) AS facts
         CROSS JOIN LATERAL (SELECT facts #>> '{connector,id}') AS connector (id)"""
)


def read_all_facts(database: Database) -> list[ConnectorFacts]:
    """Return the facts about the connectors of all customers: for an operator's eyes."""
    with database.scheduler() as connection:
        customers = connection.scalars(_CUSTOMERS).all()
    return [facts for customer in customers for facts in read_facts(database, customer)]


_CUSTOMERS = text("SELECT DISTINCT customer_id FROM connectors ORDER BY customer_id")

"""What `connectors action=status` answers."""

from typing import Any, Literal

from pydantic import Field

from coppermind_pipeline.connectors.events import ProblemKind
from coppermind_pipeline.connectors.responses import AboutConnector, Instant, Response
from coppermind_pipeline.connectors.setup_help import SetupHelp
from coppermind_pipeline.connectors.status.states import Headline, OperationalState, QueueState
from coppermind_pipeline.object_types import ObjectType


class ErrorDetail(Response):
    """What went wrong, when, and what a person can do about it."""

    code: str
    message: str
    hint: str
    at: Instant


class PersistentError(Response):
    """An error that stays until the same call succeeds."""

    kind: ProblemKind
    code: str
    message: str
    hint: str
    since: Instant
    last_seen: Instant


class ScanState(Response):
    """How far the backfill of one object type is."""

    last_id: str = Field(description="highest HubSpot id that is stored")
    done: bool
    pages: int


class HubSpotBackfill(Response):
    """The historical backfill."""

    status: Literal["running", "complete"]
    since: Instant = Field(description="start of the historical window")
    started_at: Instant
    completed_at: Instant | None
    counts: dict[ObjectType, int] = Field(description="records of the window discovered so far")
    state: dict[ObjectType, ScanState]
    totals: dict[ObjectType, int] = Field(
        description="records of the window, as the portal counted them last: in the backfill, then daily"
    )
    eta_seconds: int | None = Field(description="estimate of the time left; null when complete, or not known yet")


class QueueFigures(Response):
    """The memory queue."""

    pending: int
    in_progress: int
    dead: int
    oldest_pending_at: Instant | None


class LatestDeal(Response):
    """The deal that was modified last, of those that are stored."""

    id: str
    name: str | None
    modified_at: Instant


class SkippedRecords(Response):
    """Records of one type that HubSpot does not answer for, not even one at a time."""

    count: int
    ids: tuple[str, ...] = Field(description="the first 100")


class HubSpotDiagnostics(Response):
    """What an operator or support looks at."""

    operational_state: OperationalState | None = Field(
        description="null while pending without an error, and when inactive"
    )
    last_successful_hubspot_pull: Instant | None
    last_queue_enqueue: Instant | None
    queue: QueueFigures
    queue_state: QueueState
    records_pulled_by_type: dict[ObjectType, int] = Field(
        description="new and changed records stored since connection, those that a deal is linked to included"
    )
    last_poll_record_counts_by_type: dict[ObjectType, int] = Field(
        description="of these, the last poll's; a first backfill counts as one"
    )
    latest_deal_seen: LatestDeal | None
    aggregate_recompute_at: Instant | None = Field(description="next due; null until the backfill is complete")
    synthesis_cadence: str
    synthesis_period_key: str | None
    synthesis_recomputed_at: Instant | None = Field(description="last publication")
    synthesis_count: int = Field(description="live aggregate memories of that period")
    synthesis_skipped_reason: str | None
    synthesis_last_error: str | None
    setup_error: ErrorDetail | None
    persistent_errors: tuple[PersistentError, ...]
    hydration: Literal["full", "degraded"]
    skipped_records: dict[str, SkippedRecords] = Field(
        description="records that HubSpot does not answer for, by type; they are tried again daily"
    )
    drift: dict[str, Any] | None = Field(
        description="records that differ between HubSpot and the store; null: none known"
    )


class ConnectorStatus(AboutConnector):
    """One connector."""

    source_type: str
    status: Headline
    hub_id: int | None = Field(description="the HubSpot portal; null until it was approved")
    replaced_by: str | None = Field(description="the connector that an approval of a known portal went to instead")
    created_at: Instant
    connected_at: Instant | None
    disconnected_at: Instant | None
    sync_requested_at: Instant | None
    hubspot_backfill: HubSpotBackfill | None = Field(description="null until the first sync starts")
    hubspot_diagnostics: HubSpotDiagnostics
    last_error: ErrorDetail | None
    config: dict[str, Any] = Field(description="what is configured; other keys have their defaults")
    portal_profile: dict[str, Any] | None = Field(description="how far the CRM can be trusted; null until backfilled")
    warnings: tuple[str, ...] = Field(description="what looks like a mistake of the configuration")
    next_step: str = Field(description="what to do now, in one sentence")


class StatusResponse(Response):
    """The connectors asked for."""

    mind: str | None = Field(description="the mind asked for; null where several minds are shown")
    connectors: tuple[ConnectorStatus, ...]
    paused_since: Instant | None = Field(
        description="the installation was restored from a backup then, and polls nothing until it is resumed"
    )
    polling_stopped_since: Instant | None = Field(
        description="nothing has looked for due polls since then; null while something does, or where nothing ever did"
    )
    next_step: str | None = Field(
        description="what to do where there is no connector yet, or the installation is paused or not polling"
    )
    setup_help: SetupHelp

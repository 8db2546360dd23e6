"""What the actions of the `connectors` tool answer; the JSON schema of these models is the tool's documentation."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from coppermind_pipeline.connectors.connector import Lifecycle
from coppermind_pipeline.connectors.events import ProblemKind, Severity
from coppermind_pipeline.connectors.setup_help import SetupHelp
from coppermind_pipeline.connectors.status.states import Headline, OperationalState, QueueState
from coppermind_pipeline.object_types import ObjectType

Instant = Annotated[datetime, AfterValidator(lambda moment: moment.astimezone(UTC))]


class Response(BaseModel):
    """An answer; times are RFC 3339 in UTC."""

    model_config = ConfigDict(frozen=True)

    def as_response(self) -> dict[str, Any]:
        """Return the answer as every interface shows it."""
        return self.model_dump(mode="json")


class AboutConnector(Response):
    """An answer about one connector names it, and the mind that it is pinned to."""

    connector_id: str
    mind: str = Field(description="name of the mind that the connector is pinned to")
    mind_id: UUID


class ConnectResponse(AboutConnector):
    """A connector that waits for its approval."""

    status: Lifecycle
    auth_url: str = Field(description="the page where a person approves; open it in a browser")
    auth_url_expires_at: Instant
    scopes: tuple[str, ...] = Field(description="what is asked for: read scopes alone (`setup_help.scopes_note`)")
    callback_listening: bool = Field(description="whether an approval would be heard of at this moment")
    next_step: str
    setup_help: SetupHelp


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


class FilterPreview(Response):
    """What the configured filters do to the stored records of one type."""

    kept: int
    removed: int


class ConfigureResponse(AboutConnector):
    """A changed configuration."""

    changed: tuple[str, ...] = Field(description="keys whose value is another one now")
    config: dict[str, Any]
    filter_preview: dict[ObjectType, FilterPreview] | None = Field(
        description="stored records that the filters keep and remove; null where no filter was changed"
    )
    warnings: tuple[str, ...] = Field(description="what about the configuration should be looked at")
    message: str
    next_step: str


class SyncResponse(AboutConnector):
    """A poll that was asked for."""

    sync_requested_at: Instant
    message: str
    next_step: str


class ResyncResponse(AboutConnector):
    """A backfill that starts again."""

    since: Instant = Field(description="start of what is read again")
    object_types: tuple[ObjectType, ...]
    already_running: bool = Field(description="the same backfill was under way, and goes on as it is")
    message: str
    next_step: str


class LoggedEvent(Response):
    """One entry of a connector's log."""

    id: int
    at: Instant
    severity: Severity
    code: str
    message: str
    hint: str
    run_id: str | None = Field(description="the run in which it happened; Dagster's UI shows it")


class EventsResponse(AboutConnector):
    """What happened to a connector, newest first."""

    events: tuple[LoggedEvent, ...]
    next_before: int | None = Field(description="`before` of the next page; null where there is none")


class DisconnectResponse(AboutConnector):
    """What was and was not done to disconnect."""

    status: Headline
    credentials_erased: bool
    polling_stopped: bool
    token_revoked: bool
    not_revoked_because: str | None
    app_uninstalled: bool
    not_uninstalled_because: str | None
    memories_kept: int
    message: str
    next_step: str

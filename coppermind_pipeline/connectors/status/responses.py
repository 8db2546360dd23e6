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

    code: str = Field(description="what went wrong, in one word that stays")
    message: str = Field(description="what went wrong, as a sentence")
    hint: str = Field(description="what a person can do; empty: nothing is known to help")
    at: Instant = Field(description="when it was seen last")


class PersistentError(Response):
    """An error that stays until the same call succeeds."""

    kind: ProblemKind = Field(
        description="auth and scope: a person has to act; rate_limit: it passes; config: the configuration"
    )
    code: str = Field(description="what is wrong, in one word that stays")
    message: str = Field(description="what is wrong, as a sentence")
    hint: str = Field(description="what a person can do; empty: nothing is known to help")
    since: Instant = Field(description="when it was seen first")
    last_seen: Instant = Field(description="when it was seen last")


class ScanState(Response):
    """How far the backfill of one object type is."""

    last_id: str = Field(description="highest HubSpot id that is stored")
    done: bool = Field(description="whether the whole window of that type has been read")
    pages: int = Field(description="pages stored so far")


class HubSpotBackfill(Response):
    """The historical backfill."""

    status: Literal["running", "complete"] = Field(description="complete: the whole window of every type has been read")
    since: Instant = Field(description="start of the historical window")
    started_at: Instant = Field(description="when it began; a resync begins again")
    completed_at: Instant | None = Field(description="null while it is running")
    counts: dict[ObjectType, int] = Field(description="records of the window discovered so far")
    state: dict[ObjectType, ScanState] = Field(description="by type; one whose scan has yet to begin is missing")
    totals: dict[ObjectType, int] = Field(
        description="records of the window, as the portal counted them last: in the backfill, then daily"
    )
    eta_seconds: int | None = Field(description="estimate of the time left; null when complete, or not known yet")


class QueueFigures(Response):
    """The memory queue."""

    pending: int = Field(description="entries that wait, those in progress left out")
    in_progress: int = Field(description="entries that somebody is writing at the moment")
    dead: int = Field(description="entries that failed for good, and wait for a person")
    oldest_pending_at: Instant | None = Field(
        description="when the oldest of those that wait was queued; null: none waits"
    )


class LatestDeal(Response):
    """The deal that was modified last, of those that are stored."""

    id: str = Field(description="HubSpot's id of it")
    name: str | None = Field(description="null: it has none")
    modified_at: Instant = Field(description="as HubSpot says")


class SkippedRecords(Response):
    """Records of one type that HubSpot does not answer for, not even one at a time."""

    count: int = Field(description="how many")
    ids: tuple[str, ...] = Field(description="the first 100")


class HubSpotDiagnostics(Response):
    """What an operator or support looks at."""

    operational_state: OperationalState | None = Field(
        description="null while pending without an error, and when inactive"
    )
    last_successful_hubspot_pull: Instant | None = Field(
        description="end of the last complete pull; null: there was none yet"
    )
    last_queue_enqueue: Instant | None = Field(description="when memories were queued last; null: never")
    queue: QueueFigures = Field(description="the memory queue in figures")
    queue_state: QueueState = Field(description="backed_up: an entry is dead, or the oldest waits for over an hour")
    records_pulled_by_type: dict[ObjectType, int] = Field(
        description="new and changed records stored since connection, those that a deal is linked to included"
    )
    last_poll_record_counts_by_type: dict[ObjectType, int] = Field(
        description="of these, the last poll's; a first backfill counts as one"
    )
    latest_deal_seen: LatestDeal | None = Field(description="null: no deal is stored")
    aggregate_recompute_at: Instant | None = Field(description="next due; null until the backfill is complete")
    synthesis_cadence: str = Field(description="weekly or monthly, as configured")
    synthesis_period_key: str | None = Field(
        description="the newest period that synthesis has worked on, 2026-W47 or 2026-11; null: none yet"
    )
    synthesis_recomputed_at: Instant | None = Field(description="last publication")
    synthesis_count: int = Field(description="live aggregate memories of that period")
    synthesis_skipped_reason: str | None = Field(
        description="why aggregates of that period have no text; null: all have one, or none was due yet"
    )
    synthesis_last_error: str | None = Field(description="why the last synthesis failed; null: it did not")
    setup_error: ErrorDetail | None = Field(
        description="why a pending connector is not set up; null: nothing is known to stand in the way"
    )
    persistent_errors: tuple[PersistentError, ...] = Field(description="errors that stay until the same call succeeds")
    hydration: Literal["full", "degraded"] = Field(description="degraded: HubSpot refuses some properties")
    skipped_records: dict[str, SkippedRecords] = Field(
        description="records that HubSpot does not answer for, by type; they are tried again daily"
    )
    drift: dict[str, Any] | None = Field(
        description="records that differ between HubSpot and the store; null: none known"
    )


class ConnectorStatus(AboutConnector):
    """One connector."""

    source_type: str = Field(description="hubspot")
    status: Headline = Field(description="in one word; operational_state says more")
    hub_id: int | None = Field(description="the HubSpot portal; null until it was approved")
    replaced_by: str | None = Field(description="the connector that an approval of a known portal went to instead")
    created_at: Instant = Field(description="when somebody first asked to connect")
    connected_at: Instant | None = Field(description="last approval; null: there was none yet")
    disconnected_at: Instant | None = Field(description="null while it is connected or pending")
    sync_requested_at: Instant | None = Field(
        description="when a poll was asked for last; null: never, or not since the last disconnect"
    )
    hubspot_backfill: HubSpotBackfill | None = Field(description="null until the first sync starts")
    hubspot_diagnostics: HubSpotDiagnostics = Field(description="what an operator or support looks at")
    last_error: ErrorDetail | None = Field(
        description="what stopped the last poll, approval or other step; null once that succeeds"
    )
    config: dict[str, Any] = Field(description="what is configured; other keys have their defaults")
    portal_profile: dict[str, Any] | None = Field(description="how far the CRM can be trusted; null until backfilled")
    warnings: tuple[str, ...] = Field(description="what looks like a mistake of the configuration")
    next_step: str = Field(description="what to do now, in one sentence")


class StatusResponse(Response):
    """The connectors asked for."""

    mind: str | None = Field(description="the mind asked for; null where several minds are shown")
    connectors: tuple[ConnectorStatus, ...] = Field(description="oldest first within a mind; empty: there is none yet")
    paused_since: Instant | None = Field(
        description="the installation was restored from a backup then, and polls nothing until it is resumed"
    )
    polling_stopped_since: Instant | None = Field(
        description="nothing has looked for due polls since then; null while something does, or where nothing ever did"
    )
    next_step: str | None = Field(
        description="what to do where there is no connector yet, or the installation is paused or not polling"
    )
    setup_help: SetupHelp = Field(description="how to connect, and what can go wrong")

    @property
    def somebody_connects(self) -> bool:
        """Whether somebody has yet to connect a portal, or has to once more: then a reader is shown how."""
        return any(
            each.status is Headline.PENDING_SETUP
            or each.hubspot_diagnostics.operational_state is OperationalState.AUTH_ERROR
            for each in self.connectors
        ) or all(each.status is Headline.INACTIVE for each in self.connectors)

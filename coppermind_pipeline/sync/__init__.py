"""From HubSpot's pages to raw and normalized rows: pulled, normalized, associated, reconciled, polled."""

from coppermind_pipeline.sync.backfill import backfilled_once
from coppermind_pipeline.sync.context import Progress, SyncContext, unheard
from coppermind_pipeline.sync.normalizing.as_of import (
    CONTACTS_AS_OF,
    DEALS_AS_OF,
    RECORDS_AS_OF,
    lay_over_store,
    rebuild_as_of,
)
from coppermind_pipeline.sync.normalizing.associations import Linked, link
from coppermind_pipeline.sync.normalizing.deal_history import (
    DealHistory,
    DealVersion,
    any_deal_changed,
    deal_histories,
    erased_since,
    read_after,
)
from coppermind_pipeline.sync.normalizing.normalize import Normalized, normalize
from coppermind_pipeline.sync.normalizing.take_up import take_up
from coppermind_pipeline.sync.polling.behind import Behind, behind, poll_durations
from coppermind_pipeline.sync.polling.due import DuePoll, due_polls, poll_waits
from coppermind_pipeline.sync.polling.idle import TOLD_EVERY_MINUTES, IdlePoll, idle_polls
from coppermind_pipeline.sync.polling.live_pull import pull_now
from coppermind_pipeline.sync.polling.probe import found_nothing
from coppermind_pipeline.sync.polling.probing import PollsToRun, polls_to_run
from coppermind_pipeline.sync.polls import (
    as_noted,
    failure_noted,
    last_pull_at,
    note_failed_run,
    poll_ended,
    poll_failed,
    poll_started,
    poll_succeeded,
    pull_ended,
    step_succeeded,
)
from coppermind_pipeline.sync.pulling.pull import Pulled, Then, pull
from coppermind_pipeline.sync.raw.retention import (
    remove_old_versions,
    share_of_old_associations,
    share_of_old_versions,
)
from coppermind_pipeline.sync.reconciling.cadence import ReconciliationCadence, reconciliation_cadence
from coppermind_pipeline.sync.reconciling.drift import Drift
from coppermind_pipeline.sync.reconciling.due import DueReconciliation, reconciled_since, reconciliations_due
from coppermind_pipeline.sync.reconciling.reconciliation import Reconciled, reconcile
from coppermind_pipeline.sync.reconciling.rereads import Reread, reread
from coppermind_pipeline.sync.reference import (
    ReferenceRead,
    read_account,
    read_all_definitions,
    read_definitions,
    read_owners,
    read_pipelines,
)
from coppermind_pipeline.sync.scan_progress import advancement, left_to_read
from coppermind_pipeline.sync.totals import rows_stored
from coppermind_pipeline.sync.turns import ConnectorBusy, as_writer, slice_end, turn_of, wait_for_turn

__all__ = [
    "CONTACTS_AS_OF",
    "DEALS_AS_OF",
    "RECORDS_AS_OF",
    "TOLD_EVERY_MINUTES",
    "Behind",
    "ConnectorBusy",
    "DealHistory",
    "DealVersion",
    "Drift",
    "DuePoll",
    "DueReconciliation",
    "IdlePoll",
    "Linked",
    "Normalized",
    "PollsToRun",
    "Progress",
    "Pulled",
    "Reconciled",
    "ReconciliationCadence",
    "ReferenceRead",
    "Reread",
    "SyncContext",
    "Then",
    "advancement",
    "any_deal_changed",
    "as_noted",
    "as_writer",
    "backfilled_once",
    "behind",
    "deal_histories",
    "due_polls",
    "erased_since",
    "failure_noted",
    "found_nothing",
    "idle_polls",
    "last_pull_at",
    "lay_over_store",
    "left_to_read",
    "link",
    "normalize",
    "note_failed_run",
    "poll_durations",
    "poll_ended",
    "poll_failed",
    "poll_started",
    "poll_succeeded",
    "poll_waits",
    "polls_to_run",
    "pull",
    "pull_ended",
    "pull_now",
    "read_account",
    "read_after",
    "read_all_definitions",
    "read_definitions",
    "read_owners",
    "read_pipelines",
    "rebuild_as_of",
    "reconcile",
    "reconciled_since",
    "reconciliation_cadence",
    "reconciliations_due",
    "remove_old_versions",
    "reread",
    "rows_stored",
    "share_of_old_associations",
    "share_of_old_versions",
    "slice_end",
    "step_succeeded",
    "take_up",
    "turn_of",
    "unheard",
    "wait_for_turn",
]

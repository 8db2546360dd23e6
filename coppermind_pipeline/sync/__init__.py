"""From HubSpot's pages to raw and normalized rows: pulled, normalized, associated, reconciled, polled."""

from coppermind_pipeline.sync.backfill import backfilled_once
from coppermind_pipeline.sync.context import Progress, SyncContext, unheard
from coppermind_pipeline.sync.normalizing.associations import Linked, link
from coppermind_pipeline.sync.normalizing.normalize import Normalized, normalize
from coppermind_pipeline.sync.polling.due import DuePoll, due_polls
from coppermind_pipeline.sync.polling.live_pull import pull_now
from coppermind_pipeline.sync.polling.probe import found_nothing
from coppermind_pipeline.sync.polls import (
    as_noted,
    failure_noted,
    note_lost_run,
    poll_ended,
    poll_failed,
    poll_started,
    poll_succeeded,
    pull_ended,
    step_succeeded,
)
from coppermind_pipeline.sync.pulling.pull import Pulled, pull
from coppermind_pipeline.sync.reconciling.drift import Drift
from coppermind_pipeline.sync.reconciling.due import DueReconciliation, reconciled_since, reconciliations_due
from coppermind_pipeline.sync.reconciling.reconciliation import WALK_EVERY, Reconciled, reconcile
from coppermind_pipeline.sync.reconciling.rereads import REREAD_EVERY, Reread, reread
from coppermind_pipeline.sync.reference import (
    ReferenceRead,
    read_account,
    read_definitions,
    read_owners,
    read_pipelines,
)

__all__ = [
    "REREAD_EVERY",
    "WALK_EVERY",
    "Drift",
    "DuePoll",
    "DueReconciliation",
    "Linked",
    "Normalized",
    "Progress",
    "Pulled",
    "Reconciled",
    "ReferenceRead",
    "Reread",
    "SyncContext",
    "as_noted",
    "backfilled_once",
    "due_polls",
    "failure_noted",
    "found_nothing",
    "link",
    "normalize",
    "note_lost_run",
    "poll_ended",
    "poll_failed",
    "poll_started",
    "poll_succeeded",
    "pull",
    "pull_ended",
    "pull_now",
    "read_account",
    "read_definitions",
    "read_owners",
    "read_pipelines",
    "reconcile",
    "reconciled_since",
    "reconciliations_due",
    "reread",
    "step_succeeded",
    "unheard",
]

"""From HubSpot's pages to raw and normalized rows: backfill, incremental scans, links, normalization."""

from coppermind_pipeline.sync.context import Progress, SyncContext, unheard
from coppermind_pipeline.sync.cursors import backfilled_once
from coppermind_pipeline.sync.linking import Linked, link
from coppermind_pipeline.sync.normalize import Normalized, normalize
from coppermind_pipeline.sync.polls import DuePoll, due_polls, poll_failed, poll_started, poll_succeeded
from coppermind_pipeline.sync.pull import Pulled, pull
from coppermind_pipeline.sync.reference import (
    ReferenceRead,
    read_account,
    read_definitions,
    read_owners,
    read_pipelines,
)

__all__ = [
    "DuePoll",
    "Linked",
    "Normalized",
    "Progress",
    "Pulled",
    "ReferenceRead",
    "SyncContext",
    "backfilled_once",
    "due_polls",
    "link",
    "normalize",
    "poll_failed",
    "poll_started",
    "poll_succeeded",
    "pull",
    "read_account",
    "read_definitions",
    "read_owners",
    "read_pipelines",
    "unheard",
]

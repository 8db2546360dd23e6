"""PostgreSQL: tables, migrations, roles, the embedded server, bulk writes. Knows no HubSpot API and no Dagster."""

from coppermind_pipeline.store.backups import Backup, backup, restore
from coppermind_pipeline.store.bulk import analyze_grown_tables, copy_rows, count_if_few
from coppermind_pipeline.store.checkpoints import (
    Checkpoint,
    Stage,
    load_applied,
    load_checkpoint,
    move_checkpoint,
    note_applied,
    note_stage_at_work,
)
from coppermind_pipeline.store.database import CONNECTIONS_MAX, ROLES, Database, UnstorableText
from coppermind_pipeline.store.files import directory_of_socket, locked_if_free, private_directory, replace_text, rotate
from coppermind_pipeline.store.growth.dagster_history import remove_old_runs, share_of_old_events
from coppermind_pipeline.store.growth.dagster_runs import EndedRuns, runs_of_the_last_hour, unfinished_runs
from coppermind_pipeline.store.growth.retention import (
    GRACE,
    Kind,
    Removed,
    Retained,
    begin_pass,
    end_pass,
    note_removed,
    remove_by_connector,
    retained,
    retention_is_due,
)
from coppermind_pipeline.store.growth.sizes import Size, Stored, sampled, sizes
from coppermind_pipeline.store.heartbeats.polling import last_look_for_polls, note_look_for_polls, polling_stopped_since
from coppermind_pipeline.store.heartbeats.runs import SILENT_MAX, heard_of, silent_runs
from coppermind_pipeline.store.locks import lock_publishing, lock_writing, share_publishing
from coppermind_pipeline.store.logins import login_url
from coppermind_pipeline.store.pause import InstallationPaused, paused_since, require_not_paused, resume
from coppermind_pipeline.store.scope import Scope
from coppermind_pipeline.store.server import embedded
from coppermind_pipeline.store.upgrade import make_logins, upgrade

__all__ = [
    "CONNECTIONS_MAX",
    "GRACE",
    "ROLES",
    "SILENT_MAX",
    "Backup",
    "Checkpoint",
    "Database",
    "EndedRuns",
    "InstallationPaused",
    "Kind",
    "Removed",
    "Retained",
    "Scope",
    "Size",
    "Stage",
    "Stored",
    "UnstorableText",
    "analyze_grown_tables",
    "backup",
    "begin_pass",
    "copy_rows",
    "count_if_few",
    "directory_of_socket",
    "embedded",
    "end_pass",
    "heard_of",
    "last_look_for_polls",
    "load_applied",
    "load_checkpoint",
    "lock_publishing",
    "lock_writing",
    "locked_if_free",
    "login_url",
    "make_logins",
    "move_checkpoint",
    "note_applied",
    "note_look_for_polls",
    "note_removed",
    "note_stage_at_work",
    "paused_since",
    "polling_stopped_since",
    "private_directory",
    "remove_by_connector",
    "remove_old_runs",
    "replace_text",
    "require_not_paused",
    "restore",
    "resume",
    "retained",
    "retention_is_due",
    "rotate",
    "runs_of_the_last_hour",
    "sampled",
    "share_of_old_events",
    "share_publishing",
    "silent_runs",
    "sizes",
    "unfinished_runs",
    "upgrade",
]

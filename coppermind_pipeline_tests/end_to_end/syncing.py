"""A sync as an operator runs it, what it leaves in the store, and what is told of it."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Row

from coppermind_pipeline.accounts import local_caller, resolve_mind
from coppermind_pipeline.connectors import ConnectorStatus, status
from coppermind_pipeline.interfaces.up import settings_as_environment
from coppermind_pipeline.reports import CrmReport, ReportRequest, crm_report
from coppermind_pipeline_tests.connected import Connected

_STORED = """
    SELECT (SELECT count(*) FROM hubspot_raw_records), (SELECT count(*) FROM hubspot_raw_associations),
           (SELECT count(*) FROM hubspot_crm_objects), (SELECT count(*) FROM hubspot_associations),
           (SELECT count(*) FROM memories), (SELECT count(*) FROM memory_queue),
           (SELECT md5(string_agg(content, '|' ORDER BY split_part(source_ref, ':', 3), hubspot_id)) FROM memories
             WHERE aggregate_scope IS NULL)"""


_COPPERMIND = (str(Path(sys.executable).parent / "coppermind"),)
_FOLLOWING = (sys.executable, "-m", "coppermind_pipeline_tests.end_to_end.following_sync")


def start_sync(
    connected: Connected, database_url: str, *options: str, following: bool = False
) -> subprocess.Popen[str]:
    """Start `coppermind sync --until-complete`; an empty address is the embedded server's.

    Args:
        following: have its pull do at once what follows it, as only a long one does.
    """
    return subprocess.Popen(
        [*(_FOLLOWING if following else _COPPERMIND), "sync", connected.connector_id, "--until-complete", *options],
        env=environment(connected, database_url),
        text=True,
        stdout=subprocess.PIPE if options else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def environment(connected: Connected, database_url: str) -> dict[str, str]:
    """Return the environment in which another process has the same installation."""
    return os.environ | settings_as_environment(connected.settings) | {"COPPERMIND_DATABASE_URL": database_url}


def end_well(process: subprocess.Popen[str]) -> None:
    """Wait for the end of a process, which has to be a good one."""
    _, said = process.communicate()
    assert process.returncode == 0, said


def stored(connected: Connected) -> Row:
    """Return a fingerprint of what the connector's mind has: how many rows of each kind, and the texts."""
    (row,) = connected.rows(_STORED)
    return row


def status_of(connected: Connected) -> ConnectorStatus:
    """Return what status says of the only connector."""
    (shown,) = status(connected.database, local_caller(connected.database), now=datetime.now(UTC)).connectors
    return shown


def report_of(connected: Connected) -> CrmReport:
    """Return this year's report of the only mind."""
    mind = resolve_mind(connected.database, local_caller(connected.database), None)
    request = ReportRequest.from_arguments({"period": "this_year"})
    return crm_report(connected.database, mind=mind, request=request, now=datetime.now(UTC))

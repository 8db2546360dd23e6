"""A sync in this process: the connector's assets, materialized through Dagster, so that its UI shows the run."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import dagster as dg
from sqlalchemy import text

from coppermind_pipeline.connectors import Connector, load_connector
from coppermind_pipeline.defs import assets, checks
from coppermind_pipeline.defs.home import prepare_dagster_home
from coppermind_pipeline.defs.installation import Installation
from coppermind_pipeline.defs.partitions import PARTITIONS, known_connectors
from coppermind_pipeline.defs.steps import cancel_runs
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.stopping import at_stop
from coppermind_pipeline.store import Database, require_not_paused
from coppermind_pipeline.sync import Progress, reconciled_since, unheard

_SYNC = [
    assets.property_definitions,
    assets.pipelines,
    assets.owners,
    assets.raw,
    assets.hubspot_crm_objects,
    assets.hubspot_associations,
    assets.record_memories,
    assets.memories,
    *checks.OF_SYNC,
]
_RECONCILIATION = [assets.reconciliation, assets.record_memories, assets.memories, checks.without_drift]
_LOOK_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class SyncOutcome:
    """How a sync ended.

    Attributes:
        succeeded: every step of the last slice did.
        complete: the backfill is complete, no memory waits, and the current synthesis is published or skipped.
        reason: what stands in the way, where something does.
    """

    succeeded: bool
    complete: bool
    reason: str | None = None


def sync_connector(
    database: Database,
    settings: Settings,
    connector_id: str,
    *,
    until_complete: bool = False,
    reconcile: bool = False,
    on_progress: Callable[[Progress], None] = unheard,
) -> SyncOutcome:
    """Run one slice of a connector's sync, or as many as it takes.

    Where another process is the connector's writer, its progress is reported until it ends.

    Args:
        database: the installation's database.
        settings: the installation's settings.
        connector_id: the connector.
        until_complete: go on until there is nothing left to do, synthesis included.
        reconcile: also walk the portal's lists and read everything again, from now on and to the end, due or not.
        on_progress: hears how far each stage is.

    Raises:
        ConnectorNotFound, ConnectorNotActive: there is no such connector, or it is connected to no portal.
        InstallationPaused: nothing is changed until an operator resumes the installation.
    """
    require_not_paused(database)
    connector = load_connector(database, connector_id)
    connector.require_active()
    os.environ.update(prepare_dagster_home(settings, database))
    with _instance() as instance:
        if connector_id not in known_connectors(instance):
            instance.add_dynamic_partitions(PARTITIONS, [connector_id])
        installation = Installation(settings, database, on_progress)
        _wait_for_turn(installation, connector)
        while True:
            before = _advancement(database, connector)
            if not _materialize(instance, installation, connector_id, _SYNC):
                return SyncOutcome(succeeded=False, complete=False, reason=_last_error(database, connector))
            remaining = _remaining(database, connector)
            if remaining is None:
                break
            # A slice always gets on; one that did not would be followed by the same one for ever.
            if not until_complete or _advancement(database, connector) == before:
                return SyncOutcome(succeeded=True, complete=False, reason=remaining)
        if reconcile and not _reconcile(instance, installation, connector_id):
            return SyncOutcome(succeeded=False, complete=False, reason=_last_error(database, connector))
        if not until_complete:
            return SyncOutcome(succeeded=True, complete=True)
        on_progress(Progress("synthesis", 0))
        published = _materialize(instance, installation, connector_id, [assets.marketing_synthesis])
        on_progress(Progress("synthesis", 1, 1))
    if not published:
        return SyncOutcome(succeeded=False, complete=False, reason="The synthesis could not be published.")
    return SyncOutcome(succeeded=True, complete=True)


@contextmanager
def _instance() -> Iterator[dg.DagsterInstance]:
    instance = dg.DagsterInstance.get()
    try:
        yield instance
    finally:
        instance.dispose()


def _materialize(
    instance: dg.DagsterInstance,
    installation: Installation,
    connector_id: str,
    selected: list[Any],
    config: Mapping[str, Any] | None = None,
) -> bool:
    this_one = {"coppermind/command": uuid4().hex}
    with at_stop(lambda: cancel_runs(instance, dg.RunsFilter(tags=this_one))):
        return dg.materialize(
            selected,
            instance=instance,
            partition_key=connector_id,
            resources={"installation": installation},
            # What a person needs to know comes by progress and outcome; Dagster's own account is in its event log.
            run_config={**(config or {}), "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            tags={"coppermind/started-by": "command", **this_one},
            raise_on_error=False,
        ).success


def _wait_for_turn(installation: Installation, connector: Connector) -> None:
    """Wait until no other process is the connector's writer, and report how far that one is meanwhile."""
    while True:
        with installation.database.connector_lock(connector.id) as granted:
            if granted:
                return
        with installation.database.mind(connector.mind_id) as connection:
            scans = connection.execute(
                text(
                    """SELECT object_type, records, CAST(totals ->> object_type AS bigint) AS total
                         FROM hubspot_cursors JOIN hubspot_backfills USING (connector_id)
                        WHERE connector_id = :connector AND scan = 'backfill'"""
                ),
                {"connector": connector.id},
            ).all()
        for scan in scans:
            installation.on_progress(Progress(scan.object_type, scan.records, scan.total))
        time.sleep(_LOOK_AGAIN_S)


def _remaining(database: Database, connector: Connector) -> str | None:
    """Say what is left to do before synthesis; None where nothing is."""
    with database.mind(connector.mind_id) as connection:
        facts = connection.execute(
            text(
                """SELECT (SELECT completed_at IS NOT NULL FROM hubspot_backfills
                            WHERE connector_id = :connector) AS backfilled,
                          (SELECT count(*) FROM hubspot_cursors
                            WHERE connector_id = :connector AND scan = 'incremental' AND started_at IS NOT NULL
                              AND completed_at IS NULL) AS scans,
                          (SELECT count(*) FROM memory_queue
                            WHERE connector_id = :connector AND state = 'pending'
                              AND available_at <= clock_timestamp()) AS waiting"""
            ),
            {"connector": connector.id},
        ).one()
    if not facts.backfilled:
        return "The backfill goes on with the next slice."
    if facts.scans:
        return "The poll goes on with the next slice."
    return f"{facts.waiting} memories wait in the queue." if facts.waiting else None


def _reconcile(instance: dg.DagsterInstance, installation: Installation, connector_id: str) -> bool:
    """Walk and read again until both were begun and ended after this moment; return whether every slice succeeded."""
    since = installation.database.now()
    config = {"ops": {"reconciliation": {"config": {"anew_since": since.isoformat()}}}}
    while True:
        if not _materialize(instance, installation, connector_id, _RECONCILIATION, config):
            return False
        with installation.database.scheduler() as connection:
            if reconciled_since(connection, connector_id, since):
                return True


def _advancement(database: Database, connector: Connector) -> tuple[Any, ...]:
    """Return what is different after a slice that got on: scans' pages, and how far the later stages are."""
    with database.mind(connector.mind_id) as connection:
        return tuple(
            connection.execute(
                text(
                    """SELECT (SELECT sum(pages) FROM hubspot_cursors WHERE connector_id = :connector),
                              (SELECT sum(seq) FROM pipeline_stages WHERE connector_id = :connector),
                              (SELECT count(*) FROM memory_queue WHERE connector_id = :connector)"""
                ),
                {"connector": connector.id},
            ).one()
        )


def _last_error(database: Database, connector: Connector) -> str:
    with database.mind(connector.mind_id) as connection:
        error = connection.scalar(
            text("SELECT last_error FROM connectors WHERE id = :connector"), {"connector": connector.id}
        )
    return f"{error['message']} {error['hint']}".strip() if error else "The run failed; Dagster's UI says where."

"""A sync in this process: the connector's assets, materialized through Dagster, so that its UI shows the run."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import dagster as dg

from coppermind_pipeline.connectors import Connector, last_error, load_connector
from coppermind_pipeline.defs import assets
from coppermind_pipeline.defs.health import checks
from coppermind_pipeline.defs.home import prepare_dagster_home
from coppermind_pipeline.defs.installation import Installation, as_resource
from coppermind_pipeline.defs.partitions import PARTITIONS, known_connectors
from coppermind_pipeline.defs.runs import cancel_runs
from coppermind_pipeline.memories import due_entries, queue_length
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.stopping import at_stop
from coppermind_pipeline.store import Database, require_not_paused
from coppermind_pipeline.sync import Progress, advancement, left_to_read, reconciled_since, unheard, wait_for_turn
from coppermind_pipeline.synthesis import import_ahead

_SYNC = [*assets.SYNC, *checks.OF_SYNC]
_RECONCILIATION = [*assets.RECONCILIATION, *checks.OF_RECONCILIATION]
_SYNTHESIS = [*assets.SYNTHESIS, *checks.OF_SYNTHESIS]


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
        if until_complete and _remaining(database, connector) is not None:
            on_progress = _importing_for_synthesis(on_progress)
        installation = Installation(settings, database, on_progress)
        wait_for_turn(database, connector, on_progress)
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
        published = _materialize(instance, installation, connector_id, _SYNTHESIS)
        on_progress(Progress("synthesis", 1, 1))
    if not published:
        return SyncOutcome(succeeded=False, complete=False, reason="The synthesis could not be published.")
    return SyncOutcome(succeeded=True, complete=True)


def _importing_for_synthesis(on_progress: Callable[[Progress], None]) -> Callable[[Progress], None]:
    """Return what passes progress on, and with the first of it begins to import what a synthesis needs at the end."""
    imported = False

    def heard(progress: Progress) -> None:
        nonlocal imported
        if not imported:
            imported = True
            import_ahead()
        on_progress(progress)

    return heard


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
            resources={"installation": as_resource(lambda: installation)},
            # What a person needs to know comes by progress and outcome; Dagster's own account is in its event log.
            run_config={**(config or {}), "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            tags={"coppermind/started-by": "command", **this_one},
            raise_on_error=False,
        ).success


def _remaining(database: Database, connector: Connector) -> str | None:
    """Say what is left to do before synthesis; None if nothing is."""
    with database.mind(connector.mind_id) as connection:
        unread, waiting = left_to_read(connection, connector.id), due_entries(connection, connector.id)
    return unread or (f"{waiting} memories wait in the queue." if waiting else None)


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
    """Return what is different after a slice that got on."""
    with database.mind(connector.mind_id) as connection:
        return *advancement(connection, connector.id), queue_length(connection, connector.id)


def _last_error(database: Database, connector: Connector) -> str:
    with database.mind(connector.mind_id) as connection:
        return last_error(connection, connector.id) or "The run failed; Dagster's UI says where."

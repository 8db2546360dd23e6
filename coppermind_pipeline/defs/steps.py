"""How an asset's body runs: as the connector's one writer, with its portal open where it reads HubSpot."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import dagster as dg
import uvloop

from coppermind_pipeline.connectors import Connector, open_portal
from coppermind_pipeline.defs.installation import Installation, shown_in_dagster
from coppermind_pipeline.hubspot import SentRequest
from coppermind_pipeline.sync import SyncContext, failure_noted, poll_started, step_succeeded

T = TypeVar("T")

# The assets of a sync, as their steps are called. A run that holds them all is a poll; one of a few of them, which an
# operator may ask for, moves neither the time of the next poll nor that of the last pull.
POLL_STEPS = (
    "property_definitions",
    "pipelines",
    "owners",
    "raw",
    "hubspot_crm_objects",
    "hubspot_associations",
    "record_memories",
    "memories",
)


def poll_id(context: dg.AssetExecutionContext) -> str | None:
    """Return the id of the poll that the step is part of: its run's; None where the run is no poll."""
    steps = {node.name for node in context.job_def.nodes}
    return context.run.run_id if steps.issuperset(POLL_STEPS) else None


def store_step(installation: Installation, context: dg.AssetExecutionContext, work: Callable[[Connector], T]) -> T:
    """Run a step that needs the store alone."""
    with _noted(installation, context) as connector:
        return work(connector)


def hubspot_step(
    installation: Installation,
    context: dg.AssetExecutionContext,
    work: Callable[[SyncContext], Awaitable[T]],
) -> tuple[T, int]:
    """Run a step that reads HubSpot; return its result and the number of requests."""
    with _noted(installation, context) as connector:
        poll = poll_id(context)
        if poll is not None:
            with installation.database.mind(connector.mind_id) as connection:
                poll_started(connection, {"connector": connector.id, "mind": connector.mind_id}, run_id=poll)
        return uvloop.run(_with_portal(installation, connector, work))


@contextmanager
def _noted(installation: Installation, context: dg.AssetExecutionContext) -> Iterator[Connector]:
    """Be the connector's one writer inside the block.

    What goes wrong is noted where status, checks and the next poll look for it, before the run fails; success takes
    back what the same step has raised before.
    """
    step, database = context.op_def.name, installation.database
    with shown_in_dagster(), installation.connector(context.partition_key) as connector:
        with failure_noted(database, connector, step=step, run_id=context.run.run_id):
            yield connector
        with database.mind(connector.mind_id) as connection:
            step_succeeded(connection, connector, step)


async def _with_portal(
    installation: Installation, connector: Connector, work: Callable[[SyncContext], Awaitable[T]]
) -> tuple[T, int]:
    requests = 0

    def count(_: SentRequest) -> None:
        nonlocal requests
        requests += 1

    database, settings = installation.database, installation.settings
    async with open_portal(database, settings, connector, on_request=count) as client:
        result = await work(SyncContext(database, connector, client, installation.on_progress))
    return result, requests

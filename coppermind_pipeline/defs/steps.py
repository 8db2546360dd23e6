"""How an asset's body runs: as the connector's one writer, until its run is to stop.

If it reads HubSpot, the portal is open.
"""

import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import dagster as dg
import uvloop
from structlog.contextvars import bound_contextvars

from coppermind_pipeline.connectors import Connector, open_portal
from coppermind_pipeline.defs.installation import Installation
from coppermind_pipeline.defs.runs import cancel_runs, others_wait
from coppermind_pipeline.errors import CoppermindError
from coppermind_pipeline.hubspot import PortalUnavailable, SentRequest
from coppermind_pipeline.named_calls import in_commands
from coppermind_pipeline.stopping import at_stop, end_process, run_interruptible
from coppermind_pipeline.sync import (
    SyncContext,
    as_writer,
    failure_noted,
    poll_started,
    poll_waits,
    slice_end,
    step_succeeded,
)

T = TypeVar("T")

# Of the last run that had a step which HubSpot did not answer: why. A run tries once for all of its steps, in one
# process, which works on one run at a time.
_unanswered: dict[str, PortalUnavailable] = {}

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


def end_of_slice(installation: Installation, context: dg.AssetExecutionContext) -> Callable[[], bool]:
    """Return the function that says when the slice begun now is over: earlier while other runs wait.

    At once where the connector is to be polled meanwhile.
    """

    def waits() -> bool:
        with installation.database.scheduler() as connection:
            return poll_waits(connection, context.partition_key, run_id=context.run.run_id)

    return slice_end(poll_waits=waits, others_wait=lambda: others_wait(context.instance))


def store_step(installation: Installation, context: dg.AssetExecutionContext, work: Callable[[Connector], T]) -> T:
    """Run a step that needs the store alone."""

    def step() -> T:
        with _noted(installation, context) as connector:
            return work(connector)

    return _until_stopped(context, step)


def hubspot_step(
    installation: Installation,
    context: dg.AssetExecutionContext,
    work: Callable[[SyncContext], Awaitable[T]],
) -> tuple[T, int]:
    """Run a step that reads HubSpot; return its result and the number of requests.

    Where HubSpot did not answer an earlier step of the run, this one fails at once.
    """

    def step() -> tuple[T, int]:
        run_id = context.run.run_id
        with _shown_in_dagster():
            if run_id in _unanswered:
                raise _unanswered[run_id]
        try:
            with _noted(installation, context) as connector:
                poll = poll_id(context)
                if poll is not None:
                    with installation.database.mind(connector.mind_id) as connection:
                        poll_started(connection, connector.scope, run_id=poll)
                return uvloop.run(_with_portal(installation, connector, work))
        except dg.Failure as failed:
            if isinstance(failed.__cause__, PortalUnavailable):
                _unanswered.clear()
                _unanswered[run_id] = failed.__cause__
            raise

    return _until_stopped(context, step)


def _until_stopped(context: dg.AssetExecutionContext, step: Callable[[], T]) -> T:
    """Run a step; if Dagster interrupts it, note that its run was canceled, and end the run's process."""
    if threading.current_thread() is not threading.main_thread():
        return step()  # under a command, which hears the signals itself
    try:
        return run_interruptible(step)
    except (dg.DagsterExecutionInterruptedError, KeyboardInterrupt):
        with at_stop(lambda: cancel_runs(context.instance, dg.RunsFilter(run_ids=[context.run.run_id]))):
            end_process(128 + signal.SIGINT)


@contextmanager
def _noted(installation: Installation, context: dg.AssetExecutionContext) -> Iterator[Connector]:
    """Be the connector's one writer inside the block.

    What goes wrong is noted where status, checks and the next poll look for it, before the run fails; success takes
    back what the same step has raised before.
    """
    step, database = context.op_def.name, installation.database
    named = bound_contextvars(connector_id=context.partition_key, run_id=context.run.run_id, step=step)
    with named, _shown_in_dagster(), as_writer(database, context.partition_key) as connector:
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


@contextmanager
def _shown_in_dagster() -> Iterator[None]:
    """Let an error of ours reach the run's page as a sentence and what to do, instead of a trace."""
    try:
        yield
    except CoppermindError as error:
        raise dg.Failure(
            description=in_commands(f"{error.message} {error.hint}".strip()),
            metadata={"code": error.code},
            allow_retries=False,
        ) from error

"""Ahead of its steps: what follows a pull, done while it waits for HubSpot. The steps after it do the rest.

What was done so is counted by the steps whose work it is, later in the same run, which is one process.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from time import monotonic

import dagster as dg

from coppermind_pipeline.catalog import stored_digests
from coppermind_pipeline.connectors import Connector, load_connector
from coppermind_pipeline.defs.installation import Installation
from coppermind_pipeline.memories import (
    Drained,
    DrainedMeanwhile,
    Mapped,
    drain_meanwhile,
    map_deals_ahead,
    map_records,
)
from coppermind_pipeline.sync import Linked, Normalized, Progress, Then

# Contacts have piled up until their companies are there; what comes while they are mapped is not to pile up as well.
CONTACTS_FOR_S = 5.0


@dataclass(slots=True)
class Ahead:
    """What was done beside the pull of a run."""

    normalized: Normalized = field(default_factory=Normalized)
    linked: Linked = field(default_factory=Linked)
    mapped: Mapped = field(default_factory=Mapped)
    meanwhile: DrainedMeanwhile | None = None

    @property
    def drained(self) -> Drained:
        """What was drained, none of which may have been mapped beside the pull."""
        return self.meanwhile.drained if self.meanwhile else Drained()


# Of the last run that pulled: a process works on one run at a time.
_done: dict[str, Ahead] = {}


def done_ahead(context: dg.AssetExecutionContext) -> Ahead:
    """Return what was done beside the pull of the step's run."""
    return _done.get(context.run.run_id, Ahead())


@contextmanager
def memories_ahead(installation: Installation, context: dg.AssetExecutionContext) -> Iterator[Then]:
    """Yield what a pull inside the block is to call from time to time; from then on the queue is drained as well."""
    database = installation.database
    connector = load_connector(database, context.partition_key)
    _done.clear()
    ahead = _done[context.run.run_id] = Ahead()
    with ExitStack() as draining:

        def map_ahead(*, contacts: bool, deals: Iterator[Sequence[str]], enough: Callable[[], bool]) -> None:
            if not _knows_owners(installation, connector):
                return
            if ahead.meanwhile is None:
                import_module("coppermind_pipeline.reports")  # by which a portal is profiled once it is linked
                ahead.meanwhile = draining.enter_context(
                    drain_meanwhile(database, connector_id=connector.id, mind_id=connector.mind_id)
                )
            whose = {"connector_id": connector.id, "mind_id": connector.mind_id}
            if contacts:
                until = monotonic() + CONTACTS_FOR_S
                map_records(
                    database,
                    **whose,
                    deals=False,
                    on_progress=_counted(installation, ahead),
                    enough=lambda: enough() or monotonic() > until,
                )
            map_deals_ahead(database, **whose, deals=deals, on_progress=_counted(installation, ahead), enough=enough)

        yield map_ahead


def _counted(installation: Installation, ahead: Ahead) -> Callable[[Mapped], None]:
    """Return what adds the sum of a mapping so far to what was mapped before it, and tells both."""
    before = ahead.mapped

    def note(mapped: Mapped) -> None:
        ahead.mapped = before + mapped
        installation.on_progress(Progress("memories", ahead.mapped.considered))

    return note


def _knows_owners(installation: Installation, connector: Connector) -> bool:
    """Say whether the owners have ever been read, whom texts name: a run may pull before it reads them."""
    with installation.database.mind(connector.mind_id) as connection:
        return "owners" in stored_digests(connection, connector.id)

"""Whose turn it is: a connector has one writer at a time, and a run makes way for others after a slice."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from time import monotonic

from coppermind_pipeline.connectors import Connector, load_connector
from coppermind_pipeline.errors import HealsByItself
from coppermind_pipeline.store import Database, require_not_paused
from coppermind_pipeline.sync.context import Progress
from coppermind_pipeline.sync.scan_progress import backfill_scans

# A run leaves after the first, shorter time when another one waits; a backfill goes on in the next slice.
SLICE_S = 600.0
SLICE_WHEN_OTHERS_WAIT_S = 120.0
WAIT_FOR_CONNECTOR_S = 900.0

# It leaves after this where it holds up a poll of its own connector, which it looks for so often.
SLICE_WHEN_POLL_WAITS_S = 20.0
LOOK_FOR_POLL_S = 3.0

# A run that has ended, and left its work due, was lost: its process was killed as it began, or a person ended it in the
# queue. It is asked for again in the next stretch of so many minutes.
LOST_AFTER_MINUTES = 5

_LOOK_AGAIN_S = 1.0


class ConnectorBusy(HealsByItself):
    """Another process has been working on the connector for a quarter of an hour."""

    code = "connector_busy"
    hint = "It ends by itself; `connectors action=status` shows how far it is."


def turn_of(due_at: datetime, *, asked_at: datetime) -> str:
    """Return what tells work that is due from the connector's next, and from what is asked for again as it was lost."""
    return f"{due_at:%Y%m%dT%H%M%S%f}:{asked_at:%Y%m%dT%H}:{asked_at.minute // LOST_AFTER_MINUTES}"


@contextmanager
def as_writer(database: Database, connector_id: str) -> Iterator[Connector]:
    """Be the connector's one writer inside the block; if another process is, wait for it first.

    Raises:
        InstallationPaused: nothing is changed until an operator resumes the installation.
        ConnectorBusy: the other process takes too long.
    """
    require_not_paused(database)
    with database.connector_lock(connector_id, wait_s=WAIT_FOR_CONNECTOR_S) as granted:
        if not granted:
            raise ConnectorBusy
        yield load_connector(database, connector_id)


def wait_for_turn(database: Database, connector: Connector, on_progress: Callable[[Progress], None]) -> None:
    """Wait until no other process is the connector's writer, and report how far that one is meanwhile."""
    while True:
        with database.connector_lock(connector.id) as granted:
            if granted:
                return
        with database.mind(connector.mind_id) as connection:
            scans = backfill_scans(connection, connector.id)
        for scan in scans:
            on_progress(scan)
        time.sleep(_LOOK_AGAIN_S)


def slice_end(*, poll_waits: Callable[[], bool], others_wait: Callable[[], bool]) -> Callable[[], bool]:
    """Return the function that says when the slice begun now is over.

    Args:
        poll_waits: says whether the slice holds up a poll of its connector; asked every few seconds at most.
        others_wait: says whether any other run is queued.
    """
    started = monotonic()
    looked_at, is_over = 0.0, False

    def time_is_up() -> bool:
        nonlocal looked_at, is_over
        elapsed = monotonic() - started
        if not is_over and elapsed >= SLICE_WHEN_POLL_WAITS_S and elapsed - looked_at >= LOOK_FOR_POLL_S:
            looked_at, is_over = elapsed, poll_waits()
        return is_over or elapsed > SLICE_S or (elapsed > SLICE_WHEN_OTHERS_WAIT_S and others_wait())

    return time_is_up

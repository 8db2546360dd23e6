"""A process that drains one connector's queue, in a child for each line that it reads; `test_killed_drain` starts it.

Told to map, a child maps and drains beside that, and then drains the rest, as the steps of a run do.

A line holds the number of the moment at which the child is to be killed, 0 for none. What it prints is the child's
process id, and how the child ended. So Python starts once, and not once for each kill.
"""

import os
import signal
import sys
import traceback
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, event

from coppermind_pipeline.memories import drain, drain_meanwhile, draining, map_records
from coppermind_pipeline.memories.mapping import mapping
from coppermind_pipeline.store import Database

DATABASE_URL = "DRAINED_DATABASE_URL"
LOOK_AGAIN_S = 0.001  # sooner than the product, so that the two overlap in a portal of some hundred records
# What a transaction consists of: each is a moment to be killed at, a commit as it is about to be sent.
_MOMENTS = ("begin", "before_cursor_execute", "after_cursor_execute", "commit")


def main(home: str, connector_id: str, mind_id: str, batch_entries: str, batch_records: str) -> None:
    """Drain once for each line, until there is none; map as well where a batch of that has any records."""
    draining.BATCH_ENTRIES, mapping.BATCH_RECORDS = int(batch_entries), int(batch_records)
    draining.LOOK_AGAIN_S = LOOK_AGAIN_S
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _work(Path(home), connector_id, UUID(mind_id), killed_at=int(line))
        print(child, flush=True)  # noqa: T201 - it is read by the test
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)  # noqa: T201


def _work(home: Path, connector_id: str, mind_id: UUID, *, killed_at: int) -> None:
    """Work, and leave; at the moment of that number, have the operating system end the process without a word."""
    moments = count(1)

    def pass_moment(*_: Any) -> None:
        if next(moments) == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)

    for moment in _MOMENTS:
        event.listen(Engine, moment, pass_moment)
    whole = False
    try:
        database = Database(os.environ[DATABASE_URL], home)
        if mapping.BATCH_RECORDS:
            _map(database, connector_id, mind_id)
        drain(database, connector_id=connector_id, mind_id=mind_id)
        whole = True
    finally:
        if not whole:
            traceback.print_exc()
        os._exit(0 if whole else 1)  # nothing of the parent's is this child's to end


def _map(database: Database, connector_id: str, mind_id: UUID) -> None:
    with (
        database.connector_lock(connector_id, wait_s=60) as granted,
        drain_meanwhile(database, connector_id=connector_id, mind_id=mind_id),
    ):
        assert granted, "the server has not noticed in a minute that the one before was killed"
        map_records(database, connector_id=connector_id, mind_id=mind_id)


if __name__ == "__main__":
    main(*sys.argv[1:])

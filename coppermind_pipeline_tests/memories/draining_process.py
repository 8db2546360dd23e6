"""A process that drains one connector's queue, in a child for each line that it reads; `test_killed_drain` starts it.

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

from coppermind_pipeline.memories import drain, draining
from coppermind_pipeline.store import Database

DATABASE_URL = "DRAINED_DATABASE_URL"
# What a transaction consists of: each is a moment to be killed at, a commit as it is about to be sent.
_MOMENTS = ("begin", "before_cursor_execute", "after_cursor_execute", "commit")


def main(home: str, connector_id: str, mind_id: str, batch_entries: str) -> None:
    """Drain once for each line, until there is none."""
    draining.BATCH_ENTRIES = int(batch_entries)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _drain(Path(home), connector_id, UUID(mind_id), killed_at=int(line))
        print(child, flush=True)  # noqa: T201 - it is read by the test
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)  # noqa: T201


def _drain(home: Path, connector_id: str, mind_id: UUID, *, killed_at: int) -> None:
    """Drain, and leave; at the moment of that number, have the operating system end the process without a word."""
    moments = count(1)

    def pass_moment(*_: Any) -> None:
        if next(moments) == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)

    for moment in _MOMENTS:
        event.listen(Engine, moment, pass_moment)
    whole = False
    try:
        drain(Database(os.environ[DATABASE_URL], home), connector_id=connector_id, mind_id=mind_id)
        whole = True
    finally:
        if not whole:
            traceback.print_exc()
        os._exit(0 if whole else 1)  # nothing of the parent's is this child's to end


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Whether a run is worked on, on whatever machine: its process says so every few seconds, for as long as it lives.

All times are of the database's clock.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from coppermind_pipeline.store.database import Database

BEAT_S = 5.0
# Nine beats: a process that has had none of them to give is gone, or its machine is.
SILENT_MAX = timedelta(seconds=45)

log = structlog.get_logger(__name__)


@contextmanager
def heard_of(database: Database, run_id: str) -> Iterator[None]:
    """Let everybody know inside the block that this process works on the run."""
    _say(database, _BEAT, run_id)
    ended = Event()
    beating = Thread(target=_beat, args=(database, run_id, ended), name=f"heartbeat of {run_id}", daemon=True)
    beating.start()
    try:
        yield
    finally:
        ended.set()
        beating.join()


def silent_runs(database: Database, run_ids: Collection[str]) -> set[str]:
    """Return those of the runs whose process has not been heard of for too long, or never was."""
    with database.nobody() as connection:
        heard = connection.scalars(_HEARD, {"run_ids": list(run_ids), "silent_max": SILENT_MAX})
        return set(run_ids) - set(heard)


def _beat(database: Database, run_id: str, ended: Event) -> None:
    while not ended.wait(BEAT_S):
        _say(database, _BEAT, run_id)
    _say(database, _FORGET, run_id)


def _say(database: Database, statement: str, run_id: str) -> None:
    try:
        with database.nobody() as connection:
            connection.execute(text(statement), {"run_id": run_id})
    except SQLAlchemyError as error:  # the run itself says what is wrong; the next beat may get through
        log.warning("heartbeat not stored", run_id=run_id, error=type(error).__name__)


_BEAT = """
INSERT INTO run_heartbeats (run_id, beat_at) VALUES (:run_id, clock_timestamp())
    ON CONFLICT (run_id) DO UPDATE SET beat_at = excluded.beat_at
"""
# Its own, and what processes that were killed have left behind.
_FORGET = """
DELETE FROM run_heartbeats WHERE run_id = :run_id OR beat_at < clock_timestamp() - interval '1 day'
"""
_HEARD = text(
    """SELECT run_id FROM run_heartbeats
        WHERE run_id = ANY (:run_ids) AND beat_at > clock_timestamp() - CAST(:silent_max AS interval)"""
)

"""One Dagster daemon per database, whatever started it and wherever."""

import logging
import os
import signal
from contextlib import ExitStack
from threading import Lock

from dagster._daemon.types import DaemonHeartbeat
from dagster_postgres import PostgresRunStorage
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from coppermind_pipeline.errors import UsageError
from coppermind_pipeline.settings import Settings
from coppermind_pipeline.store import Database

# So long may a daemon that was killed, or a start that puts an earlier one's runs in order, still be in the way.
DAEMON_WAIT_S = 5.0


class AnotherDaemon(UsageError):
    """Another Dagster daemon works on this database, and two would ask for every sync twice."""

    code = "another_daemon"
    hint = (
        "Stop the other one first (`coppermind up`, `dagster dev` or `dagster-daemon run`, here or on another "
        "machine), or give this one a COPPERMIND_HOME and a database of its own."
    )


class OneDaemonRunStorage(PostgresRunStorage):
    """As dagster-postgres, for one daemon: the heartbeat that each of its threads begins with needs the place."""

    def add_daemon_heartbeat(self, daemon_heartbeat: DaemonHeartbeat) -> None:
        """Store a heartbeat of the one daemon; any other one ends here."""
        _place.require()
        super().add_daemon_heartbeat(daemon_heartbeat)


class _DaemonPlace:
    """This process's place as the one daemon on the database, which it has for as long as its connection lives.

    A database that was restarted has forgotten it; then it is taken anew, unless another daemon was faster.
    """

    def __init__(self) -> None:
        self._one_at_a_time = Lock()
        self._holding = ExitStack()
        self._connection: Connection | None = None
        self._refused = False

    def require(self) -> None:
        """Return if the place is this process's; else end the process, before this thread does any of its work."""
        with self._one_at_a_time:
            if not self._refused and not self._is_held() and not self._take():
                self._refused = True
                self._end_process()
        if self._refused:
            raise SystemExit  # an Exception would be noted as a failed heartbeat, and the work begun

    def _end_process(self) -> None:
        refusal = AnotherDaemon()
        logging.getLogger("dagster.daemon").critical("%s %s", refusal.message, refusal.hint)
        os.kill(os.getpid(), signal.SIGINT)  # Dagster's main thread ends the other ones, and the code servers

    def _is_held(self) -> bool:
        if self._connection is None:
            return False
        try:
            self._connection.execute(text("SELECT"))
        except DBAPIError:
            self._connection = None
            self._holding.close()
            return False
        return True

    def _take(self) -> bool:
        database = Database.open(Settings.from_environment())
        self._connection = self._holding.enter_context(database.daemon_lock(wait_s=DAEMON_WAIT_S))
        if self._connection is None:
            self._holding.close()
        return self._connection is not None


_place = _DaemonPlace()

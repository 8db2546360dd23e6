"""Dagster's code server as its own command runs it, but for one thing: runs begin with the code loaded.

Dagster starts a new Python for each run, which loads the same two thousand modules for seconds before it does anything.
Here a process that has loaded them forks off each run (`multiprocessing`'s fork server). It does nothing else, has no
thread and no connection, so that there is nothing that a fork could copy half done.
"""

from multiprocessing import forkserver, get_context
from typing import Any

from dagster._cli.api import grpc_command
from dagster._grpc import server

_RUN_CODE = "coppermind_pipeline.interfaces.up.run_code"


class CodeServer(server.DagsterApiServer):
    """The server of the code location, whose runs are forked off."""

    def __init__(self, **options: Any) -> None:
        """Take Dagster's own options, load the code, and have it loaded where runs come from."""
        super().__init__(**options)
        self._mp_ctx = get_context("forkserver")
        self._mp_ctx.set_forkserver_preload([_RUN_CODE])
        # By now the environment, which runs have from there, has the instance's settings.
        forkserver.ensure_running()


if __name__ == "__main__":
    server.DagsterApiServer = CodeServer
    grpc_command()

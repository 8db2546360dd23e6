"""A sandbox in a child process, for `RunningSandbox(process=True)`."""

import os
import pickle
import sys
import threading

import uvicorn

from coppermind_pipeline.sandbox.app import create_app
from coppermind_pipeline.sandbox.config import SandboxConfig
from coppermind_pipeline.sandbox.server import listening, uvicorn_server


def serve_parent() -> None:
    """Serve the sandbox that the parent process describes on standard input, until that closes."""
    config: SandboxConfig = pickle.load(sys.stdin.buffer)  # noqa: S301  (from our own parent)
    with listening("127.0.0.1", 0) as listener:
        server = uvicorn_server(create_app(config))
        try:
            print(listener.getsockname()[1], flush=True)  # noqa: T201  (the parent reads it)
        except BrokenPipeError:  # it has ended meanwhile
            os._exit(0)
        threading.Thread(target=_stop_at_end_of_input, args=(server,), daemon=True).start()
        server.run(sockets=[listener])


def _stop_at_end_of_input(server: uvicorn.Server) -> None:
    sys.stdin.buffer.read()
    server.should_exit = True


if __name__ == "__main__":
    serve_parent()

"""Running an ASGI application on loopback: in the foreground, or on a thread of the process that runs everything."""

import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import uvicorn
from starlette.applications import Starlette

from coppermind_pipeline.interfaces.processes.children import PortTaken
from coppermind_pipeline.interfaces.processes.restarts import ProcessEnded
from coppermind_pipeline.stopping import stop_at_signals

STOP_DEADLINE_S = 5
_LOOK_S = 1.0


class LoopbackService:
    """An application on a port of loopback; `with` runs it on a thread and stops it at the end."""

    def __init__(
        self, app: Starlette, *, port: int, name: str, port_hint: str, stop_deadline_s: int = STOP_DEADLINE_S
    ) -> None:
        """Listen on the port, so that whoever is told the address is heard.

        Args:
            app: what answers.
            port: on loopback.
            name: as messages call it.
            port_hint: what to do where another process has the port.
            stop_deadline_s: how long requests under way may take once it is to stop.

        Raises:
            PortTaken: another process has it.
        """
        self._name, self._stop_deadline_s = name, stop_deadline_s
        try:
            self._socket = socket.create_server(("127.0.0.1", port))
        except OSError as error:
            raise PortTaken(
                f"The {name} can't listen on 127.0.0.1:{port}: {error.strerror}.", hint=port_hint
            ) from error
        config = uvicorn.Config(
            app,
            log_level="warning",
            # Addresses of callbacks and sign-in links carry secrets, so that no request is logged.
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=stop_deadline_s,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)

    def run(self, *, say: Callable[[], None] = lambda: None) -> None:
        """Serve until the process is told to end; raises ProcessEnded where the service ends by itself.

        Args:
            say: tells whoever looks on that it serves, and how to end it: from then on that ends it well.
        """
        stop = stop_at_signals()  # uvicorn's own handlers, in the main thread, would end in tracebacks
        with self:
            say()
            while not stop.wait(_LOOK_S):
                self.require_running()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(self._stop_deadline_s + 1)
        self._socket.close()

    def require_running(self) -> None:
        """Raise ProcessEnded where the service has ended by itself."""
        if not self._thread.is_alive():
            raise ProcessEnded(f"The {self._name} ended by itself.", hint="Its last words are on standard error.")

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])

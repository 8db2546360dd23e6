"""Running the web service: in the foreground, or on a thread of the process that runs everything."""

import socket
import threading
from contextlib import closing
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import uvicorn

from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.processes import PortTaken, ProcessEnded, port_answers
from coppermind_pipeline.interfaces.web.app import create_app
from coppermind_pipeline.settings import Settings

HTTPS_PROXIED_PORT = 8480
STOP_DEADLINE_S = 5


def listening_port(settings: Settings) -> int:
    """Return the port on loopback: that of COPPERMIND_PUBLIC_URL, or 8480 behind a proxy that speaks https."""
    public = urlsplit(settings.public_url)
    if public.scheme == "https":
        return HTTPS_PROXIED_PORT
    return public.port or 80


def web_service_answers(settings: Settings) -> bool:
    """Say whether something listens where the web service would."""
    return port_answers(listening_port(settings))


class WebService:
    """The web service on loopback; `with` runs it on a thread and stops it at the end."""

    def __init__(self, installation: Installation) -> None:
        """Listen on the port, so that whoever is told the address is heard.

        Raises:
            PortTaken: another process has it.
        """
        port = listening_port(installation.settings)
        try:
            self._socket = socket.create_server(("127.0.0.1", port))
        except OSError as error:
            raise PortTaken(
                f"The web service can't listen on 127.0.0.1:{port}: {error.strerror}.",
                hint="Stop the process that uses the port, or set COPPERMIND_PUBLIC_URL to another one.",
            ) from error
        config = uvicorn.Config(
            create_app(installation),
            log_level="warning",
            # Addresses of callbacks and sign-in links carry secrets, so that no request is logged.
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_DEADLINE_S,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="web service", daemon=True)

    def run(self) -> None:
        """Serve until the process is interrupted or told to end."""
        with closing(self._socket):
            self._serve()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(STOP_DEADLINE_S + 1)
        self._socket.close()

    def require_running(self) -> None:
        """Raise ProcessEnded where the service has ended by itself."""
        if not self._thread.is_alive():
            raise ProcessEnded("The web service ended by itself.", hint="Its last words are on standard error.")

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])

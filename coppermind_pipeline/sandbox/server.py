"""The sandbox as a server: blocking, for the command line, or beside the program that uses it, for tests."""

import asyncio
import os
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import IO, Any, Self

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from coppermind_pipeline.sandbox.api.endpoint import TRANSPORT
from coppermind_pipeline.sandbox.app import create_app
from coppermind_pipeline.sandbox.clock import Clock
from coppermind_pipeline.sandbox.config import SandboxConfig
from coppermind_pipeline.sandbox.control.client import ControlClient

STOP_TIMEOUT_S = 10
CLOSE_S = 0.01
NOT_RUNNING = "the sandbox is not running; use it in a `with` block"


class SandboxProtocol(HttpToolsProtocol):
    """Uvicorn's own protocol, which also hands its transport to the app, for dropped connections."""

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        # The extensions' declared type has no room for an object.
        extensions: Any = {TRANSPORT: self.transport}
        self.scope["extensions"] = extensions


def serve(
    config: SandboxConfig, *, host: str = "127.0.0.1", port: int, ready: Callable[[], None] = lambda: None
) -> None:
    """Serve a sandbox until interrupted, calling `ready` before; raises LoadError or OSError where it can't start."""
    with listening(host, port) as listener, suppress(KeyboardInterrupt):
        app = create_app(config)
        ready()
        uvicorn_server(app).run(sockets=[listener])


class RunningSandbox:
    """A sandbox on a free port of 127.0.0.1, for as long as the `with` block lasts.

    It runs in a thread of this process, or with `process=True` in a child of its own, for benchmarks.
    """

    def __init__(
        self, config: SandboxConfig | None = None, *, process: bool = False, clock: Clock | None = None
    ) -> None:
        if process and clock is not None:
            raise ValueError("a sandbox in another process has its own clock; move it with control.advance_clock")
        self.config = config or SandboxConfig()
        self.client_id = self.config.client_id
        self.client_secret = self.config.client_secret
        self._clock = clock
        self._running: _Thread | _Process | None = None
        self._in_process = process
        self._control: ControlClient | None = None

    @property
    def url(self) -> str:
        """Where its API is: the address in place of `https://api.hubapi.com`."""
        if self._running is None:
            raise RuntimeError(NOT_RUNNING)
        return f"http://127.0.0.1:{self._running.port}"

    @property
    def authorize_url(self) -> str:
        """The page where a person approves the app."""
        return f"{self.url}/oauth/authorize"

    @property
    def pid(self) -> int:
        """The process that serves: this one, or the child."""
        return self._running.pid if isinstance(self._running, _Process) else os.getpid()

    @property
    def control(self) -> ControlClient:
        """The client of its control endpoints."""
        if self._control is None:
            raise RuntimeError(NOT_RUNNING)
        return self._control

    def __enter__(self) -> Self:
        self._running = _Process(self.config) if self._in_process else _Thread(self.config, self._clock)
        self._control = ControlClient(self.url)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._running is not None:
            self._running.stop()
            self._running = None


class _Thread:
    """A server in a thread. Its socket listens before the thread starts, so that it can be called at once."""

    def __init__(self, config: SandboxConfig, clock: Clock | None) -> None:
        app = create_app(config, clock=clock)
        self._listener = listening("127.0.0.1", 0)
        self.port: int = self._listener.getsockname()[1]
        self._server = _PromptServer(app)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._listener]}, name="sandbox", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        self._server.end()
        self._thread.join(STOP_TIMEOUT_S)
        self._listener.close()


class _PromptServer(uvicorn.Server):
    """A server that ends at once when another thread ends it: uvicorn itself looks every 0.1 s, and waits once more."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(_uvicorn_config(app))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = asyncio.Event()

    def end(self) -> None:
        """End it, from any thread, whether it has begun to serve or not."""
        self.should_exit = True
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._ended.set)

    async def main_loop(self) -> None:
        """Serve until it is ended."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):  # renews the header Date
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close everything; where an answer is still due or unread, as uvicorn does."""
        for server in self.servers:
            server.close()
        if not self.server_state.tasks:
            for connection in list(self.server_state.connections):
                connection.shutdown()
            await asyncio.sleep(CLOSE_S)
        if self.server_state.tasks or self.server_state.connections:
            await super().shutdown(sockets)
        else:
            await self.lifespan.shutdown()


class _Process:
    """A server in a child process. It says its port when it is ready, and ends when its standard input does."""

    def __init__(self, config: SandboxConfig) -> None:
        self._process = subprocess.Popen(
            # -P: nothing is imported from the directory that this was called in.
            [sys.executable, "-P", "-m", "coppermind_pipeline.sandbox.child_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us: it ends with us
        )
        stdin, stdout = self._pipes()
        pickle.dump(config, stdin)
        stdin.flush()
        port = stdout.readline()
        if not port:
            self.stop()
            raise RuntimeError("the sandbox did not start; its own error is above")
        self.port = int(port)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def stop(self) -> None:
        """End the child, by force where it does not end by itself."""
        for pipe in self._pipes():
            pipe.close()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the child was started without pipes")
        return stdin, stdout


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens already, so that calls before the server's start wait instead of failing."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=512)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def uvicorn_server(app: ASGIApp) -> uvicorn.Server:
    """Return the server of an app, not started."""
    return uvicorn.Server(_uvicorn_config(app))


def _uvicorn_config(app: ASGIApp) -> uvicorn.Config:
    """Return how an app is served."""
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=SandboxProtocol,
        ws="none",
        access_log=False,
        log_level="critical",
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
    )

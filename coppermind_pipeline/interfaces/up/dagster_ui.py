"""Dagster's user interface behind a guard: `coppermind up` runs this in a process of its own.

Dagster asks nobody who they are, and any page in a browser on this machine could call it: stop the sensor that polls,
or read every customer's runs. Here it answers operators alone, under its own name, to its own pages, and changes
nothing by GET.
"""

import argparse
import logging
import signal
from contextlib import suppress
from pathlib import Path

from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.version import __version__
from dagster_webserver.webserver import DagsterWebserver
from pydantic import SecretStr
from secure import CrossOriginOpenerPolicy, CrossOriginResourcePolicy, Secure, XFrameOptions
from secure.middleware import SecureASGIMiddleware
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from coppermind_pipeline.accounts import local_caller, token_caller
from coppermind_pipeline.interfaces.installation import Installation, open_installation
from coppermind_pipeline.interfaces.processes import LoopbackService
from coppermind_pipeline.interfaces.web.app import error_pages, security_headers, sign_in_routes, static_files
from coppermind_pipeline.interfaces.web.sessions import session_middleware, signed_in
from coppermind_pipeline.interfaces.web.sign_in import SIGN_IN_PATH, bearer_token

# Less than `coppermind up` gives this process to end in.
STOP_DEADLINE_S = 3
_LIVE_DATA_POLL_RATE_MS = 2_000
# What Dagster's answers lack: no other page frames them, opens them or takes them in.
_DAGSTERS_HEADERS = Secure(
    xfo=XFrameOptions().deny(),
    coop=CrossOriginOpenerPolicy().same_origin(),
    corp=CrossOriginResourcePolicy().same_origin(),
)


def main() -> None:
    """Serve the user interface of the installation and of the Dagster instance that the environment describes."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--workspace", type=Path, required=True)
    workspace: Path = options.parse_args().workspace
    # SIGTERM ends this as Ctrl-C does: by way of what is open.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        open_installation(log_level=logging.INFO) as installation,
        DagsterInstance.get() as instance,
        suppress(KeyboardInterrupt),
        WorkspaceProcessContext(
            instance, version=__version__, workspace_load_target=WorkspaceFileTarget([str(workspace)])
        ) as context,
    ):
        LoopbackService(
            create_app(installation, context),
            port=installation.settings.dagster_port,
            name="Dagster web server",
            port_hint="Stop the process that uses the port, or set COPPERMIND_DAGSTER_PORT to another one.",
            stop_deadline_s=STOP_DEADLINE_S,
        ).run()


def create_app(installation: Installation, context: WorkspaceProcessContext) -> Starlette:
    """Return Dagster's user interface as an ASGI application that answers operators alone.

    An operator has a session or an access token of the customer `local`: Dagster shows every customer's work. Whatever
    is not named here is Dagster's, and guarded.
    """
    webserver = _Webserver(context, live_data_poll_rate=_LIVE_DATA_POLL_RATE_MS)
    sign_in = _sign_in_pages(installation)
    return Starlette(
        routes=[
            Route(SIGN_IN_PATH, sign_in),
            Route("/static/{path:path}", sign_in),
            Route("/server_info", webserver.webserver_info_endpoint),
            Mount(
                "/",
                _OperatorsOnly(webserver.create_asgi_app(), installation),
                middleware=[Middleware(SecureASGIMiddleware, secure=_DAGSTERS_HEADERS)],
            ),
        ],
        middleware=_middleware(installation),
    )


def _sign_in_pages(installation: Installation) -> Starlette:
    """Return what a sign-in link leads to on this port: a browser keeps its sessions by the host's name."""
    app = Starlette(
        routes=[*sign_in_routes(), Mount("/static", static_files())],
        middleware=[Middleware(SecureASGIMiddleware, secure=security_headers(https=False))],
        exception_handlers=error_pages(),
    )
    app.state.installation = installation
    app.state.https_only = False
    return app


def _middleware(installation: Installation) -> list[Middleware]:
    port = installation.settings.dagster_port
    return [
        # A page elsewhere can point a name of its own at this machine.
        Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1"]),
        Middleware(_OwnPagesOnly, origins={f"http://localhost:{port}", f"http://127.0.0.1:{port}"}),
        session_middleware(installation.database),
    ]


class _Webserver(DagsterWebserver[WorkspaceProcessContext, WorkspaceRequestContext]):
    """Dagster's web application, whose GraphQL takes JSON by POST alone.

    The check is in the endpoint, so that no other spelling of its address leads past it. By itself Dagster takes a
    mutation from the address of a GET too, and of a POST whose body is of any type.
    """

    async def graphql_http_endpoint(self, request: Request) -> HTMLResponse | PlainTextResponse | JSONResponse:
        if request.method != "POST":
            return PlainTextResponse("GraphQL is asked by POST.", 405, headers={"Allow": "POST"})
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return PlainTextResponse("GraphQL is asked in JSON: Content-Type must be application/json.", 415)
        return await super().graphql_http_endpoint(request)


class _OwnPagesOnly:
    """Refuses what another site's page sends: a browser names its origin with each POST and each WebSocket."""

    def __init__(self, app: ASGIApp, *, origins: set[str]) -> None:
        self._app, self._origins = app, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._app
        if scope["type"] in {"http", "websocket"} and any(
            origin not in self._origins for origin in HTTPConnection(scope).headers.getlist("origin")
        ):
            answer = PlainTextResponse("This was sent by a page of another origin.", 403)
        await answer(scope, receive, send)


class _OperatorsOnly:
    """Sends a browser without an operator's session to the sign-in page, and refuses everything else without one."""

    def __init__(self, app: ASGIApp, installation: Installation) -> None:
        self._app, self._database = app, installation.database
        self._operator = local_caller(installation.database).customer_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        is_let_in = self._has_session(connection) or await self._shows_token(connection)
        answer = self._app if is_let_in else _refusal(connection)
        await answer(scope, receive, send)

    def _has_session(self, connection: HTTPConnection) -> bool:
        user = signed_in(connection)
        return user is not None and user.session.customer_id == self._operator

    async def _shows_token(self, connection: HTTPConnection) -> bool:
        token = bearer_token(connection)
        if token is None:
            return False
        caller = await run_in_threadpool(token_caller, self._database, SecretStr(token))
        return caller is not None and caller.customer_id == self._operator


def _refusal(connection: HTTPConnection) -> Response:
    if "text/html" in connection.headers.get("accept", "") and signed_in(connection) is None:
        return RedirectResponse(SIGN_IN_PATH, 303)
    return PlainTextResponse(
        "Dagster is for operators: sign in as the customer `local` (`coppermind web --sign-in-link`), or send "
        "`Authorization: Bearer` with a token of that customer (`coppermind tokens create`).",
        401,
        headers={"WWW-Authenticate": "Bearer"},
    )


if __name__ == "__main__":
    main()

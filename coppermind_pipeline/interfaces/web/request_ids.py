"""A name for each request: in all log events of its work, in the answer's head, and on the page where it failed."""

from uuid import uuid4

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, get_contextvars

HEADER = "x-request-id"


class RequestIds:
    """Middleware that names each request. What is bound ends with the request's own task."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request under a name of its own; addresses are left out, as some are secrets."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = uuid4().hex[:16]
        bind_contextvars(request_id=request_id)

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        await self._app(scope, receive, send_named)


def request_id() -> str:
    """Return the name of the request that is being answered."""
    return get_contextvars().get("request_id", "unknown")

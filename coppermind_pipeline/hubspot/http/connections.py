"""Connections to HubSpot: httpx goes over aiohttp's, since its own parse HTTP in Python.

That is a sixth of a fast backfill's processor time.
"""

import ssl
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from httpx_aiohttp.transport import AiohttpResponseStream

CONNECTIONS_MAX = 32
# A batch of a hundred full records is some 750 kB: to be read in a few pieces.
READ_BYTES = 1 << 20

# Whom the connections tell that a request goes out: aiohttp's hooks know the task it is of, and no more.
_on_sent: ContextVar[Callable[[], Awaitable[None]] | None] = ContextVar("on_sent", default=None)


class Connections(AiohttpTransport):
    """Connections that say when a request goes out and when its answer begins.

    Args:
        tls: whom an encrypted one trusts.
        by_proxy: they go by the proxy that the environment names, if it names one.
    """

    def __init__(self, tls: ssl.SSLContext, *, by_proxy: bool) -> None:
        super().__init__(verify=tls, client=lambda: _session(tls, by_proxy=by_proxy))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request; its extensions say who is told that it is sent, and that its answer has begun."""
        listening = _on_sent.set(request.extensions["on_sent"])
        try:
            response = await super().handle_async_request(request)
        except aiohttp.ClientError as error:  # such as for what is no HTTP; httpx-aiohttp maps some others alone
            raise httpx.RemoteProtocolError(str(error), request=request) from error
        finally:
            _on_sent.reset(listening)
        if isinstance(response.stream, AiohttpResponseStream):
            response.stream.CHUNK_SIZE = READ_BYTES  # pyright: ignore[reportAttributeAccessIssue] - the type says 16384
        if on_answered := request.extensions["on_answered"]:
            await on_answered()
        return response


def _session(tls: ssl.SSLContext, *, by_proxy: bool) -> aiohttp.ClientSession:
    async def tell(*_: Any) -> None:
        if on_sent := _on_sent.get():
            await on_sent()

    sending = aiohttp.TraceConfig()
    sending.on_request_headers_sent.append(tell)
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX, ssl=tls),
        cookie_jar=aiohttp.DummyCookieJar(),
        read_bufsize=READ_BYTES,
        trace_configs=[sending],
        trust_env=by_proxy,
    )
    # A call that is sent again behind our back is in no budget and no count; there is no public setting against it.
    session._retry_connection = False
    return session

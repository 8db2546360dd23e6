"""The one place that knows the HTTP library: bytes out, bytes in, and every fault of the network as one error."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from coppermind_pipeline.hubspot.errors import PortalUnavailable

CONNECT_TIMEOUT_S = 10.0
REQUEST_TIMEOUT_S = 60.0
CONNECTIONS_MAX = 32

_REDACTED = b"[redacted]"

_Listener = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read to its end.

    Attributes:
        headers: looked up in lower case.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes


class Transport:
    """A pool of connections to one host. Used as an async context manager.

    Args:
        base_url: scheme and host, such as `https://api.hubapi.com`.
        request_timeout_s: for one request from first to last byte, however slowly it trickles.
    """

    def __init__(self, base_url: str, *, request_timeout_s: float = REQUEST_TIMEOUT_S) -> None:
        self._base_url = base_url.rstrip("/")
        self._request_timeout_s = request_timeout_s
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        self._client = httpx.AsyncClient(
            base_url=self._base_url,
            verify=_tls(urlsplit(self._base_url).scheme),
            timeout=httpx.Timeout(self._request_timeout_s, connect=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX),
        )
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.__aexit__(kind, error, trace)
            self._client = None

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        json_body: bytes | None = None,
        form: Mapping[str, str | SecretStr] | None = None,
        bearer: SecretStr | None = None,
        on_sent: _Listener | None = None,
        on_answered: _Listener | None = None,
    ) -> Answer:
        """Send one request and return the whole answer, whatever its status.

        What an error answer repeats of the bearer token or of a secret form field is blanked before anybody sees it.

        Args:
            on_sent: awaited as soon as the request has gone out to its end.
            on_answered: awaited as soon as the head of the answer is there.

        Raises:
            PortalUnavailable: no complete answer came: refused, reset, timed out, cut off.
        """
        if self._client is None:
            msg = "the transport is used outside of its context"
            raise RuntimeError(msg)
        headers: dict[str, str] = {"Accept": "application/json"}
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer.get_secret_value()}"
        if json_body is not None:
            headers["Content-Type"] = "application/json"
        try:
            async with asyncio.timeout(self._request_timeout_s):
                response = await self._client.request(
                    method,
                    path,
                    params=query,
                    content=json_body,
                    data={name: _plain(value) for name, value in form.items()} if form else None,
                    headers=headers,
                    extensions={"trace": _told(on_sent, on_answered)},
                )
        except (httpx.TransportError, httpx.DecodingError, TimeoutError) as error:
            fault = "timed out" if isinstance(error, TimeoutError | httpx.TimeoutException) else "broke off"
            raise PortalUnavailable(f"{method} {path} {fault} ({type(error).__name__}).") from error
        content = response.content
        if response.status_code >= httpx.codes.BAD_REQUEST:
            content = _blanked(content, bearer, *(form or {}).values())
        return Answer(response.status_code, response.headers, content)


def _tls(scheme: str) -> ssl.SSLContext:
    # Reading the trusted certificates costs more CPU than an idle poll may; plain http (the sandbox) needs none.
    return _trusting_context() if scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@cache
def _trusting_context() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _told(
    on_sent: _Listener | None, on_answered: _Listener | None
) -> Callable[[str, Mapping[str, Any]], Awaitable[None]]:
    async def trace(event: str, _: Mapping[str, Any]) -> None:
        if on_sent and event.endswith(".send_request_body.complete"):
            await asyncio.sleep(0)  # uvloop sends at the end of a turn of the loop what it was given in it
            await on_sent()
        elif on_answered and event.endswith(".receive_response_headers.complete"):
            await on_answered()

    return trace


def _plain(value: str | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _blanked(content: bytes, *values: str | SecretStr | None) -> bytes:
    for value in values:
        if isinstance(value, SecretStr) and value:
            content = content.replace(value.get_secret_value().encode(), _REDACTED)
    return content

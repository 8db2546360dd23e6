"""Bytes out, bytes in, and every fault of the network as one error.

With `connections`, which is imported where a client opens, the one place that knows the HTTP libraries.
"""

import asyncio
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from coppermind_pipeline.hubspot.errors import PortalUnavailable
from coppermind_pipeline.hubspot.http.deadlines import at_most_s

CONNECT_TIMEOUT_S = 10.0
REQUEST_TIMEOUT_S = 60.0
PIECE_BYTES = 1 << 20
# A whole answer, as it comes and as it unpacks: many times what HubSpot's largest holds, and no danger to this machine.
ANSWER_BYTES_MAX = 64 << 20

_GZIP = 16 + zlib.MAX_WBITS

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

    Everything goes out by `send`: a test that needs no network hands the client a transport whose `send` answers.

    Args:
        base_url: scheme and host, such as `https://api.hubapi.com`.
        request_timeout_s: for one request from first to last byte, however slowly it trickles.
    """

    def __init__(self, base_url: str, *, request_timeout_s: float = REQUEST_TIMEOUT_S) -> None:
        self._base_url = base_url.rstrip("/")
        self._request_timeout_s = request_timeout_s
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        # aiohttp takes long to import, and Dagster reads definitions in processes that ask HubSpot for nothing.
        from coppermind_pipeline.hubspot.http.connections import Connections

        scheme = urlsplit(self._base_url).scheme
        self._client = httpx.AsyncClient(
            base_url=self._base_url,
            # Plain http is for this machine alone, which no proxy knows the way to.
            transport=Connections(_tls(scheme), by_proxy=scheme == "https"),
            timeout=httpx.Timeout(self._request_timeout_s, connect=CONNECT_TIMEOUT_S),
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
            on_sent: awaited as the request goes out.
            on_answered: awaited as soon as the head of the answer is there.

        Raises:
            PortalUnavailable: no complete answer came: refused, reset, timed out, cut off, or it was beyond measure.
        """
        if self._client is None:
            msg = "the transport is used outside of its context"
            raise RuntimeError(msg)
        headers: dict[str, str] = {"Accept": "application/json", "Accept-Encoding": "gzip"}
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer.get_secret_value()}"
        if json_body is not None:
            headers["Content-Type"] = "application/json"
        try:
            async with asyncio.timeout(at_most_s(self._request_timeout_s)):
                async with self._client.stream(
                    method,
                    path,
                    params=query,
                    content=json_body,
                    data={name: _plain(value) for name, value in form.items()} if form else None,
                    headers=headers,
                    extensions={"on_sent": on_sent, "on_answered": on_answered},
                ) as response:
                    # Not read by the response itself: it is in a cycle with its stream, and what it holds, a megabyte
                    # at times, would wait for the garbage collector.
                    content = await _whole_content(response)
        except _BeyondMeasure as error:
            raise PortalUnavailable(
                f"HubSpot's answer to {method} {path} {error}.", is_too_much=isinstance(error, _TooLarge)
            ) from None
        except (httpx.TransportError, zlib.error, TimeoutError) as error:
            # httpx-aiohttp takes every broken connection for a timeout; what aiohttp said is the cause.
            cause = error.__cause__ if isinstance(error, httpx.TransportError) and error.__cause__ else error
            timed_out = isinstance(cause, TimeoutError)
            raise PortalUnavailable(
                f"{method} {path} {'timed out' if timed_out else 'broke off'} ({type(cause).__name__}).",
                # A host that takes no connection was not asked for anything yet.
                is_too_much=timed_out and not isinstance(error, httpx.ConnectTimeout),
            ) from error
        if response.status_code >= httpx.codes.BAD_REQUEST:
            content = _blanked(content, bearer, *(form or {}).values())
        return Answer(response.status_code, response.headers, content)


class _BeyondMeasure(Exception):
    """An answer that is not read to its end."""


class _TooLarge(_BeyondMeasure):
    """There is more of it than is read."""


async def _whole_content(response: httpx.Response) -> bytes:
    """Return the body, unpacked; httpx would unpack whatever comes, and a small body may hold a terabyte."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"gzip", "identity", ""}:
        raise _BeyondMeasure("is packed in a way that was not asked for")
    parts = response.aiter_raw()
    return b"".join([part async for part in _bounded(_unpacked(parts) if encoding == "gzip" else parts)])


async def _unpacked(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    unpacking = zlib.decompressobj(_GZIP)
    async for packed in parts:
        # In pieces: one of a megabyte may unpack to a gigabyte.
        left = packed
        while left and not unpacking.eof:
            yield unpacking.decompress(left, PIECE_BYTES)
            left = unpacking.unconsumed_tail
    yield unpacking.flush()


async def _bounded(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    size = 0
    async for part in parts:
        size += len(part)
        if size > ANSWER_BYTES_MAX:
            raise _TooLarge(f"is larger than {ANSWER_BYTES_MAX >> 20} MiB")
        yield part


def _tls(scheme: str) -> ssl.SSLContext:
    # Reading the trusted certificates costs more CPU than an idle poll may; plain http (the sandbox) needs none.
    return _trusting_context() if scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@cache
def _trusting_context() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _plain(value: str | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _blanked(content: bytes, *values: str | SecretStr | None) -> bytes:
    for value in values:
        if isinstance(value, SecretStr) and value:
            content = content.replace(value.get_secret_value().encode(), _REDACTED)
    return content

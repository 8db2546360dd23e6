"""A real server on a local socket that answers each request with the next line of a script."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass(frozen=True)
class Reply:
    """What goes over the wire; `cut_to` bytes of the body at most, then the connection is reset."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    cut_to: int | None = None
    after: asyncio.Event | None = None

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else orjson.dumps(self.body)


DROPPED = Reply(cut_to=-1)


class ScriptedPortal:
    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.script: deque[Reply | Callable[[Request], Reply]] = deque()
        self.url = ""

    def will(self, *replies: Reply | Callable[[Request], Reply]) -> None:
        self.script.extend(replies)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read_request(reader)) is not None:
                self.requests.append(request)
                if not await _send(writer, self._reply_to(request)):
                    return
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _reply_to(self, request: Request) -> Reply:
        if not self.script:
            return Reply(400, {"status": "error", "message": "the script has no answer to this request"})
        reply = self.script.popleft()
        return reply if isinstance(reply, Reply) else reply(request)


@asynccontextmanager
async def scripted_portal() -> AsyncIterator[ScriptedPortal]:
    portal = ScriptedPortal()
    server = await asyncio.start_server(portal.serve, "127.0.0.1", 0)
    portal.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield portal
    finally:
        server.close()


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.rstrip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    parts = urlsplit(target)
    return Request(method, parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), headers, body)


async def _send(writer: asyncio.StreamWriter, reply: Reply) -> bool:
    if reply.after is not None:
        await reply.after.wait()
    if reply is DROPPED:
        writer.transport.abort()
        return False
    content = reply.content
    headers = {"Content-Type": "application/json", **reply.headers, "Content-Length": str(len(content))}
    head = f"HTTP/1.1 {reply.status} .\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n"
    writer.write(head.encode() + content[: reply.cut_to])
    await writer.drain()
    if reply.cut_to is not None:
        writer.write_eof()
        return False
    return True

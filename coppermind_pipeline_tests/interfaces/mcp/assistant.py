"""An assistant as the tools meet it: the MCP library's own client, which checks every answer against its schema."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, Tool

from coppermind_pipeline.accounts import Caller
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.mcp.server import create_server
from coppermind_pipeline.interfaces.web.callback_listener import CallbackListener
from coppermind_pipeline.reports.actions.call import ANSWER_BYTES_MAX


@dataclass(frozen=True)
class Assistant:
    """Calls tools; `tools` is what the server listed."""

    client: Client
    tools: dict[str, Tool]

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Return the structured answer of a call that succeeds."""
        result = await self._call(tool, arguments)
        assert not result.is_error, result.content
        return result.structured_content

    async def fail(self, tool: str, **arguments: Any) -> dict[str, str]:
        """Return the error of a call that fails."""
        result = await self._call(tool, arguments)
        assert result.is_error, result.structured_content
        assert list(result.structured_content) == ["error"]
        return result.structured_content["error"]

    async def read(self, tool: str, **arguments: Any) -> str:
        """Return the text of a call."""
        return _text(await self._call(tool, arguments))

    async def both(self, tool: str, **arguments: Any) -> tuple[dict[str, Any], str]:
        """Return the structured answer of a call, and its text."""
        result = await self._call(tool, arguments)
        return result.structured_content, _text(result)

    async def _call(self, tool: str, arguments: dict[str, Any]) -> CallToolResult:
        result = await self.client.call_tool(tool, arguments)
        jsonschema.validate(result.structured_content, self.tools[tool].output_schema or {})
        text = _text(result)
        # Each answer once: for people and models to read, and not as JSON beside the structured content.
        assert text.strip()
        assert text.lstrip()[0] not in "{["
        assert len(text.encode()) < ANSWER_BYTES_MAX
        return result


def _text(result: CallToolResult) -> str:
    (block,) = result.content
    assert block.type == "text"
    return block.text


@asynccontextmanager
async def over_stdio(*options: str) -> AsyncIterator[Assistant]:
    """Start `coppermind mcp` as an assistant on this machine does; the environment names the installation."""
    command = str(Path(sys.executable).with_name("coppermind"))
    server = StdioServerParameters(command=command, args=["mcp", *options], env=dict(os.environ))
    async with Client(stdio_client(server), mode="legacy") as client:
        yield await _introduced(client)


@asynccontextmanager
async def over_http(address: str, token: str, *, mode: str = "legacy") -> AsyncIterator[Assistant]:
    """Call a server over HTTP with an access token."""
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=30) as http,
        Client(streamable_http_client(address, http_client=http), mode=mode) as client,
    ):
        yield await _introduced(client)


@asynccontextmanager
async def in_process(installation: Installation, caller: Caller) -> AsyncIterator[Assistant]:
    """Call a server in this process."""
    with CallbackListener(installation) as callback:
        server = create_server(installation, caller=lambda: caller, callback=callback)
        async with Client(server, mode="legacy") as client:
            yield await _introduced(client)


async def _introduced(client: Client) -> Assistant:
    listed = await client.list_tools()
    for tool in listed.tools:
        jsonschema.Draft202012Validator.check_schema(tool.input_schema)
        jsonschema.Draft202012Validator.check_schema(tool.output_schema or {})
    return Assistant(client, {tool.name: tool for tool in listed.tools})

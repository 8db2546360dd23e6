"""The tools: what an assistant reads about each, and the function of a room below that answers it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from importlib.metadata import version
from typing import Any

import anyio.to_thread
import mcp_types as mcp
from pydantic import BaseModel

from coppermind_pipeline.accounts import Caller, Mind, MindList, minds_tool, resolve_mind
from coppermind_pipeline.connectors import ConnectorsAnswer, ConnectResponse, connectors_tool
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.mcp.arguments import (
    ConnectorsArguments,
    MemoryArguments,
    MindsArguments,
    ToolArguments,
    checked,
)
from coppermind_pipeline.interfaces.mcp.schemas import input_schema, output_schema
from coppermind_pipeline.interfaces.web.callback_listener import CallbackListener
from coppermind_pipeline.reports import OF_ALL_MINDS, MemoryAnswer, memory_tool
from coppermind_pipeline.sync import pull_now

PRODUCT = "coppermind-pipeline"
VERSION = version(PRODUCT)

INSTRUCTIONS = """\
Coppermind keeps one memory, called a mind, for each client, fed read-only from the client's HubSpot.
- Never mix two clients up: every answer names its mind. Pass mind= when the person names a client.
- Numbers come from memory action=crm_report, of contacts and leads from action=lead_report, those of one company from
  action=account, what changed since a date from action=changes. Read trust and caveats first, and pass caveats on.
- Pass audience=client for anything that a client will read.
- To connect HubSpot: connectors action=connect source_type=hubspot, have the person open auth_url and approve, then
  connectors action=status. Don't send anybody to HubSpot's App Marketplace or to its own Claude connector, and never
  ask for a HubSpot token, key or secret.
"""


class Fault(BaseModel):
    """What went wrong, and what to do about it."""

    code: str
    message: str
    hint: str


class Failed(BaseModel):
    """A call that did not succeed."""

    error: Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Where and on whose behalf a tool is called."""

    installation: Installation
    caller: Caller
    callback: CallbackListener


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One tool.

    Attributes:
        arguments: what it takes; answers: what it may answer, beside `Failed`.
        answer: calls the room below, with arguments of the right types.
    """

    name: str
    title: str
    description: str
    annotations: mcp.ToolAnnotations
    arguments: type[ToolArguments]
    answers: Any
    answer: Callable[[Call, dict[str, Any]], Awaitable[Any]]

    @cached_property
    def definition(self) -> mcp.Tool:
        """The tool as `tools/list` shows it."""
        return mcp.Tool(
            name=self.name,
            title=self.title,
            description=self.description,
            annotations=self.annotations,
            input_schema=input_schema(self.arguments),
            output_schema=output_schema(self.answers | Failed),
        )

    async def call(self, call: Call, arguments: dict[str, Any]) -> Any:
        """Answer a call; raises CoppermindError for what a person can act on."""
        return await self.answer(call, checked(self.name, self.arguments, arguments))


async def _connectors(call: Call, arguments: dict[str, Any]) -> ConnectorsAnswer:
    answer = await connectors_tool(
        call.installation.database,
        call.installation.settings,
        call.caller,
        now=datetime.now(UTC),
        callback_listening=True,  # or else the next lines fail
        **arguments,
    )
    if isinstance(answer, ConnectResponse):
        until = answer.auth_url_expires_at
        await anyio.to_thread.run_sync(lambda: call.callback.await_approval(answer.connector_id, until=until))
    return answer


async def _minds(call: Call, arguments: dict[str, Any]) -> Mind | MindList:
    return await anyio.to_thread.run_sync(lambda: minds_tool(call.installation.database, call.caller, **arguments))


async def _memory(call: Call, arguments: dict[str, Any]) -> MemoryAnswer:
    database, name = call.installation.database, arguments.pop("mind", None)
    mind = None
    if name is not None or arguments["action"] not in OF_ALL_MINDS:
        mind = await anyio.to_thread.run_sync(lambda: resolve_mind(database, call.caller, name))
    refresh = partial(pull_now, database, call.installation.settings)
    return await memory_tool(
        database, mind=mind, caller=call.caller, now=datetime.now(UTC), refresh=refresh, **arguments
    )


TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            name="connectors",
            title="HubSpot connectors",
            description=(
                "Connects a client's HubSpot to its mind, read-only, and says whether its data is up to date, what is "
                "wrong, and what to tell somebody who can't connect (setup_help)."
            ),
            annotations=mcp.ToolAnnotations(
                read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=True
            ),
            arguments=ConnectorsArguments,
            answers=ConnectorsAnswer,
            answer=_connectors,
        ),
        Tool(
            name="minds",
            title="Clients' minds",
            description=(
                "Lists, creates, switches and updates minds, one per client. Switch when the person turns to another "
                "client; other calls mean the active mind unless they name one."
            ),
            # What an update changes can be changed back.
            annotations=mcp.ToolAnnotations(
                read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False
            ),
            arguments=MindsArguments,
            answers=Mind | MindList,
            answer=_minds,
        ),
        Tool(
            name="memory",
            title="Client memory and CRM report",
            description=(
                "Answers questions about one client from its synced HubSpot: numbers, people, companies, changes. "
                "Answers open with trust: which portals, how fresh, which filters."
            ),
            # A report may ask HubSpot first (live_fallback).
            annotations=mcp.ToolAnnotations(
                read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True
            ),
            arguments=MemoryArguments,
            answers=MemoryAnswer,
            answer=_memory,
        ),
    )
}

"""The MCP server, whatever carries its messages: lists the tools, calls them, and shows answers and errors."""

from collections.abc import Callable
from typing import Any

import mcp_types as mcp
import structlog
from mcp.server import Server, ServerRequestContext
from mcp.shared.exceptions import MCPError
from pydantic_core import to_jsonable_python

from coppermind_pipeline.accounts import Caller
from coppermind_pipeline.errors import CoppermindError, Unexpected
from coppermind_pipeline.interfaces.faults import known_fault
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.mcp.texts import readable
from coppermind_pipeline.interfaces.mcp.tools import INSTRUCTIONS, PRODUCT, TOOLS, VERSION, Call, Failed, Fault
from coppermind_pipeline.interfaces.web.callback_listener import CallbackListener
from coppermind_pipeline.named_calls import without_commands
from coppermind_pipeline.retelling import retold
from coppermind_pipeline.wording import visible_text, visible_values

log = structlog.get_logger(__name__)

_UNEXPECTED = Failed(
    error=Fault(
        code=Unexpected.code,
        message="Something went wrong on our side; nothing that was stored before is lost.",
        hint="Try again; if it stays, whoever runs this installation finds the cause in its log.",
    )
)

_PASSES = "Nothing that was stored is lost: try again in a minute; if it stays, tell whoever runs this installation."


def create_server(installation: Installation, *, caller: Callable[[], Caller], callback: CallbackListener) -> Server:
    """Return the server.

    Args:
        installation: what the tools work with.
        caller: on whose behalf the call that is being answered is made; raises what keeps that from being known.
        callback: sees to it that an approval is heard of.
    """

    async def list_tools(
        context: ServerRequestContext, params: mcp.PaginatedRequestParams | None
    ) -> mcp.ListToolsResult:
        del context, params
        return mcp.ListToolsResult(tools=[tool.definition for tool in TOOLS.values()])

    async def call_tool(context: ServerRequestContext, params: mcp.CallToolRequestParams) -> mcp.CallToolResult:
        del context
        tool = TOOLS.get(params.name)
        if tool is None:
            raise MCPError(code=mcp.INVALID_PARAMS, message=f"There is no tool {params.name!r}.")
        try:
            call = Call(installation=installation, caller=caller(), callback=callback)
            answer = await tool.call(call, dict(params.arguments or {}))
        except CoppermindError as error:
            return _failed(error.as_response())
        except Exception as error:
            known = known_fault(error)
            if known is None:
                log.exception("tool failed", tool=params.name)
                return _failed(_UNEXPECTED.model_dump())
            # Addresses and paths are the operator's; whoever calls may be anybody's assistant.
            log.error("tool not served", tool=params.name, reason=known.message)  # noqa: TRY400
            return _failed(type(known)(hint=_PASSES).as_response())
        told = retold(answer, without_commands)
        return _result(readable(told), told)

    return Server(
        PRODUCT,
        title="Coppermind",
        version=VERSION,
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def _result(text: str, answer: Any, *, is_error: bool = False) -> mcp.CallToolResult:
    return mcp.CallToolResult(
        content=[mcp.TextContent(text=visible_text(text))],
        structured_content=visible_values(to_jsonable_python(answer)),
        is_error=is_error,
    )


def _failed(response: dict[str, Any]) -> mcp.CallToolResult:
    error = Failed.model_validate(response)
    said = retold(error, without_commands)
    return _result(f"{said.error.message} {said.error.hint}".strip(), said, is_error=True)

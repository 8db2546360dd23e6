"""The MCP server over standard input and output, for an assistant that starts it on its own machine."""

import anyio
from mcp.server.stdio import stdio_server

from coppermind_pipeline.accounts import Caller
from coppermind_pipeline.interfaces.installation import Installation
from coppermind_pipeline.interfaces.mcp.server import create_server
from coppermind_pipeline.interfaces.web.callback_listener import CallbackListener


def serve_stdio(installation: Installation, caller: Caller) -> None:
    """Answer one assistant, as the person at this machine, until it closes our standard input."""
    with CallbackListener(installation) as callback:
        server = create_server(installation, caller=lambda: caller, callback=callback)

        async def serve() -> None:
            async with stdio_server() as (incoming, outgoing):
                await server.run(incoming, outgoing, server.create_initialization_options())

        anyio.run(serve)

"""The MCP server: the tools `connectors`, `minds` and `memory` for an assistant, over stdio and streamable HTTP."""

from coppermind_pipeline.interfaces.mcp.http import DEFAULT_PORT, http_address, http_service
from coppermind_pipeline.interfaces.mcp.stdio import serve_stdio

__all__ = ["DEFAULT_PORT", "http_address", "http_service", "serve_stdio"]

"""The ways in: command line, MCP server, web service, and what runs them on one machine. Each calls the rooms below."""

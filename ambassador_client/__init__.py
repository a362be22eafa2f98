"""The client: a stdio MCP server to the host application, a relay to the Ambassador server."""

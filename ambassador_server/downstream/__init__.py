"""Downstream MCP servers: connecting to them, keeping them alive, calling their tools."""

"""Connects to downstream MCP servers, keeps the connections up, and sends requests over them."""

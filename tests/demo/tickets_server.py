"""A small MCP server over stdio, built on the MCP SDK: it knows its user by the token in its environment."""

import os

from mcp.server.mcpserver import MCPServer

server = MCPServer("tickets", log_level="ERROR")


@server.tool()
def my_account() -> str:
    """Say whose tickets these are."""
    return os.environ["TICKETS_TOKEN"].partition("-")[0]


if __name__ == "__main__":
    server.run()

"""A server built on the MCP SDK, over stdio, or with `--http` over streamable HTTP on a loopback port it prints."""

import json
import socket
import sys
from typing import Any

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.types import ToolAnnotations

server = MCPServer("sdk")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
async def grow(context: Context[Any]) -> str:
    """Offer one more tool."""
    server.add_tool(lambda: "new", name="newcomer", description="It was not here before.")
    await context.notify_tools_changed()
    return "grown"


def main() -> None:
    """Serve with the transport that the flags name."""
    if "--http" not in sys.argv:
        server.run("stdio")
        return
    listening = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(json.dumps({"port": listening.getsockname()[1]}) + "\n")
    sys.stdout.flush()
    app = server.streamable_http_app(json_response="--json" in sys.argv)
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listening])


if __name__ == "__main__":
    main()

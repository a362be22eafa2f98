"""A small MCP server over streamable HTTP, built on the MCP SDK: it keeps notes in memory."""

import socket
import sys

import uvicorn
from mcp.server.mcpserver import MCPServer

server = MCPServer("notes", log_level="ERROR")
_notes: list[str] = []


@server.tool()
def add_note(text: str) -> str:
    """Keep a note."""
    _notes.append(text)
    return f"{len(_notes)} kept"


@server.tool()
def list_notes() -> list[str]:
    """Show every note."""
    return _notes


def main() -> None:
    """Serve on a free loopback port and print its number on the first line."""
    listening = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    config = uvicorn.Config(server.streamable_http_app(), log_level="error")
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()

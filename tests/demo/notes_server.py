"""A small MCP server over streamable HTTP, built on the MCP SDK: it keeps notes in memory."""

import socket
import sys
from typing import Any

import mcp_types as types
import uvicorn
from mcp.server.mcpserver import Context, MCPServer

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


@server.tool()
async def forget_notes(context: Context[Any]) -> str | types.InputRequiredResult:
    """Forget every note, after the user has confirmed it."""
    answer = (context.input_responses or {}).get("sure")
    if not isinstance(answer, types.ElicitResult):
        schema = {"type": "object", "properties": {"sure": {"type": "boolean"}}, "required": ["sure"]}
        question = types.ElicitRequestFormParams(
            message=f"Forget {len(_notes)} notes?", requested_schema=schema
        )
        return types.InputRequiredResult(input_requests={"sure": types.ElicitRequest(params=question)})
    if answer.action == "accept" and answer.content and answer.content["sure"]:
        _notes.clear()
    return f"{len(_notes)} kept"


@server.resource("note://all")
def all_notes() -> str:
    """Every note, a line each."""
    return "\n".join(_notes)


@server.prompt()
def review(topic: str) -> str:
    """Ask for a review of the notes about a topic."""
    return f"Review my notes about {topic}."


def main() -> None:
    """Serve on a free loopback port and print its number on the first line."""
    listening = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    config = uvicorn.Config(server.streamable_http_app(), log_level="error")
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()

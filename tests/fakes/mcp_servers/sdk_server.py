"""A server built on the MCP SDK, over stdio, or with `--http` over streamable HTTP on a loopback port it prints.

With `--port` it listens on the port that follows. With `--resumable` its streams can be resumed. With `--sse` it serves
HTTP+SSE of 2024-11-05 instead.
"""

import json
import socket
import sys
from typing import Any

import anyio
import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp.types import JSONRPCMessage, ToolAnnotations

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


@server.tool()
async def in_parts(context: Context[Any], times: int) -> str:
    """Close the stream of the answer several times before it."""
    for number in range(times):
        await context.close_sse_stream()
        await anyio.sleep(0.3)
        await context.report_progress(number + 1, times)
    return "whole"


class _Events(EventStore):
    """Keeps the events of every stream in memory."""

    def __init__(self) -> None:
        self._events: list[tuple[str, JSONRPCMessage | None]] = []

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        self._events.append((stream_id, message))
        return str(len(self._events))

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        position = int(last_event_id)
        stream_id = self._events[position - 1][0]
        for number, (stream, message) in enumerate(self._events[position:], position + 1):
            if stream == stream_id and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream_id


def main() -> None:
    """Serve with the transport that the flags name."""
    if "--http" not in sys.argv:
        server.run("stdio")
        return
    port = int(sys.argv[sys.argv.index("--port") + 1]) if "--port" in sys.argv else 0
    listening = socket.create_server(("127.0.0.1", port))
    sys.stdout.write(json.dumps({"port": listening.getsockname()[1]}) + "\n")
    sys.stdout.flush()
    events = {"event_store": _Events(), "retry_interval": 100} if "--resumable" in sys.argv else {}
    if "--sse" in sys.argv:
        app = server.sse_app()
    else:
        app = server.streamable_http_app(json_response="--json" in sys.argv, **events)
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listening])


if __name__ == "__main__":
    main()

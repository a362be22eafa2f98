"""An MCP server that is as fast as Python allows, so that it limits no figure; prints its port.

A slow downstream would flatter every gateway: the dearer the part both share, the smaller the difference looks.
"""

import argparse
import asyncio
import re
from collections.abc import Callable
from typing import Any, cast

import msgspec
import uvloop

_LENGTH = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)
_INPUT = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "description": "The text to say again."},
        "padding": {"type": "integer", "description": "How many letters to add."},
    },
}
_HANDSHAKE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "bench", "version": "1"},
}


class _Params(msgspec.Struct):
    name: str = ""
    arguments: dict[str, Any] = {}


class _Message(msgspec.Struct):
    method: str
    id: int | str | None = None
    params: _Params = msgspec.field(default_factory=_Params)


_decoder = msgspec.json.Decoder(_Message)


class Downstream:
    """Answers messages; `tools` is the number of tools: `echo`, and others that are only listed."""

    def __init__(self, tools: int) -> None:
        listed = [_tool("echo"), *(_tool(f"tool_{number:05}") for number in range(1, tools))]
        self._tools = msgspec.json.encode({"tools": listed})

    def respond(self, head: bytes, body: bytes) -> bytes:
        """Return the whole HTTP response to one request."""
        if not head.startswith(b"POST "):
            return b"HTTP/1.1 405 Method Not Allowed\r\nAllow: POST\r\nContent-Length: 0\r\n\r\n"
        message = _decoder.decode(body)
        if message.id is None:
            return b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
        match message.method:
            case "tools/call":
                asked = message.params.arguments
                content = [{"type": "text", "text": asked["text"] + "x" * asked.get("padding", 0)}]
                outcome = b'"result":' + msgspec.json.encode({"content": content})
            case "tools/list":
                outcome = b'"result":' + self._tools
            case "initialize":
                outcome = b'"result":' + msgspec.json.encode(_HANDSHAKE)
            case _:
                outcome = b'"error":{"code":-32601,"message":"Method not found"}'
        reply = b'{"jsonrpc":"2.0","id":%b,%b}' % (msgspec.json.encode(message.id), outcome)
        return json_response(b"200 OK", reply)


class Connection(asyncio.Protocol):
    """One keep-alive connection with the part of HTTP that its callers use; `respond` gets head and body."""

    def __init__(self, respond: Callable[[bytes, bytes], bytes]) -> None:
        self._respond = respond
        self._received = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class is no subclass

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (response := self._next_response()) is not None:
            self._transport.write(response)

    def _next_response(self) -> bytes | None:
        head_end = self._received.find(b"\r\n\r\n") + 4
        if head_end < 4:
            return None
        head = self._received[:head_end]
        length = _LENGTH.search(head)
        end = head_end + (int(length[1]) if length else 0)
        if len(self._received) < end:
            return None
        body, self._received = self._received[head_end:end], self._received[end:]
        return self._respond(head, body)


def json_response(status: bytes, body: bytes) -> bytes:
    """Return a whole HTTP response."""
    head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % (status, len(body)) + body


def _tool(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "description": f"The tool {name}, described in a sentence.",
        "inputSchema": _INPUT,
        "annotations": {"readOnlyHint": True},
    }


async def serve(respond: Callable[[bytes, bytes], bytes]) -> None:
    """Listen on a free loopback port, print it, and serve until a signal."""
    server = await asyncio.get_running_loop().create_server(lambda: Connection(respond), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve until a signal."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--tools", type=int, default=1)
    uvloop.run(serve(Downstream(flags.parse_args().tools).respond))


if __name__ == "__main__":
    main()
